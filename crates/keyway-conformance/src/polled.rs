//! Polls futures a few times and drops them early.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::{Broken, broken};

/// Polls a future at most `times` times, once each time it is woken, and then drops it. Returns `None` if the future
/// did not end.
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

/// Awaits a call. Returns `None` if it panics.
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers"))]
pub(crate) async fn contained<T>(call: impl Future<Output = T>) -> Option<T> {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let mut call = pin!(call);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// The longest poll that a host allows to a call that does not declare `blocking`.
///
/// See decision R1.
const LONGEST_POLL: Duration = Duration::from_millis(50);

/// How many times a call is made before a long poll counts as a fault. A busy machine may delay one of these calls, but
/// it is unlikely to delay all of them.
const ATTEMPTS: usize = 5;

/// Demands that at least one of a few attempts of a call has no long poll. Other rules judge whether the call works.
pub(crate) async fn prompt_enough<'a>(
    what: &str,
    call: impl Fn() -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> + Send,
) -> Result<(), Broken> {
    let shortest = longest_of(LONGEST_POLL, call).await;
    if shortest <= LONGEST_POLL {
        return Ok(());
    }
    let expected = format!("the thread back within {} ms, or `blocking` declared", LONGEST_POLL.as_millis());
    let observed =
        format!("{what} held it for {} ms or more, each of {ATTEMPTS} times", shortest.as_millis());
    Err(broken(expected, observed))
}

/// Makes a call several times, until no poll takes longer than `allowed`. Returns the longest poll of the best attempt.
pub(crate) async fn longest_of<'a>(
    allowed: Duration,
    call: impl Fn() -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> + Send,
) -> Duration {
    let mut shortest = Duration::MAX;
    for _ in 0..ATTEMPTS {
        shortest = shortest.min(longest_poll(call()).await);
        if shortest <= allowed {
            break;
        }
    }
    shortest
}

/// Awaits a future. Returns the duration of its longest poll.
async fn longest_poll(future: impl Future<Output = ()> + Send) -> Duration {
    let (mut future, mut longest) = (pin!(future), Duration::ZERO);
    poll_fn(|context| {
        let begun = Instant::now();
        let poll = future.as_mut().poll(context);
        longest = longest.max(begun.elapsed());
        poll
    })
    .await;
    longest
}

/// The time limit for a call.
#[cfg(any(feature = "certificates", feature = "credentials"))]
pub(crate) const IN_TIME: Duration = Duration::from_secs(10);

/// Awaits a call with odd data. Fails if the call panics or does not end; a refusal is allowed.
#[cfg(any(feature = "certificates", feature = "credentials"))]
pub(crate) async fn answered<T>(
    call: impl Future<Output = T> + Send,
    method: &str,
    what: &str,
) -> Result<T, Broken> {
    let expected = || format!("an answer or a refusal of `{method}` with {what}");
    let answer = tokio::time::timeout(IN_TIME, contained(call)).await;
    let answer = answer.map_err(|_| broken(expected(), format!("it was still running after {IN_TIME:?}")))?;
    answer.ok_or_else(|| broken(expected(), "it panicked"))
}
