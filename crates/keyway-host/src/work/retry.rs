//! Decides when to retry a failed plugin call.

use std::time::Duration;

use keyway_core::Timestamp;

/// Sets how revocations, and questions about the result of a request, are retried.
///
/// The wait doubles from `first` up to `longest`. Jitter adds at most half of the wait. Retries end
/// after `attempts` or after `within`: then the grant stays listed, and a user's next revocation
/// starts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retries {
    /// The wait after the first failure, 10 s by default.
    pub first: Duration,
    /// The longest wait, 1 h by default.
    pub longest: Duration,
    /// How often the plugin is asked in total, 20 times by default.
    pub attempts: u32,
    /// For how long to retry, counted from the first attempt, 3 days by default.
    pub within: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(10),
            longest: Duration::from_secs(3600),
            attempts: 20,
            within: Duration::from_secs(3 * 24 * 3600),
        }
    }
}

impl Retries {
    /// Sets the wait after the first failure.
    #[must_use]
    pub fn with_first(mut self, first: Duration) -> Self {
        self.first = first;
        self
    }

    /// Sets the longest wait.
    #[must_use]
    pub fn with_longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// Sets how often the plugin is asked in total.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets for how long to retry.
    #[must_use]
    pub fn with_within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Returns the wait after this many failures, the last one included.
    ///
    /// The wait is never shorter than `retry_after`, which the plugin asked for, and never longer
    /// than the longest `Duration`. `jitter` from 0 to 255 adds up to half of the wait.
    pub fn wait(&self, failures: u32, retry_after: Option<Duration>, jitter: u8) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let wait = self.first.saturating_mul(1 << doublings).min(self.longest);
        let wait = wait.max(retry_after.unwrap_or_default());
        wait.saturating_add((wait / 2).saturating_mul(u32::from(jitter)) / 255)
    }

    /// Returns when to try again after this many failures, the last one included; `None` if the
    /// attempts or the time are used up.
    pub fn next(
        &self,
        since: Timestamp,
        now: Timestamp,
        failures: u32,
        retry_after: Option<Duration>,
        jitter: u8,
    ) -> Option<Timestamp> {
        let at = now.plus(self.wait(failures, retry_after, jitter));
        (failures < self.attempts && at <= since.plus(self.within)).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn jitter_only_adds_and_nothing_is_too_early(
            failures in 1..200_u32, jitter: u8, asked in prop::option::of(0..100_000_u64),
        ) {
            let retries = Retries::default();
            let asked = asked.map(Duration::from_secs);
            let plain = retries.wait(failures, asked, 0);
            let wait = retries.wait(failures, asked, jitter);
            prop_assert!(wait >= plain && wait <= plain + plain / 2);
            prop_assert!(plain >= retries.first && plain >= asked.unwrap_or_default());
            prop_assert!(plain <= retries.longest.max(asked.unwrap_or_default()));
        }
    }

    #[test]
    fn a_plugin_may_ask_for_any_wait() {
        for jitter in [0, 1, 255] {
            assert_eq!(Retries::default().wait(1, Some(Duration::MAX), jitter), Duration::MAX);
        }
    }

    #[test]
    fn count_and_time_bound_it() {
        let retries = Retries::default().with_attempts(3).with_within(Duration::from_secs(100));
        let second = |second: u64| Timestamp::from_milliseconds(second * 1000);
        assert_eq!(retries.next(second(0), second(0), 1, None, 0), Some(second(10)));
        assert_eq!(retries.next(second(0), second(0), 2, None, 0), Some(second(20)));
        assert_eq!(retries.next(second(0), second(0), 3, None, 0), None);
        assert_eq!(retries.next(second(0), second(95), 1, None, 0), None);
    }
}
