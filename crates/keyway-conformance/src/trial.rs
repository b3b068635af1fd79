//! A trial: one run of one rule, with its subject, its history and its random choices.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use crate::CallTimes;
use crate::lock::locked;

/// One run of one rule against one subject.
#[derive(Debug)]
pub struct Trial<'a, S: ?Sized> {
    subject: &'a S,
    seed: u64,
    deadline: Duration,
    history: &'a History,
    random: Mutex<u64>,
}

impl<'a, S: ?Sized> Trial<'a, S> {
    pub(crate) fn new(subject: &'a S, seed: u64, deadline: Duration, history: &'a History) -> Self {
        Self { subject, seed, deadline, history, random: Mutex::new(seed) }
    }

    /// Returns the subject under test.
    pub fn subject(&self) -> &'a S {
        self.subject
    }

    /// Returns the seed of all random choices of this run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the time limit of this run.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Returns the time limit for one call of a rule that demands an answer: half of the time of the run. By default,
    /// that is the time that a host gives a call.
    #[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers"))]
    pub(crate) fn in_time(&self) -> Duration {
        self.deadline / 2
    }

    /// Returns the history of the calls so far.
    pub fn history(&self) -> &'a History {
        self.history
    }

    /// Returns the next random number. The same seed gives the same numbers.
    pub fn random(&self) -> u64 {
        // The algorithm is SplitMix64, which is good enough for choices, and gives the same numbers on every machine.
        let mut state = locked(&self.random);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Makes a text that does not occur by chance. The same seed gives the same texts.
    #[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
    pub(crate) fn canary(&self, what: &str) -> String {
        format!("canary{what}{:016x}", self.random())
    }
}

/// The latest calls of a run, in order. The history contains no secret values, because only arguments and kinds of
/// outcomes are recorded.
#[derive(Debug, Default)]
pub struct History {
    calls: Mutex<Calls>,
    times: Mutex<CallTimes>,
}

#[derive(Debug, Default)]
struct Calls {
    /// The calls that a report shows.
    latest: VecDeque<String>,
    /// The number of all calls.
    count: usize,
}

impl History {
    /// The maximum number of calls that a report shows. A report shows the latest calls.
    pub(crate) const SHOWN: usize = 40;

    /// Adds a call and its outcome.
    pub fn record(&self, call: impl Into<String>) {
        let mut calls = locked(&self.calls);
        if calls.latest.len() == Self::SHOWN {
            calls.latest.pop_front();
        }
        calls.latest.push_back(call.into());
        calls.count += 1;
    }

    /// Adds the time of a call.
    #[cfg(any(
        test,
        feature = "certificates",
        feature = "credentials",
        feature = "issuers",
        feature = "secrets"
    ))]
    pub(crate) fn took(&self, operation: &str, took: Duration) {
        locked(&self.times).add(operation, took);
    }

    /// Returns the times of all calls so far.
    pub(crate) fn times(&self) -> CallTimes {
        locked(&self.times).clone()
    }

    /// Returns the latest calls, numbered from the first call of the run.
    pub(crate) fn latest(&self) -> Vec<String> {
        let calls = locked(&self.calls);
        let before = calls.count - calls.latest.len();
        (before + 1..).zip(&calls.latest).map(|(number, call)| format!("{number}. {call}")).collect()
    }

    /// Returns the latest calls without numbers.
    #[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
    pub(crate) fn calls(&self) -> Vec<String> {
        locked(&self.calls).latest.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let history = History::default();
        let draw = |seed| {
            let trial = Trial::new(&(), seed, Duration::from_secs(1), &history);
            [trial.random(), trial.random(), trial.random()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn long_histories_show_their_end_with_the_right_numbers() {
        let history = History::default();
        for number in 0..100 {
            history.record(format!("call {number}"));
        }
        let latest = history.latest();
        assert_eq!(latest.len(), History::SHOWN);
        assert_eq!(latest.first().unwrap(), "61. call 60");
        assert_eq!(latest.last().unwrap(), "100. call 99");
        assert_eq!(locked(&history.calls).latest.len(), History::SHOWN);
    }
}
