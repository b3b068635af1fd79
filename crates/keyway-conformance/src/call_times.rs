//! Measures the time of a plugin's calls.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

/// The number of calls of each operation, and their time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallTimes {
    operations: BTreeMap<String, Times>,
}

/// The time of all calls of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// The number of calls.
    pub calls: u32,
    /// The total time of the calls.
    pub total: Duration,
    /// The time of the longest call.
    pub longest: Duration,
}

impl CallTimes {
    /// A report names a call as slow if it took at least this time.
    pub const SLOW: Duration = Duration::from_millis(500);

    #[cfg(any(
        test,
        feature = "certificates",
        feature = "credentials",
        feature = "issuers",
        feature = "secrets"
    ))]
    pub(crate) fn add(&mut self, operation: &str, took: Duration) {
        let one = Times { calls: 1, total: took, longest: took };
        self.merge(operation, one);
    }

    /// Adds the calls of another rule.
    pub(crate) fn append(&mut self, other: &Self) {
        for (operation, times) in &other.operations {
            self.merge(operation, *times);
        }
    }

    fn merge(&mut self, operation: &str, other: Times) {
        if let Some(times) = self.operations.get_mut(operation) {
            times.calls += other.calls;
            times.total += other.total;
            times.longest = times.longest.max(other.longest);
        } else {
            self.operations.insert(operation.to_owned(), other);
        }
    }

    /// Returns the operations and their times. The operation with the longest call is first.
    pub fn slowest_first(&self) -> Vec<(&str, Times)> {
        let mut sorted: Vec<_> =
            self.operations.iter().map(|(name, times)| (name.as_str(), *times)).collect();
        sorted.sort_by_key(|(_, times)| std::cmp::Reverse(times.longest));
        sorted
    }

    /// Returns a line for each operation with a slow call, or an empty text if there is none.
    pub(crate) fn slow_calls(&self) -> String {
        let mut text = String::new();
        for (operation, times) in self.slowest_first() {
            if times.longest >= Self::SLOW {
                let _ = writeln!(text, "  {operation}: {times}");
            }
        }
        text
    }

    /// Explains, for a rule that did not end, how much time its calls took.
    pub(crate) fn of_unfinished(&self) -> String {
        match self.slowest_first().first() {
            Some((operation, times)) if times.longest >= Self::SLOW => {
                let calls: u32 = self.operations.values().map(|times| times.calls).sum();
                let total: Duration = self.operations.values().map(|times| times.total).sum();
                format!(
                    "it was still running: {calls} calls took {:.1} s, the longest, `{operation}`, {:.1} s; make \
                     them faster",
                    total.as_secs_f32(),
                    times.longest.as_secs_f32()
                )
            }
            _ => "it was still running".to_owned(),
        }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, longest) = (self.total.as_secs_f32(), self.longest.as_secs_f32());
        write!(f, "{} calls in {total:.1} s, the longest {longest:.1} s", self.calls)
    }
}
