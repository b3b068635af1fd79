//! Runs one plugin call on a task of its own, or on a blocking thread.

use std::future::poll_fn;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use keyway_core::CallError;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::abandoned::{Abandoned, Call};
use super::contained::Panicked;
use super::pace::{Pace, Watch};

/// The maximum number of blocking threads for the calls that share one [`Calls`].
pub(super) const THREADS: NonZero<usize> = NonZero::new(8).unwrap();

/// When a call began, which is at its first poll. The first write decides: `None` means that the owner of the call
/// has given up the wait, so that the call never begins.
type Begun = Arc<OnceLock<Option<Instant>>>;

/// Holds the state that is shared by all calls of one plugin and store, or of one service, whichever handle makes them.
///
/// See decision R7.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(super) abandoned: Abandoned,
    pub(super) watch: Watch,
    threads: Arc<Semaphore>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            abandoned: Abandoned::default(),
            watch: Watch::default(),
            threads: Arc::new(Semaphore::new(THREADS.get())),
        }
    }
}

/// A call on a task of its own. Dropping it cancels the call. If the call continues nevertheless, it becomes an
/// [`Abandoned`] call.
pub(crate) struct Running<T> {
    task: JoinHandle<Option<T>>,
    /// Dropping the sender cancels the call.
    cancel: Option<oneshot::Sender<()>>,
    ended: bool,
    begun: Begun,
    operation: &'static str,
    /// How long the call may run before it counts as hanging.
    deadline: Duration,
    calls: Arc<Calls>,
}

impl<T: Send + 'static> Running<T> {
    pub(super) fn start(
        calls: &Arc<Calls>,
        operation: &'static str,
        deadline: Duration,
        pace: Pace,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Self, CallError> {
        let runtime = Handle::try_current().map_err(|_| CallError::NoRuntime)?;
        let (cancel, cancelled) = oneshot::channel();
        let begun = Begun::default();
        let work = Work { call: Box::pin(work), cancelled, begun: Arc::clone(&begun) };
        let workers = match runtime.runtime_flavor() {
            RuntimeFlavor::CurrentThread => 1,
            _ => runtime.metrics().num_workers(),
        };
        let task = if workers > 1 && !calls.watch.blocks(pace) {
            runtime.spawn(on_worker(Arc::clone(calls), operation, workers, work))
        } else {
            match Arc::clone(&calls.threads).try_acquire_owned() {
                Ok(thread) => on_thread(Arc::clone(calls), thread, work),
                Err(_) => runtime.spawn(on_next_thread(Arc::clone(calls), work)),
            }
        };
        let (cancel, calls) = (Some(cancel), Arc::clone(calls));
        Ok(Self { task, cancel, ended: false, begun, operation, deadline, calls })
    }

    /// Waits for the answer. Cancel safe: after the future is dropped, the function can be called again.
    pub(crate) async fn answer(&mut self) -> Result<T, Panicked> {
        let joined = (&mut self.task).await;
        self.ended = true;
        match joined {
            Ok(Some(answer)) => Ok(answer),
            // Only the owner of this value can cancel the call, and an owner that did so does not ask for the answer.
            // So here the call has panicked.
            Ok(None) | Err(_) => Err(Panicked),
        }
    }

    /// Returns when the call began. A call that has not begun will never begin, and has no effect.
    pub(crate) fn begun(&self) -> Option<Instant> {
        *self.begun.get_or_init(|| None)
    }

    /// Returns how much is left of a limit that applies to the run of the call, and not to its wait for a thread. A
    /// call that has not begun has nothing left.
    pub(crate) fn rest_of(&self, limit: Duration) -> Duration {
        self.begun().map_or(Duration::ZERO, |begun| limit.saturating_sub(begun.elapsed()))
    }

    pub(super) fn cancel(&mut self) {
        self.cancel = None;
    }

    pub(super) async fn ended(&mut self) {
        if !self.ended {
            let _ = (&mut self.task).await;
            self.ended = true;
        }
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.cancel = None;
        let begun = *self.begun.get_or_init(|| None);
        if let Some(begun) = begun
            && !self.ended
            && !self.task.is_finished()
        {
            let (task, overdue) = (self.task.abort_handle(), begun.checked_add(self.deadline));
            self.calls.abandoned.add(Call { operation: self.operation, task, overdue });
        }
    }
}

/// A call on its way between threads. It ends without an answer if it is cancelled.
struct Work<F> {
    call: Pin<Box<F>>,
    /// Ready when the owner of the call has cancelled it.
    cancelled: oneshot::Receiver<()>,
    begun: Begun,
}

impl<F: Future> Future for Work<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let is_cancelled = Pin::new(&mut self.cancelled).poll(context).is_ready();
        if is_cancelled || self.begun.get_or_init(|| Some(Instant::now())).is_none() {
            return Poll::Ready(None);
        }
        self.call.as_mut().poll(context).map(Some)
    }
}

/// Polls on a worker thread while one is free, and otherwise moves the call to a blocking thread. The task ends only
/// when the call ends, so that a call that hangs is noticed.
async fn on_worker<T: Send + 'static>(
    calls: Arc<Calls>,
    operation: &'static str,
    workers: usize,
    mut work: Work<impl Future<Output = T> + Send + 'static>,
) -> Option<T> {
    let polled = poll_fn(|context| {
        match calls.watch.poll_on_worker(operation, workers, || Pin::new(&mut work).poll(context)) {
            Some(Poll::Ready(answer)) => Poll::Ready(Some(answer)),
            Some(Poll::Pending) => Poll::Pending,
            None => Poll::Ready(None),
        }
    });
    match polled.await {
        Some(answer) => answer,
        None => on_next_thread(calls, work).await,
    }
}

/// Waits for a free blocking thread and continues the call on it. A cancelled call does not wait.
async fn on_next_thread<T: Send + 'static>(
    calls: Arc<Calls>,
    mut work: Work<impl Future<Output = T> + Send + 'static>,
) -> Option<T> {
    let thread = tokio::select! {
        biased;
        _ = &mut work.cancelled => return None,
        // The semaphore is never closed.
        thread = Arc::clone(&calls.threads).acquire_owned() => thread.ok()?,
    };
    match on_thread(calls, thread, work).await {
        Ok(answer) => answer,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}

fn on_thread<T: Send + 'static>(
    calls: Arc<Calls>,
    thread: OwnedSemaphorePermit,
    work: Work<impl Future<Output = T> + Send + 'static>,
) -> JoinHandle<Option<T>> {
    let runtime = Handle::current();
    runtime.clone().spawn_blocking(move || {
        // While a call hangs, its plugin stays quarantined, even if all handles are gone.
        let _kept = (calls, thread);
        runtime.block_on(work)
    })
}
