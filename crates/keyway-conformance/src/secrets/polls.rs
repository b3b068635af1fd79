//! Runs several futures: interleaved on one thread, or on separate threads.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::thread;

use crate::runtime::runtime;
use crate::{Broken, broken};

/// A future that [`in_turns`] polls alternately with others.
pub(super) type Turn<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs futures interleaved. Each step polls one of the futures that have not ended: `choose` returns any number, and
/// its remainder selects the future.
pub(super) async fn in_turns<T: Send>(futures: Vec<Turn<'_, T>>, choose: impl Fn() -> u64 + Send) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().enumerate().collect();
    let mut done = Vec::new();
    poll_fn(|context| {
        if waiting.is_empty() {
            return Poll::Ready(());
        }
        let at = usize::try_from(choose() % waiting.len() as u64).unwrap_or(0);
        if let Poll::Ready(value) = waiting[at].1.as_mut().poll(context) {
            let (number, _) = waiting.swap_remove(at);
            done.push((number, value));
        }
        if waiting.is_empty() {
            return Poll::Ready(());
        }
        // Wakes the task again, since a future that this step did not poll may be ready.
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, value)| value).collect()
}

/// Runs each job on its own thread.
pub(super) fn on_threads<T: Send>(jobs: Vec<Turn<'_, Result<T, Broken>>>) -> Result<Vec<T>, Broken> {
    let panicked = || broken("no panic", "a thread of the rule panicked");
    thread::scope(|scope| {
        let threads: Vec<_> =
            jobs.into_iter().map(|job| scope.spawn(move || runtime()?.block_on(job))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))).collect()
    })
}
