//! Lets the end of a session interrupt a fetch that waits in the queue.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts the calls under way that end a session, and wakes the fetch that waits.
#[derive(Debug, Default)]
pub(super) struct Ending {
    calls: AtomicUsize,
    announced: Notify,
}

/// A call that ends the session. It is under way until this value is dropped.
pub(super) struct EndUnderWay<'a>(&'a Ending);

impl Ending {
    /// Announces a call that ends the session.
    pub(super) fn announce(&self) -> EndUnderWay<'_> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.announced.notify_one();
        EndUnderWay(self)
    }

    /// Waits until a call that ends the session is under way. A wake-up of a call that was given up does not count.
    pub(super) async fn begins(&self) {
        while self.calls.load(Ordering::SeqCst) == 0 {
            self.announced.notified().await;
        }
    }
}

impl Drop for EndUnderWay<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}
