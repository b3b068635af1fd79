//! The outcome of a rule, and its explanation.

use std::time::Duration;

use crate::{CallTimes, Level};

/// The outcome of one rule for one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The subject keeps the rule.
    Passed,
    /// The subject breaks the rule.
    Failed(Failure),
    /// The rule does not apply.
    Skipped {
        /// The capability that the subject does not declare.
        capability: &'static str,
    },
    /// The rule is broken, and an [`Exclusion`](crate::Exclusion) gives the accepted reason.
    Excluded {
        /// The written reason.
        reason: String,
    },
}

impl Verdict {
    /// Returns the outcome as one word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Excluded { .. } => "excluded",
        }
    }
}

/// How a rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The demand of the rule.
    pub expected: String,
    /// The observed result.
    pub observed: String,
    /// The numbered calls before the failure.
    pub history: Vec<String>,
    /// Whether the rule ended by itself.
    pub ending: Ending,
}

/// How a run of a rule that failed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The rule ended by itself, and compared what it observed with what it demands.
    Judged,
    /// The rule did not end before its deadline.
    TimedOut,
    /// The subject or the rule panicked, or the rule got no thread.
    CutShort,
}

/// A rule and its outcome.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuleOutcome {
    /// The name of the subject.
    pub subject: String,
    /// The kind of the subject, for example `secret` or `storage`.
    pub kind: &'static str,
    /// The id of the rule.
    pub rule: &'static str,
    /// How binding the rule is.
    pub level: Level,
    /// The demand of the rule.
    pub sentence: &'static str,
    /// The clauses that the rule comes from.
    pub clauses: &'static [&'static str],
    /// The outcome.
    pub verdict: Verdict,
    /// The seed of the rule's random choices.
    pub seed: u64,
    /// The duration of the run.
    pub took: Duration,
    /// The times of the calls in this run.
    pub call_times: CallTimes,
    /// The shell command that repeats the rule with the same random choices. Without a front end, this is the Rust code
    /// that makes the run options.
    pub repeat: String,
}

impl RuleOutcome {
    /// Tells whether this outcome fails the whole report, as a broken MUST or SHOULD does.
    pub fn is_fault(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_)) && self.level <= Level::Should
    }

    /// Returns how the rule ended if it failed.
    pub fn ending(&self) -> Option<Ending> {
        match &self.verdict {
            Verdict::Failed(failure) => Some(failure.ending),
            _ => None,
        }
    }

    /// Explains briefly why the rule did not pass. The text names the missing capability, the reason for the exclusion,
    /// or the failure. It is empty if the rule passed.
    pub fn reason(&self) -> String {
        match &self.verdict {
            Verdict::Passed => String::new(),
            Verdict::Skipped { capability } => format!("{capability} is not declared"),
            Verdict::Excluded { reason } => reason.clone(),
            Verdict::Failed(failure) => {
                format!("expected {}, observed {}", failure.expected, failure.observed)
            }
        }
    }

    /// Explains a failure in full: rule, sentence, clause, expected, observed, history, seed, and how to repeat it. The
    /// text is empty unless the rule failed.
    pub fn explanation(&self) -> String {
        use std::fmt::Write;

        let Verdict::Failed(failure) = &self.verdict else { return String::new() };
        let mut text = format!(
            "{} {} {}\n  from      {}\n  expected  {}\n  observed  {}\n",
            self.rule,
            self.level,
            self.sentence,
            self.clauses.join(", "),
            failure.expected,
            failure.observed,
        );
        for (at, call) in failure.history.iter().enumerate() {
            let _ = writeln!(text, "  {}{call}", if at == 0 { "history   " } else { "          " });
        }
        let _ = writeln!(text, "  seed      {}\n  repeat    {}", self.seed, self.repeat);
        text
    }
}
