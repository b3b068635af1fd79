//! Decides when to retry a failed plugin call.

use std::time::Duration;

use keyway_core::Timestamp;

/// Decides when a failed call of a plugin is tried again.
///
/// The wait doubles from `first` up to `longest`; jitter adds at most half. For grants, subordinate authorities, and
/// the fetches and notices of sessions, the retries end after `attempts` or `within`; for orders, after `attempts`.
/// While an authority works on the cancellation of a failed order, the attempts begin anew until `within` has passed.
/// For stores, for check-ins, for the storing and the renewal of a certificate, and for the notice that it is ready,
/// the retries go on until one succeeds.
///
/// When its retries are used up, a grant stays listed. If the user requests another revocation, the retries start
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retries {
    /// The wait after the first failure, 10 s by default.
    pub first: Duration,
    /// The longest wait, 1 h by default.
    pub longest: Duration,
    /// How many times the plugin is asked in total, 20 by default.
    pub attempts: u32,
    /// How long to retry, counted from the first attempt, 3 days by default.
    pub within: Duration,
}

/// The facts about a plugin's failure that decide when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    /// The current time.
    pub(crate) now: Timestamp,
    /// The wait that the plugin asked for.
    pub(crate) retry_after: Option<Duration>,
    /// By how much the wait is lengthened: 0 is nothing, and 255 is half of the wait.
    pub(crate) jitter: u8,
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

    /// Sets how many times the plugin is asked in total.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets how long to retry.
    #[must_use]
    pub fn with_within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Returns how long to wait after the last of `failures` failures. The wait is never shorter than the plugin asked
    /// for, even if that is longer than `longest`. Jitter may lengthen it further, by at most half.
    pub(crate) fn wait(&self, failures: u32, Again { retry_after, jitter, .. }: Again) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let wait = self.first.saturating_mul(1 << doublings).min(self.longest);
        stretched(wait.max(retry_after.unwrap_or_default()), jitter)
    }

    /// Returns when to try again after the last of `failures` failures; `None` if the attempts or the time are used up.
    pub(crate) fn next(&self, since: Timestamp, failures: u32, again: Again) -> Option<Timestamp> {
        let at = again.now.plus(self.wait(failures, again));
        (failures < self.attempts && at <= since.plus(self.within)).then_some(at)
    }
}

/// Lengthens a wait by jitter, by at most half of the wait.
pub(crate) fn stretched(wait: Duration, jitter: u8) -> Duration {
    wait.saturating_add((wait / 2).saturating_mul(u32::from(jitter)) / 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn again(retry_after: Option<Duration>, jitter: u8) -> Again {
        Again { now: Timestamp::default(), retry_after, jitter }
    }

    proptest! {
        #[test]
        fn jitter_only_adds_and_nothing_is_too_early(
            failures in 1..200_u32, jitter: u8, asked in prop::option::of(0..100_000_u64),
        ) {
            let retries = Retries::default();
            let asked = asked.map(Duration::from_secs);
            let plain = retries.wait(failures, again(asked, 0));
            let wait = retries.wait(failures, again(asked, jitter));
            prop_assert!(wait >= plain && wait <= plain + plain / 2);
            prop_assert!(plain >= retries.first && plain >= asked.unwrap_or_default());
            prop_assert!(plain <= retries.longest.max(asked.unwrap_or_default()));
        }
    }

    #[test]
    fn a_plugin_may_ask_for_any_wait() {
        for jitter in [0, 1, 255] {
            assert_eq!(Retries::default().wait(1, again(Some(Duration::MAX), jitter)), Duration::MAX);
        }
    }

    #[test]
    fn count_and_time_bound_it() {
        let retries = Retries::default().with_attempts(3).with_within(Duration::from_secs(100));
        let second = |second: u64| Timestamp::from_milliseconds(second * 1000);
        let next =
            |now, failures| retries.next(second(0), failures, Again { now: second(now), ..again(None, 0) });
        assert_eq!(next(0, 1), Some(second(10)));
        assert_eq!(next(0, 2), Some(second(20)));
        assert_eq!(next(0, 3), None);
        assert_eq!(next(95, 1), None);
    }
}
