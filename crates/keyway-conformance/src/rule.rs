//! Defines a rule: one demand of a contract, as data.

use std::fmt;
use std::pin::Pin;

use crate::Trial;

/// How binding a rule is, in the words of RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A subject that breaks the rule does not keep the contract.
    Must,
    /// There may be good reasons to break the rule; state them in an
    /// [`Exclusion`](crate::Exclusion).
    Should,
    /// A note. Breaking the rule is reported, but is not a fault.
    May,
}

impl Level {
    /// Returns the word in capitals.
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

/// The source of a rule: a clause of a seed document, or a decision. A suite lists its clauses
/// beside its rules, and a clause without a rule fails the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clause {
    /// The short name: `Convection/rotate`, `C7`.
    pub id: &'static str,
    /// The content of the clause in a few words of our own.
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
        /// The observation.
        observed: String,
    },
    /// The subject does not declare this capability after all.
    Missing {
        /// The capability.
        capability: &'static str,
    },
}

/// One rule of a suite whose subjects are of type `S`.
pub struct Rule<S: ?Sized + 'static> {
    /// The id, which never changes and is never used again: `SEC-014`.
    pub id: &'static str,
    /// How binding it is.
    pub level: Level,
    /// The demand, in one sentence.
    pub sentence: &'static str,
    /// The ids of the clauses that it comes from.
    pub clauses: &'static [&'static str],
    /// The capability that the rule concerns; it is skipped for subjects that do not declare it.
    pub needs: Option<Need<S>>,
    /// Checks whether the subject keeps the rule.
    pub check: for<'a> fn(&'a Trial<'a, S>) -> Checking<'a>,
}

/// A capability that a rule needs.
pub struct Need<S: ?Sized + 'static> {
    /// The name of the capability in reports.
    pub capability: &'static str,
    /// Tells whether a subject declares it.
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

/// Makes the verdict of a broken rule.
pub fn broken(expected: impl Into<String>, observed: impl Into<String>) -> Broken {
    Broken::Rule { expected: expected.into(), observed: observed.into() }
}
