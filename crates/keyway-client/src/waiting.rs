//! Waits for a future on the thread that wants its result.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Polls the future on this thread until it is ready, and parks the thread in between.
///
/// May be nested: each call has a flag of its own, so that an inner one that takes the
/// outer one's token leaves its flag.
pub(crate) fn wait_for<F: Future>(future: F) -> F::Output {
    let parked = Arc::new(Parked { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&parked));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        while !parked.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

struct Parked {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Ready when it is polled for the second time, which a thread causes after a while.
    fn later(times: u32) -> impl Future<Output = u32> {
        let mut polled = 0;
        std::future::poll_fn(move |context| {
            polled += 1;
            if polled > times {
                return Poll::Ready(polled);
            }
            let waker = context.waker().clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(5));
                waker.wake();
            });
            Poll::Pending
        })
    }

    #[test]
    fn it_waits_until_it_is_woken() {
        assert_eq!(wait_for(async { 7 }), 7);
        assert_eq!(wait_for(later(3)), 4);
    }

    #[test]
    fn a_wake_before_parking_is_not_lost() {
        let mut polled = false;
        let ready_at_once = std::future::poll_fn(|context| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        });
        wait_for(ready_at_once);
    }

    #[test]
    fn an_inner_wait_leaves_the_outer_ones_wake() {
        let mut polled = false;
        let outer = std::future::poll_fn(|context| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            // The thread's token is set for the outer one, and the inner one takes it.
            context.waker().wake_by_ref();
            assert_eq!(wait_for(later(1)), 2);
            Poll::Pending
        });
        wait_for(outer);
    }
}
