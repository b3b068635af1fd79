//! Defines a rule: one demand of a contract, as data.

use std::fmt;
use std::pin::Pin;

use crate::Trial;

/// How binding a rule is, in the terms of RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A subject that breaks the rule does not keep the contract.
    Must,
    /// There may be good reasons to break the rule. State them in an [`Exclusion`](crate::Exclusion).
    Should,
    /// A note. Breaking the rule is reported, but is not a fault.
    May,
}

impl Level {
    /// Returns the level as a word in capitals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The source of a rule: a clause of a seed document, or a decision. A suite lists the clauses that its rules must
/// cover. A listed clause without a rule fails the suite's own tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clause {
    /// The short name, for example `Convection/rotate` or `C7`.
    pub id: &'static str,
    /// The paraphrased content of the clause.
    pub text: &'static str,
}

/// The future of a check: `Ok` if the rule holds, and otherwise the reason.
pub type Checking<'a> = Pin<Box<dyn Future<Output = Result<(), Broken>> + Send + 'a>>;

/// The reason why a check did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The rule is broken.
    Rule {
        /// The demand of the rule.
        expected: String,
        /// The observed result.
        observed: String,
    },
    /// The check found that the subject does not have this capability, so there is nothing to test.
    Missing {
        /// The capability.
        capability: &'static str,
    },
}

/// One rule of a suite whose subjects are of type `S`.
pub struct Rule<S: ?Sized + 'static> {
    /// The id, for example `SEC-014`. It never changes, and is never reused.
    pub id: &'static str,
    /// How binding the rule is.
    pub level: Level,
    /// The demand, in one sentence.
    pub sentence: &'static str,
    /// The ids of the clauses from which the rule comes.
    pub clauses: &'static [&'static str],
    /// The capability that the rule needs. The rule is skipped for subjects that do not declare it.
    pub needs: Option<Need<S>>,
    /// Checks whether the subject keeps the rule.
    pub check: for<'a> fn(&'a Trial<'a, S>) -> Checking<'a>,
}

/// A capability that a rule needs.
pub struct Need<S: ?Sized + 'static> {
    /// The name of the capability in reports.
    pub capability: &'static str,
    /// Tells whether a subject declares the capability.
    pub declared: fn(&S) -> bool,
}

impl<S: ?Sized> Clone for Need<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized> Copy for Need<S> {}

impl<S: ?Sized> fmt::Debug for Need<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Need({})", self.capability)
    }
}

impl<S: ?Sized> fmt::Debug for Rule<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({} {}: {})", self.id, self.level, self.sentence)
    }
}

/// Demands that a condition holds.
///
/// # Errors
/// [`Broken::Rule`] with both texts if the condition does not hold.
pub fn ensure(holds: bool, expected: impl Into<String>, observed: impl Into<String>) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(broken(expected, observed)) }
}

/// Makes the result of a check that finds the rule broken.
pub fn broken(expected: impl Into<String>, observed: impl Into<String>) -> Broken {
    Broken::Rule { expected: expected.into(), observed: observed.into() }
}
