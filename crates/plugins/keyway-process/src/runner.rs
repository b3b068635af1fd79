//! Running a program for callers that do not want to wait on their thread.

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

/// Runs one program, so many times at once (decision W7). It needs no runtime: the caller's
/// thread starts a program, which takes a fraction of a millisecond, and threads of the
/// runner's own wait for it.
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
    program: Program,
    environment: Environment,
    limits: Limits,
    parallel: NonZeroUsize,
    places: Arc<Semaphore>,
    workers: Workers,
    #[cfg(target_os = "linux")]
    supervisors: Option<Arc<Supervisors>>,
}

impl Runner {
    /// How long a thread stays without work.
    const IDLE: Duration = Duration::from_secs(10);

    /// A runner. It does no I/O, and starts no thread before the first run.
    pub fn new(program: Program, environment: Environment, limits: Limits, parallel: NonZeroUsize) -> Self {
        Self {
            program,
            environment,
            limits,
            parallel,
            places: Arc::new(Semaphore::new(parallel.get())),
            workers: Workers::new(Self::IDLE),
            #[cfg(target_os = "linux")]
            supervisors: None,
        }
    }

    /// Has a helper start the programs and end all that they start (H65). Helpers are started when they are
    /// first needed, and end when the runner is dropped.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn with_helper(mut self, helper: Helper) -> Self {
        self.supervisors = Some(Supervisors::new(helper));
        self
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// How many may run at a time.
    pub fn parallel(&self) -> NonZeroUsize {
        self.parallel
    }

    /// What bounds a run.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    fn launch(&self) -> Launch<'_> {
        Launch {
            program: &self.program,
            environment: &self.environment,
            #[cfg(target_os = "linux")]
            supervisors: self.supervisors.as_ref(),
        }
    }

    /// Waits for a free place, runs the program, and returns what it printed. The deadline
    /// begins when the program is started.
    ///
    /// # Errors
    /// [`RunError`]. Except where [`nothing_started`](RunError::nothing_started), what the
    /// program did before it failed is done.
    ///
    /// # Cancel safety
    /// Dropping the future while it waits for a place does nothing. Dropping it later kills
    /// the program, with its group and what it left behind, without anybody having to wait
    /// for that; the place is free when it is done.
    pub async fn run(&self, input: Input) -> Result<Finished, RunError> {
        let place = self.places.acquire_arc().await;
        let (sender, receiver) = oneshot::channel();
        // Before the program: once that is started, nobody can say any more that nothing happened.
        let mut worker = self.workers.reserve().map_err(|source| RunError::Start { source })?;
        // Here, because a program is started as soon on this thread as another one is woken.
        let mut running = Running::start(&self.launch(), self.limits, input)?;
        if let Some((notice, at_the_latest)) = running.next_look() {
            worker.sleep_until(notice, at_the_latest);
        }
        let cancellation = worker
            .start(Box::new(move |cancel| {
                let result = running.finish(cancel);
                // Before the answer: whoever has it may ask again at once.
                drop(place);
                // Nobody may be there to hear it.
                let _ = sender.send(result);
                // Now, because nobody needs to wait until all is closed.
                drop(running);
            }))
            .map_err(|source| RunError::System { what: "wait for it", source })?;
        let mut guard = CancelOnDrop(Some(cancellation));
        let result = receiver.await;
        guard.0 = None;
        result.unwrap_or_else(|_| {
            let source = io::Error::other("the thread that ran it is gone");
            Err(RunError::System { what: "wait for it", source })
        })
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
