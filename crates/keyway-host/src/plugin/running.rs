//! Runs one plugin call on a task of its own, or on a blocking thread.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
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
const THREADS: usize = 8;

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
            threads: Arc::new(Semaphore::new(THREADS)),
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
    operation: &'static str,
    /// When the call starts to count as hanging; `None` means never.
    overdue: Option<Instant>,
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
        let work = until_cancelled(work, cancelled);
        let workers = match runtime.runtime_flavor() {
            RuntimeFlavor::CurrentThread => 1,
            _ => runtime.metrics().num_workers(),
        };
        let task = if workers > 1 && !calls.watch.blocks(pace) {
            runtime.spawn(on_worker(Arc::clone(calls), operation, workers, work))
        } else {
            match Arc::clone(&calls.threads).try_acquire_owned() {
                Ok(thread) => on_thread(Arc::clone(calls), thread, Box::pin(work)),
                Err(_) => runtime.spawn(on_next_thread(Arc::clone(calls), Box::pin(work))),
            }
        };
        let overdue = Instant::now().checked_add(deadline);
        Ok(Self { task, cancel: Some(cancel), ended: false, operation, overdue, calls: Arc::clone(calls) })
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
        if !self.ended && !self.task.is_finished() {
            let task = self.task.abort_handle();
            self.calls.abandoned.add(Call { operation: self.operation, task, overdue: self.overdue });
        }
    }
}

/// Polls on a worker thread while one is free, and otherwise moves the call to a blocking thread. The task ends only
/// when the call ends, so that a call that hangs is noticed.
async fn on_worker<T: Send + 'static>(
    calls: Arc<Calls>,
    operation: &'static str,
    workers: usize,
    work: impl Future<Output = Option<T>> + Send + 'static,
) -> Option<T> {
    let mut work = Box::pin(work);
    let polled = poll_fn(|context| {
        match calls.watch.poll_on_worker(operation, workers, || work.as_mut().poll(context)) {
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

/// Waits for a free blocking thread and continues the call on it.
async fn on_next_thread<T: Send + 'static>(
    calls: Arc<Calls>,
    work: Pin<Box<impl Future<Output = Option<T>> + Send + 'static>>,
) -> Option<T> {
    // The semaphore is never closed.
    let thread = Arc::clone(&calls.threads).acquire_owned().await.ok()?;
    match on_thread(calls, thread, work).await {
        Ok(answer) => answer,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}

fn on_thread<T: Send + 'static>(
    calls: Arc<Calls>,
    thread: OwnedSemaphorePermit,
    work: Pin<Box<impl Future<Output = Option<T>> + Send + 'static>>,
) -> JoinHandle<Option<T>> {
    let runtime = Handle::current();
    runtime.clone().spawn_blocking(move || {
        // While a call hangs, its plugin stays quarantined, even if all handles are gone.
        let _kept = (calls, thread);
        runtime.block_on(work)
    })
}

/// Polls `work` until it ends or the sender of `cancelled` is gone. A call that is cancelled before
/// its start never starts.
async fn until_cancelled<T>(work: impl Future<Output = T>, cancelled: oneshot::Receiver<()>) -> Option<T> {
    let mut work = pin!(work);
    let mut cancelled = pin!(cancelled);
    poll_fn(|context| {
        if cancelled.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        work.as_mut().poll(context).map(Some)
    })
    .await
}
