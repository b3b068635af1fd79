//! A rule: one thing that a contract demands, as data.

use std::fmt;
use std::pin::Pin;

use crate::Trial;

/// How binding a rule is, in the words of RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Who breaks it does not keep the contract.
    Must,
    /// There may be good reasons to break it; say them in an [`Exclusion`](crate::Exclusion).
    Should,
    /// Worth knowing, and no fault.
    May,
}

impl Level {
    /// The word, in capitals.
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

/// Where a rule comes from: a clause of a seed document or a decision. The clauses of a
/// suite are listed beside its rules, and one that no rule names fails the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clause {
    /// The short name: `Convection/rotate`, `C7`.
    pub id: &'static str,
    /// What it says, in a few words of ours.
    pub text: &'static str,
}

/// What a check works towards: `Ok` when the rule holds, else what broke it.
pub type Checking<'a> = Pin<Box<dyn Future<Output = Result<(), Broken>> + Send + 'a>>;

/// Why a check did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The rule is broken.
    Rule {
        /// What the rule demands here.
        expected: String,
        /// What was seen.
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
    /// What it demands, in one sentence.
    pub sentence: &'static str,
    /// The ids of the clauses that it comes from.
    pub clauses: &'static [&'static str],
    /// The capability that it is about; it is skipped for subjects that do not declare it.
    pub needs: Option<Need<S>>,
    /// Whether the subject keeps it.
    pub check: for<'a> fn(&'a Trial<'a, S>) -> Checking<'a>,
}

/// A capability that a rule needs.
pub struct Need<S: ?Sized + 'static> {
    /// What it is called in reports.
    pub capability: &'static str,
    /// Whether a subject declares it.
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

/// Demands that something holds.
///
/// # Errors
/// [`Broken::Rule`] with both texts when it does not.
pub fn ensure(holds: bool, expected: impl Into<String>, observed: impl Into<String>) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(broken(expected, observed)) }
}

/// A broken rule.
pub fn broken(expected: impl Into<String>, observed: impl Into<String>) -> Broken {
    Broken::Rule { expected: expected.into(), observed: observed.into() }
}
