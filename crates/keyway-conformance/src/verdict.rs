//! What came of a rule.

use std::time::Duration;

use crate::{CallTimes, Level};

/// What came of one rule for one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The subject keeps the rule.
    Passed,
    /// It does not.
    Failed(Failure),
    /// The rule does not apply.
    Skipped {
        /// Which capability the subject does not declare.
        capability: &'static str,
    },
    /// The rule is broken, and an [`Exclusion`](crate::Exclusion) says why that is accepted
    /// for now.
    Excluded {
        /// The written reason.
        reason: String,
    },
}

impl Verdict {
    /// One word.
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
    /// What the rule demands here.
    pub expected: String,
    /// What was seen.
    pub observed: String,
    /// The calls that led to it, numbered.
    pub history: Vec<String>,
}

/// A rule and what came of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuleOutcome {
    /// The name of what was tested.
    pub subject: String,
    /// The kind of what was tested: `secret`, `storage`, `metadata`.
    pub kind: &'static str,
    /// The id of the rule.
    pub rule: &'static str,
    /// How binding it is.
    pub level: Level,
    /// What it demands.
    pub sentence: &'static str,
    /// Where it comes from.
    pub clauses: &'static [&'static str],
    /// What came of it.
    pub verdict: Verdict,
    /// The seed of its random choices.
    pub seed: u64,
    /// How long it took.
    pub took: Duration,
    /// The times of the calls that it made.
    pub call_times: CallTimes,
    /// The command that repeats it where it was run, written for a shell. Without a front end it is the
    /// options of a run, as code.
    pub repeat: String,
}

impl RuleOutcome {
    /// Whether this makes the whole report a failure: a broken MUST or SHOULD.
    pub fn is_fault(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_)) && self.level <= Level::Should
    }

    /// Says in a few words why it proves nothing, empty if it passed: what is missing, why a broken rule is accepted,
    /// or how it was broken.
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

    /// All that a person wants to know of a failure: rule, sentence, clause, expected, observed,
    /// history, seed, and how to repeat it. Empty unless it failed.
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
