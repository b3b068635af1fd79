//! One call of a plugin on a task of its own.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor, TryCurrentError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::abandoned::{Abandoned, Call};
use super::contained::Panicked;

/// There is no tokio runtime to run a call on.
#[derive(Debug)]
pub(crate) struct NoRuntime(pub(crate) TryCurrentError);

/// A call on a task of its own. Dropping it cancels the call; what does not end by that is among the
/// [`Abandoned`].
pub(crate) struct Running<T> {
    task: JoinHandle<Option<T>>,
    cancel: Option<oneshot::Sender<()>>,
    ended: bool,
    operation: &'static str,
    /// `None` is never.
    overdue: Option<Instant>,
    abandoned: Arc<Abandoned>,
}

impl<T: Send + 'static> Running<T> {
    pub(super) fn start(
        abandoned: Arc<Abandoned>,
        operation: &'static str,
        deadline: Duration,
        blocking: bool,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Self, NoRuntime> {
        let runtime = Handle::try_current().map_err(NoRuntime)?;
        let (cancel, cancelled) = oneshot::channel();
        let work = until_cancelled(work, cancelled);
        let task = if blocking || runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            let within = runtime.clone();
            runtime.spawn_blocking(move || within.block_on(work))
        } else {
            runtime.spawn(work)
        };
        let overdue = Instant::now().checked_add(deadline);
        Ok(Self { task, cancel: Some(cancel), ended: false, operation, overdue, abandoned })
    }

    /// The answer. Cancel safe: it can be asked for again.
    pub(crate) async fn answer(&mut self) -> Result<T, Panicked> {
        let joined = (&mut self.task).await;
        self.ended = true;
        match joined {
            Ok(Some(answer)) => Ok(answer),
            // Nobody but the owner of this value cancels, and then nobody asks.
            Ok(None) | Err(_) => Err(Panicked),
        }
    }

    pub(super) fn cancel(&mut self) {
        self.cancel = None;
        self.task.abort();
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
        self.task.abort();
        if !self.ended && !self.task.is_finished() {
            let task = self.task.abort_handle();
            self.abandoned.add(Call { operation: self.operation, task, overdue: self.overdue });
        }
    }
}

/// Polls `work` until it ends or the sender of `cancelled` is gone.
async fn until_cancelled<T>(work: impl Future<Output = T>, cancelled: oneshot::Receiver<()>) -> Option<T> {
    let mut work = pin!(work);
    let mut cancelled = pin!(cancelled);
    std::future::poll_fn(|context| {
        if let Poll::Ready(answer) = work.as_mut().poll(context) {
            return Poll::Ready(Some(answer));
        }
        cancelled.as_mut().poll(context).map(|_| None)
    })
    .await
}
