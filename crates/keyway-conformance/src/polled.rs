//! Futures that are dropped early.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Polls a future at most `times` times, each time when it is woken, and then drops it.
/// Returns `None` if it did not end.
pub(crate) async fn polled<T>(times: usize, future: impl Future<Output = T> + Send) -> Option<T> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
