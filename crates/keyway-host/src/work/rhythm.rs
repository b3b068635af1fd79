//! Plans the times of a regular question to a plugin.

use std::time::Duration;

use keyway_core::Timestamp;

use super::retry::{Again, Retries};

/// The time between two questions, unless the plugin names a different time.
pub(crate) const DAILY: Duration = Duration::from_secs(24 * 3600);

/// The shortest time from an answer to the next question.
const SHORTEST: Duration = Duration::from_secs(60);

/// The times of a regular question to a plugin. The type is pure, without I/O.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    /// The moment of the last answer or failure.
    since: Timestamp,
    /// The moment at which the plugin is asked again.
    next: Timestamp,
    failures: u32,
    /// Whether something happened after the last question began, so that the answer may be out of date.
    is_wanted: bool,
}

impl Rhythm {
    /// Creates the schedule of a question that is due immediately.
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self { since: now, next: now, failures: 0, is_wanted: false }
    }

    /// Tells whether the plugin is to be asked now.
    ///
    /// If the clock was set back, the question is due, because its planned time may then be far away.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.is_wanted || self.next <= now || now < self.since
    }

    /// Returns the moment of the next question.
    pub(crate) fn next(&self) -> Timestamp {
        if self.is_wanted { self.since } else { self.next }
    }

    /// Notes that something happened. The plugin is asked soon, even if it is being asked at this moment.
    pub(crate) const fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Notes that the plugin is asked now.
    pub(crate) const fn ask(&mut self) {
        self.is_wanted = false;
    }

    /// Notes an answer. The next question is at `next`, but not before the shortest time has passed.
    pub(crate) fn answered(&mut self, now: Timestamp, next: Timestamp) {
        *self = Self { since: now, next: next.max(now.plus(SHORTEST)), failures: 0, ..*self };
    }

    /// Notes an answer, in which the plugin may name the moment of the next question. The plugin is asked at that
    /// moment, but not before the shortest time has passed. It is asked after a day at the latest, because it may learn
    /// of work that it did not foresee.
    pub(crate) fn answered_daily(&mut self, now: Timestamp, next: Option<Timestamp>) {
        let day = now.plus(DAILY);
        self.answered(now, next.map_or(day, |next| next.min(day)));
    }

    /// Notes a failure. The plugin is asked again after a wait that grows with each failure.
    pub(crate) fn failed(&mut self, again: Again) {
        let failures = self.failures.saturating_add(1);
        let next = again.now.plus(Retries::default().wait(failures, again));
        *self = Self { since: again.now, next, failures, is_wanted: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_milliseconds(seconds * 1000)
    }

    #[test]
    fn a_daily_question_comes_after_a_day_at_the_latest() {
        const DAY: u64 = 24 * 3600;
        let mut rhythm = Rhythm::new(at(0));
        for (asked, next) in [(None, DAY), (Some(DAY + 1), DAY), (Some(DAY - 1), DAY - 1), (Some(0), 60)] {
            rhythm.answered_daily(at(0), asked.map(at));
            assert_eq!(rhythm.next(), at(next), "{asked:?}");
        }
    }

    #[test]
    fn an_event_during_a_question_is_asked_about_again() {
        let mut rhythm = Rhythm::new(at(0));
        assert!(rhythm.is_due(at(0)));
        rhythm.ask();
        rhythm.want();
        rhythm.answered(at(1), at(1000));
        assert!(rhythm.is_due(at(1)));
        rhythm.ask();
        rhythm.answered(at(1), at(1));
        assert_eq!((rhythm.is_due(at(60)), rhythm.is_due(at(61)), rhythm.is_due(at(0))), (false, true, true));
        rhythm.want();
        rhythm.failed(Again { now: at(61), retry_after: None, jitter: 0 });
        assert!(!rhythm.is_due(at(61)), "a plugin that fails is not asked without a pause");
        assert!(rhythm.is_due(at(3600)));
    }
}
