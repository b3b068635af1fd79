//! Runs a program without blocking the caller's thread.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_lock::Semaphore;
use futures_channel::oneshot;

use crate::environment::Environment;
use crate::program::Program;
use crate::run::{Finished, Input, Launch, Limits, RunError, Running};
use crate::workers::{Cancellation, Workers};
#[cfg(target_os = "linux")]
use crate::{helper::Helper, supervisor::Supervisors};

/// Runs one program with limited concurrency. Needs no runtime: the caller's thread starts a program, which takes a
/// fraction of a millisecond, and threads of the runner wait for its end (decision W7). With a helper, these threads
/// also start the program, because a helper may answer late (H332).
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use keyway_process::{Environment, Input, Limits, Program, Runner};
///
/// let program = Program::new("/bin/cat")?;
/// let runner = Runner::new(program, Environment::of_the_host(), Limits::DEFAULT, NonZeroUsize::MIN);
/// let input = Input::Standard(b"hello".to_vec().into());
/// let finished = pollster::block_on(runner.run(input))?;
/// assert_eq!(finished.output.as_slice(), b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Runner {
    launch: Launch,
    limits: Limits,
    parallel: NonZeroUsize,
    permits: Arc<Semaphore>,
    workers: Workers,
}

impl Runner {
    /// The time after which an idle thread ends.
    const IDLE: Duration = Duration::from_secs(10);
    /// The time for which a drop waits until its helpers have ended.
    #[cfg(target_os = "linux")]
    const ENDING: Duration = Duration::from_millis(50);

    /// Makes a runner. Does no I/O, and starts no thread before the first run.
    pub fn new(program: Program, environment: Environment, limits: Limits, parallel: NonZeroUsize) -> Self {
        Self {
            launch: Launch::new(program, environment),
            limits,
            parallel,
            permits: Arc::new(Semaphore::new(parallel.get())),
            workers: Workers::new(Self::IDLE),
        }
    }

    /// Lets a helper start the programs and end all their processes. Helpers are started on first use, and end when the
    /// runner is dropped, which does not wait for them (H65).
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn with_helper(mut self, helper: Helper) -> Self {
        self.launch.supervisors = Some(Supervisors::new(helper));
        self
    }

    /// Returns the program.
    pub fn program(&self) -> &Program {
        &self.launch.program
    }

    /// Returns the number of runs at once.
    pub fn parallel(&self) -> NonZeroUsize {
        self.parallel
    }

    /// Returns the limits of a run.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Waits for a permit, runs the program, and returns its output. The deadline begins with the start of the
    /// program.
    ///
    /// # Errors
    /// [`RunError`]. Unless [`nothing_started`](RunError::nothing_started), effects of the program may remain.
    ///
    /// # Cancel safety
    /// Dropping the future while it waits for a permit does nothing. Dropping it later kills the program, its
    /// group and the processes that it left behind, in the background; the permit is free when that is done.
    pub async fn run(&self, input: Input) -> Result<Finished, RunError> {
        let permit = self.permits.acquire_arc().await;
        let (sender, receiver) = oneshot::channel();
        // Reserve the thread first: if that failed after the start of the program, the error could not promise that
        // nothing happened.
        let mut worker = self.workers.reserve().map_err(|source| RunError::Start { source })?;
        let begun = if self.launch.needs_helper() {
            // A helper may answer late, or never.
            Err(input)
        } else {
            // Start here, because starting a program takes no longer than waking another thread.
            let running = Running::start(&self.launch, self.limits, input, None)?;
            if let Some((notice, at_the_latest)) = running.next_look() {
                worker.sleep_until(notice, at_the_latest);
            }
            Ok(running)
        };
        let (launch, limits) = (self.launch.clone(), self.limits);
        let cancellation = worker
            .start(Box::new(move |cancel| {
                let (result, running) =
                    match begun.or_else(|input| Running::start(&launch, limits, input, Some(cancel))) {
                        Ok(mut running) => (running.finish(cancel), Some(running)),
                        Err(error) => (Err(error), None),
                    };
                // Free the permit before the answer is sent, because the receiver may start the next run at once.
                drop(permit);
                // The receiver may be gone.
                let _ = sender.send(result);
                // Close the streams after the answer is sent, so that the caller does not wait until they are closed.
                drop(running);
            }))
            .map_err(|source| RunError::System { what: "wait for it", source })?;
        let mut guard = CancelOnDrop(Some(cancellation));
        let result = receiver.await;
        guard.0 = None;
        result.unwrap_or_else(|_| {
            let source = io::Error::other("its worker thread is gone");
            Err(RunError::System { what: "wait for it", source })
        })
    }
}

#[cfg(target_os = "linux")]
impl Drop for Runner {
    /// Lets a thread of the runner end the helpers, because a stopped one takes seconds. Waits for it for a short
    /// time: a process that ends at once would leave the cgroups of the helpers behind.
    fn drop(&mut self) {
        let Some(supervisors) = self.launch.supervisors.take().filter(|all| all.has_idle()) else { return };
        // Without a thread, the helpers are ended on this one.
        if let Ok(worker) = self.workers.reserve() {
            let (sender, ended) = std::sync::mpsc::channel();
            let _ = worker.start(Box::new(move |_| {
                drop(supervisors);
                let _ = sender.send(());
            }));
            let _ = ended.recv_timeout(Self::ENDING);
        }
    }
}

struct CancelOnDrop(Option<Cancellation>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(cancellation) = &self.0 {
            cancellation.cancel();
        }
    }
}
