//! Decides whether a request is made again, and when.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// Decides about further attempts of a read. A write is never repeated, because its effect is unknown if its answer is
/// lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// The maximum number of attempts after the first one.
    pub(crate) retries: u32,
}

/// A temporary failure of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passing {
    /// The time that the service asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl RetryPolicy {
    /// Returns the time to wait before the next attempt. Returns `None` after the last attempt, and also if the wait
    /// would use up the time `left` for all attempts.
    ///
    /// The waits double from 0.1 s to 2 s. Each one is shortened to a random share between one half and the whole, but
    /// never below 0.1 s or the wait that the service asks for. `jitter` chooses the share: 0 is one half, the largest
    /// number the whole.
    pub(crate) fn next(
        self,
        failures: u32,
        failure: Passing,
        jitter: u8,
        left: Duration,
    ) -> Option<Duration> {
        let earlier = failures.checked_sub(1)?;
        if earlier >= self.retries {
            return None;
        }
        let whole = FIRST.saturating_mul(1 << earlier.min(10)).min(LONGEST);
        let half = whole / 2;
        let share = (half + half * u32::from(jitter) / u32::from(u8::MAX)).max(FIRST);
        let wait = share.max(failure.retry_after.unwrap_or_default());
        (wait < left).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::vectors;

    const LONG: Duration = Duration::from_secs(180);

    /// Plays the answers of a recorded case, and returns the waits between its attempts.
    fn waits(vector: &Value) -> Vec<f64> {
        let input = &vector["input"];
        let per_call = &input["kwargs"]["max_network_retries"];
        let retries = if per_call.is_u64() { per_call } else { &input["max_network_retries"] };
        let policy = RetryPolicy { retries: u32::try_from(retries.as_u64().unwrap()).unwrap() };
        let failures = input["answers"].as_array().unwrap().iter().take_while(|answer| answer.is_array());
        let waits = failures.zip(1..).map_while(|(answer, failures)| {
            let seconds = answer[3]["retry_after_seconds"].as_u64();
            policy.next(failures, Passing { retry_after: seconds.map(Duration::from_secs) }, 0, LONG)
        });
        waits.map(|wait| wait.as_secs_f64()).collect()
    }

    #[test]
    fn waits_are_those_of_the_python_client() {
        let vectors = vectors::of("v2.retry.");
        assert!(vectors.len() >= 10);
        // This test leaves out the cases in which the failure is not temporary. Other code recognizes those cases, by
        // the status and the kind of the operation.
        let lasting =
            ["write_never", "env_create_never", "not_retryable", "internal_never", "auth_flag_ignored"];
        let is_lasting =
            |vector: &&Value| lasting.iter().any(|end| vector["id"].as_str().unwrap().ends_with(end));
        for vector in vectors.iter().filter(|vector| !is_lasting(vector)) {
            let Some(sleeps) = vector["expected"]["sleeps"].as_array() else { continue };
            let sleeps: Vec<f64> = sleeps.iter().map(|sleep| sleep.as_f64().unwrap()).collect();
            assert_eq!(waits(vector), sleeps, "{}", vector["id"]);
        }
    }

    #[test]
    fn a_wish_beyond_the_deadline_ends_the_call_at_once() {
        let policy = RetryPolicy { retries: 3 };
        let asked = Passing { retry_after: Some(Duration::from_secs(30)) };
        assert_eq!(policy.next(1, asked, 0, Duration::from_secs(29)), None);
        assert_eq!(policy.next(1, asked, 0, Duration::from_secs(31)), Some(Duration::from_secs(30)));
    }

    proptest! {
        #[test]
        fn attempts_end_and_waits_stay_within_their_bounds(
            retries in 0_u32..1000, jitter: u8, asked in prop::option::of(0_u64..100_000), left in 0_u64..200_000,
        ) {
            let policy = RetryPolicy { retries };
            let failure = Passing { retry_after: asked.map(Duration::from_millis) };
            let left = Duration::from_millis(left);
            for failures in 1..retries.min(40) + 3 {
                let Some(wait) = policy.next(failures, failure, jitter, left) else { continue };
                prop_assert!(failures <= retries);
                prop_assert!(wait < left && wait >= FIRST && wait >= failure.retry_after.unwrap_or_default());
                prop_assert!(wait <= LONGEST.max(failure.retry_after.unwrap_or_default()));
            }
            prop_assert_eq!(policy.next(retries + 1, failure, jitter, left), None);
        }
    }
}
