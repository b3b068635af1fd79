//! The report: the outcomes of all rules of a run.

use std::collections::BTreeMap;

use crate::CallTimes;
use crate::verdict::{RuleOutcome, Verdict};

/// The outcomes of all rules that ran, for one or several subjects.
#[derive(Clone, Debug, Default)]
pub struct Report {
    outcomes: Vec<RuleOutcome>,
    faults: Vec<String>,
}

/// The number of rules by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of rules that are kept.
    pub passed: usize,
    /// The number of rules that are broken.
    pub failed: usize,
    /// The number of rules that do not apply.
    pub skipped: usize,
    /// The number of rules that are broken with an accepted reason.
    pub excluded: usize,
}

impl Report {
    pub(crate) fn new(outcomes: Vec<RuleOutcome>, faults: Vec<String>) -> Self {
        Self { outcomes, faults }
    }

    /// Sets, for each outcome, the command that runs its rule again.
    #[must_use]
    pub fn repeated_by(mut self, command: impl Fn(&RuleOutcome) -> String) -> Self {
        for outcome in &mut self.outcomes {
            outcome.repeat = command(outcome);
        }
        self
    }

    /// Adds the outcomes of another report.
    pub fn append(&mut self, other: Self) {
        self.outcomes.extend(other.outcomes);
        self.faults.extend(other.faults);
    }

    /// Lists all outcomes, in the order of subjects and rules.
    pub fn outcomes(&self) -> &[RuleOutcome] {
        &self.outcomes
    }

    /// Returns the faults of the run itself: exclusions that are stale, have expired or have no reason, and a run in
    /// which no rule was checked.
    pub fn faults(&self) -> Vec<String> {
        let nothing = "no rule was run, so nothing is proved".to_owned();
        self.faults.iter().cloned().chain(self.ran_nothing().then_some(nothing)).collect()
    }

    /// Lists only the faults of the exclusions, for a front end that runs one rule at a time.
    pub(crate) fn exclusion_faults(&self) -> &[String] {
        &self.faults
    }

    /// Returns the call times of each subject: its kind, its name, and the times. The list is in the order of the
    /// subjects.
    pub fn call_times(&self) -> Vec<(&'static str, &str, CallTimes)> {
        let mut all: Vec<(&'static str, &str, CallTimes)> = Vec::new();
        for outcome in &self.outcomes {
            match all.last_mut() {
                Some((kind, subject, times))
                    if (*kind, *subject) == (outcome.kind, outcome.subject.as_str()) =>
                {
                    times.append(&outcome.call_times);
                }
                _ => all.push((outcome.kind, &outcome.subject, outcome.call_times.clone())),
            }
        }
        all
    }

    fn ran_nothing(&self) -> bool {
        let totals = self.totals();
        totals.passed + totals.failed + totals.excluded == 0
    }

    /// Writes lines that name the rules that proved nothing, one line for each reason. The text is empty if every rule
    /// proved something.
    pub fn unproved(&self) -> String {
        let mut reasons: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
        for outcome in &self.outcomes {
            if matches!(outcome.verdict, Verdict::Skipped { .. } | Verdict::Excluded { .. }) {
                reasons.entry((&outcome.subject, outcome.reason())).or_default().push(outcome.rule);
            }
        }
        let line = |((subject, reason), rules): ((&str, String), Vec<&str>)| {
            format!("{subject} proves nothing of {} ({reason})\n", rules.join(", "))
        };
        reasons.into_iter().map(line).collect()
    }

    /// Counts the rules by outcome.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for outcome in &self.outcomes {
            match outcome.verdict {
                Verdict::Passed => totals.passed += 1,
                Verdict::Failed(_) => totals.failed += 1,
                Verdict::Skipped { .. } => totals.skipped += 1,
                Verdict::Excluded { .. } => totals.excluded += 1,
            }
        }
        totals
    }

    /// Tells whether the run succeeded: each broken MUST or SHOULD has an exclusion that has not expired, at least one
    /// rule was checked, and the run has no faults of its own.
    pub fn succeeded(&self) -> bool {
        self.faults().is_empty() && !self.outcomes.iter().any(RuleOutcome::is_fault)
    }
}
