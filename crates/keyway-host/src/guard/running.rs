//! One call of a plugin on a task of its own.

use std::pin::pin;
use std::task::Poll;

use tokio::runtime::{Handle, RuntimeFlavor, TryCurrentError};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};

use super::contained::Panicked;

/// There is no tokio runtime to run a call on.
#[derive(Debug)]
pub(crate) struct NoRuntime(pub(crate) TryCurrentError);

/// A call on a task of its own. Dropping it cancels the call.
pub(crate) struct Running<T> {
    task: JoinHandle<Option<T>>,
    cancel: Option<oneshot::Sender<()>>,
    ended: bool,
}

impl<T: Send + 'static> Running<T> {
    pub(crate) fn start(
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
        Ok(Self { task, cancel: Some(cancel), ended: false })
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

    pub(super) fn abort_handle(&self) -> AbortHandle {
        self.task.abort_handle()
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.task.abort();
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
