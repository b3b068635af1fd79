//! Waits for several futures at once.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// Makes a future of each item, and polls all futures until the last one is ready. Returns their outputs in the order
/// of the items.
///
/// Each wake-up polls every future that is not ready, so this is meant for a few futures. The first one is not moved to
/// the heap, since most sessions have one vault.
pub(super) async fn together<T, F: Future>(items: Vec<T>, future_of: impl Fn(T) -> F) -> Vec<F::Output> {
    let mut items = items.into_iter();
    let Some(first) = items.next() else { return Vec::new() };
    let mut first_output = None;
    let mut first = pin!(future_of(first));
    let mut others: Vec<_> = items.map(|item| (Box::pin(future_of(item)), None)).collect();
    poll_fn(|context| {
        let mut are_ready = is_ready(first.as_mut(), &mut first_output, context);
        for (future, output) in &mut others {
            are_ready &= is_ready(future.as_mut(), output, context);
        }
        if are_ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    first_output.into_iter().chain(others.into_iter().filter_map(|(_, output)| output)).collect()
}

/// Polls a future that has no output yet.
fn is_ready<F: Future>(
    future: Pin<&mut F>,
    output: &mut Option<F::Output>,
    context: &mut Context<'_>,
) -> bool {
    if output.is_none()
        && let Poll::Ready(ready) = future.poll(context)
    {
        *output = Some(ready);
    }
    output.is_some()
}
