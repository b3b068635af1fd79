//! Panics of a plugin, turned into values (decision R4).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tracing::error;

/// A plugin panicked. The text of the panic is not kept: it may hold anything, a secret too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Calls `work`, and contains its panic.
///
/// After a panic the caller drops the instance.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(discard)
}

/// A future of a plugin's whose panics are contained, those of its destruction too, whether it
/// came to its end or is dropped before.
pub(crate) struct Contained<F> {
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Contained<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Some(Box::pin(future)) }
    }

    fn discard_future(&mut self) -> Result<(), Panicked> {
        let future = self.future.take();
        contain(move || drop(future))
    }
}

impl<F: Future> Future for Contained<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else { return Poll::Ready(Err(Panicked)) };
        let outcome = match contain(|| future.as_mut().poll(context)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panicked) => Err(panicked),
        };
        Poll::Ready(self.discard_future().and(outcome))
    }
}

impl<F> Drop for Contained<F> {
    fn drop(&mut self) {
        let future = self.future.take();
        // Its owner does not wait for an answer any more.
        let _ = contain(move || drop(future));
    }
}

fn discard(payload: Box<dyn Any + Send>) -> Panicked {
    // The payload's own drop is the plugin's code too.
    if catch_unwind(AssertUnwindSafe(move || drop(payload))).is_err() {
        error!("what a plugin's panic left behind panicked when it was dropped");
    }
    Panicked
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("while dropping");
        }
    }

    #[tokio::test]
    async fn every_panic_is_contained() {
        assert_eq!(contain(|| 7), Ok(7));
        assert_eq!(contain(|| -> u8 { panic!("a") }), Err(Panicked));
        assert_eq!(contain(|| -> u8 { std::panic::panic_any(PanicsWhenDropped) }), Err(Panicked));
        assert_eq!(Contained::new(async { 7 }).await, Ok(7));
        assert_eq!(Contained::new(async { panic!("a") }).await, Err::<(), _>(Panicked));
        let holds = PanicsWhenDropped;
        let future = async move {
            let _holds = &holds;
            7
        };
        assert_eq!(Contained::new(future).await, Err(Panicked));
    }
}
