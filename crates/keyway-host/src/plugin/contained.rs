//! Turns panics of a plugin into values.
//!
//! See decision R4.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use keyway_core::{CallError, PluginError};
use tracing::error;

/// Reports that a plugin panicked. The text of the panic is dropped, since it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Calls `work`, and contains its panic.
///
/// After a panic the caller must drop the instance.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(discard)
}

/// Calls a function of a plugin that may fail, and contains its panic.
pub(crate) fn contain_call<T, E: PluginError + From<CallError>>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let result = contain(work).unwrap_or_else(|_| Err(CallError::Panicked { operation }.into()));
    result.map_err(|error| printable(operation, error))
}

/// Returns the error of a plugin's call, if it can be printed. The causes of an error may be of the plugin's own types,
/// and their code runs wherever the error is printed, without the guard. If that code panics, the plugin broke its
/// contract (decision H313).
pub(crate) fn printable<E: PluginError + From<CallError>>(operation: &'static str, error: E) -> E {
    // An error without a cause consists of the contract's own types.
    if contain(|| error.source().is_none() || !error.detail().is_empty()).is_ok() {
        return error;
    }
    let _ = contain(move || drop(error));
    CallError::violation(operation, "its error panics when it is printed").into()
}

/// Wraps a plugin's future and contains its panics, including panics of its destructor, whether the future completes or
/// is dropped.
pub(crate) struct Contained<'a, F> {
    /// The future, which the caller has pinned; `None` once it has ended.
    future: Pin<&'a mut Option<F>>,
}

impl<'a, F: Future> Contained<'a, F> {
    pub(crate) fn new(future: Pin<&'a mut Option<F>>) -> Self {
        Self { future }
    }
}

impl<F> Contained<'_, F> {
    fn discard_future(&mut self) -> Result<(), Panicked> {
        contain(|| self.future.set(None))
    }
}

impl<F: Future> Future for Contained<'_, F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = self.future.as_mut().as_pin_mut() else { return Poll::Ready(Err(Panicked)) };
        let outcome = match contain(|| future.poll(context)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panicked) => Err(panicked),
        };
        Poll::Ready(self.discard_future().and(outcome))
    }
}

impl<F> Drop for Contained<'_, F> {
    fn drop(&mut self) {
        // The owner of the call no longer waits for an answer, so a panic of the future's destructor is ignored.
        let _ = self.discard_future();
    }
}

fn discard(payload: Box<dyn Any + Send>) -> Panicked {
    // The destructor of the payload is plugin code, too.
    if catch_unwind(AssertUnwindSafe(move || drop(payload))).is_err() {
        error!("the payload of a plugin's panic panicked when it was dropped");
    }
    Panicked
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

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
        assert_eq!(Contained::new(pin!(Some(async { 7 }))).await, Ok(7));
        assert_eq!(Contained::new(pin!(Some(async { panic!("a") }))).await, Err::<(), _>(Panicked));
        let holds = PanicsWhenDropped;
        let future = async move {
            let _holds = &holds;
            7
        };
        assert_eq!(Contained::new(pin!(Some(future))).await, Err(Panicked));
    }
}
