//! Polls futures a few times and drops them early.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers"))]
use crate::broken;
use crate::{Broken, ensure};

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

/// A demand on the time of each poll of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promptness {
    longest_poll: Duration,
    expected: &'static str,
}

/// The demand on a call that does not declare `blocking`.
///
/// See decision R1.
pub(crate) const HOST_THREAD: Promptness = Promptness {
    longest_poll: Duration::from_millis(50),
    expected: "the thread back within 50 ms, or `blocking` declared",
};

/// The demand on a call that declares `prompt`. The contract permits a millisecond, and a busy machine adds to it.
pub(crate) const CALLERS_TASK: Promptness = Promptness {
    longest_poll: Duration::from_millis(10),
    expected: "the thread back within a millisecond, as `prompt` declares",
};

/// How many times a call is made before a long poll counts as a fault. A busy machine may delay one of these calls, but
/// it is unlikely to delay all of them.
const ATTEMPTS: usize = 5;

/// A few attempts of a call, of which at least one must have no long poll. Other rules judge whether the call works.
///
/// A plugin may have nothing to do for a call that repeats an earlier one, so each attempt needs an intent, an order or
/// a name of its own.
pub(crate) struct Attempts<'w> {
    what: &'w str,
    demanded: Promptness,
    left: usize,
    /// The longest poll of the best attempt.
    shortest: Duration,
}

impl<'w> Attempts<'w> {
    pub(crate) const fn of(what: &'w str, demanded: Promptness) -> Self {
        Self { what, demanded, left: ATTEMPTS, shortest: Duration::MAX }
    }

    /// Begins the next attempt. Returns false if no attempt is needed or left.
    pub(crate) fn another(&mut self) -> bool {
        let is_needed = self.left > 0 && self.shortest > self.demanded.longest_poll;
        self.left -= usize::from(is_needed);
        is_needed
    }

    /// Makes the call of an attempt.
    pub(crate) async fn timed<T>(&mut self, call: impl Future<Output = T> + Send) -> T {
        let (answer, longest) = longest_poll(call).await;
        self.shortest = self.shortest.min(longest);
        answer
    }

    /// Judges the attempts.
    pub(crate) fn judged(self) -> Result<(), Broken> {
        let held = format!("{} held it for {} ms or more", self.what, self.shortest.as_millis());
        let observed = format!("{held}, each of {ATTEMPTS} times");
        ensure(self.shortest <= self.demanded.longest_poll, self.demanded.expected, observed)
    }
}

/// Awaits a future. Returns its result, and the duration of its longest poll.
async fn longest_poll<T>(future: impl Future<Output = T> + Send) -> (T, Duration) {
    let (mut future, mut longest) = (pin!(future), Duration::ZERO);
    let answer = poll_fn(|context| {
        let begun = Instant::now();
        let poll = future.as_mut().poll(context);
        longest = longest.max(begun.elapsed());
        poll
    })
    .await;
    (answer, longest)
}

/// Awaits a call with odd data, or after a call that was dropped. Fails if the call panics or does not end in time; a refusal is allowed.
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers"))]
pub(crate) async fn answered<T>(
    call: impl Future<Output = T> + Send,
    in_time: Duration,
    method: &str,
    what: &str,
) -> Result<T, Broken> {
    let expected = || format!("an answer or a refusal of `{method}` with {what}");
    let answer = tokio::time::timeout(in_time, contained(call)).await;
    let answer = answer.map_err(|_| broken(expected(), format!("it was still running after {in_time:?}")))?;
    answer.ok_or_else(|| broken(expected(), "it panicked"))
}
