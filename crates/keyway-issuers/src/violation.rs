//! Breaches of the contract. A violation names a place and the broken rule, and contains no received value.

use std::fmt;

use keyway_core::json::{JsonFault, JsonKind};

/// A breach of the contract: the place in the answer, and the rule.
///
/// See decision W3.
///
/// It holds no received value, so a host may log and show it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {rule}", if key.is_empty() { "the whole" } else { key })]
pub struct Violation {
    /// The place: a path of keys of this contract and indexes, such as
    /// `request_params[0][1].mandatory`. Empty for the whole answer.
    pub key: String,
    /// The broken rule.
    pub rule: Rule,
}

impl Violation {
    /// Creates a breach of `rule` at `key`.
    pub fn new(key: impl Into<String>, rule: Rule) -> Self {
        Self { key: key.into(), rule }
    }
}

/// The rules that an answer, a description or a configuration can break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// The text must be exactly one JSON value.
    #[error("{fault} (at byte {at})")]
    Json {
        /// The fault of the text.
        fault: JsonFault,
        /// The position of the fault, in bytes.
        at: usize,
    },
    /// The key must be present.
    #[error("it is missing")]
    Missing,
    /// The key must not be present.
    #[error("it must not be there: say that it failed by the result \"error\" with a user_msg")]
    Forbidden,
    /// The value has the wrong type.
    #[error("it is of type {found}, and must be {expected}")]
    Type {
        /// The type that is expected.
        expected: &'static str,
        /// The type that was found.
        found: JsonKind,
    },
    /// The value is not one of the allowed words.
    #[error("it must be one of {allowed}")]
    Word {
        /// The allowed words.
        allowed: &'static str,
    },
    /// The number must be a whole number from 0 to 4,294,967,295.
    #[error("it must be a whole number from 0 to 4294967295")]
    Count,
    /// The name must match `[a-z0-9_]+` (WaTTS seed).
    #[error("it must be one or more of a-z, 0-9 and _")]
    Name,
    /// The name occurs twice.
    #[error("an earlier one has the same name")]
    DuplicateName,
    /// A default or configured value does not fit the type of its parameter.
    #[error("it does not fit the type {expected}")]
    Value {
        /// The type of the parameter.
        expected: &'static str,
    },
    /// The plugin describes no parameter of this name.
    #[error("the plugin knows no such parameter")]
    Unknown,
    /// The parameters of a request fit no set.
    #[error("the parameters fit none of the plugin's sets")]
    FitsNoSet,
    /// A state holds the value of a part of the credential.
    ///
    /// See decision W8.
    #[error("it holds the value of credential[{part}]: choose a state that gives nothing away")]
    SecretInState {
        /// The index of the part.
        part: usize,
    },
    /// A program reported success, but did not end with exit status 0.
    ///
    /// See decision W2.
    #[error("the result is \"ok\", but the program ended with {ended}: end with status 0")]
    Ended {
        /// The way in which the program ended.
        ended: crate::wire::Ended,
    },
    /// A rule that only a host or a kit checks.
    #[error("{text}")]
    Other {
        /// The rule, without any value.
        text: &'static str,
    },
}

/// One or more violations: the first [`MOST_KEPT`](Self::MOST_KEPT), and the total number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Found);

impl Violations {
    /// The maximum number of violations that are kept. An answer of a megabyte may have hundreds of thousands of
    /// violations.
    pub const MOST_KEPT: usize = 256;

    /// Returns `value` if no violation was found.
    ///
    /// # Errors
    /// Returns the violations, if there are any.
    pub fn none_or<T>(found: Vec<Violation>, value: T) -> Result<T, Self> {
        let mut all = Found::default();
        for violation in found {
            all.add(|| violation);
        }
        all.none_or(value)
    }

    /// Returns the kept violations, in the order in which they were found.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0.kept
    }

    /// Iterates over the kept violations, in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.0.kept.iter()
    }

    /// Returns the number of all violations, including those that are not kept.
    pub fn count(&self) -> usize {
        self.0.kept.len() + self.0.more
    }
}

/// Collects violations during a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    kept: Vec<Violation>,
    /// The number of violations that are not kept.
    more: usize,
}

impl Found {
    /// Adds a violation, which is built only if it is kept.
    pub(crate) fn add(&mut self, violation: impl FnOnce() -> Violation) {
        if self.kept.len() < Violations::MOST_KEPT {
            self.kept.push(violation());
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Returns `value` if no violation was found.
    pub(crate) fn none_or<T>(self, value: T) -> Result<T, Violations> {
        if self.is_empty() { Ok(value) } else { Err(Violations(self)) }
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(Found { kept: vec![violation], more: 0 })
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.kept.into_iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a Violation;
    type IntoIter = std::slice::Iter<'a, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The maximum number of violations that a message lists.
        const SHOWN: usize = 10;
        for (index, violation) in self.iter().take(SHOWN).enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{violation}")?;
        }
        match self.count().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for Violations {}
