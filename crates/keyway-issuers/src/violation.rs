//! What breaks the contract: where, and against which rule. Never a value.

use std::fmt;

use crate::{JsonFault, JsonKind};

/// A breach of the contract: the place in the answer, and the rule (decision W3).
///
/// It holds no value of what was received, so it may be logged and shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {rule}", if key.is_empty() { "the whole" } else { key })]
pub struct Violation {
    /// Where: a path of keys of this contract and indexes, as in
    /// `request_params[0][1].mandatory`. Empty for the answer as a whole.
    pub key: String,
    /// What holds there.
    pub rule: Rule,
}

impl Violation {
    /// A breach of `rule` at `key`.
    pub fn new(key: impl Into<String>, rule: Rule) -> Self {
        Self { key: key.into(), rule }
    }
}

/// The rules that an answer, a description or a configuration can break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// It must be JSON, and one value only.
    #[error("{fault} (at byte {at})")]
    Json {
        /// What is wrong with the text.
        fault: JsonFault,
        /// At which byte.
        at: usize,
    },
    /// The key must be there.
    #[error("it is missing")]
    Missing,
    /// The key must not be there.
    #[error("it must not be there: say that it failed by the result \"error\" with a user_msg")]
    Forbidden,
    /// The value has another type than it must have.
    #[error("it is of type {found}, and must be {expected}")]
    Type {
        /// What must be there.
        expected: &'static str,
        /// What is there.
        found: JsonKind,
    },
    /// The value is none of the words that are allowed here.
    #[error("it must be one of {allowed}")]
    Word {
        /// The words.
        allowed: &'static str,
    },
    /// The number must be a whole one from 0 to 4,294,967,295.
    #[error("it must be a whole number from 0 to 4294967295")]
    Count,
    /// Names are `[a-z0-9_]+` (WaTTS seed).
    #[error("it must be one or more of a-z, 0-9 and _")]
    Name,
    /// The name is there twice.
    #[error("an earlier one has the same name")]
    DuplicateName,
    /// A default or configured value does not fit the type of its parameter.
    #[error("it does not fit the type {expected}")]
    Value {
        /// The type of the parameter.
        expected: &'static str,
    },
    /// Something is configured that the plugin does not describe.
    #[error("the plugin knows no such parameter")]
    Unknown,
    /// The parameters of a request fit no set.
    #[error("the parameters fit none of the plugin's sets")]
    FitsNoSet,
    /// A state holds the value of a part of the credential (decision W8).
    #[error("it holds the value of credential[{part}]: choose a state that gives nothing away")]
    SecretInState {
        /// The index of the part.
        part: usize,
    },
    /// A program said that all is well and ended as if it were not (decision W2).
    #[error("the result is \"ok\", but the program ended with {ended}: end with status 0")]
    Ended {
        /// How it ended.
        ended: crate::wire::Ended,
    },
    /// A rule that only a host or a kit knows.
    #[error("{text}")]
    Other {
        /// The rule, without any value.
        text: &'static str,
    },
}

/// Several violations, at least one: the first [`MOST_KEPT`](Self::MOST_KEPT) that were found, and how
/// many there were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(Found);

impl Violations {
    /// How many are kept. An answer of a megabyte has room for hundreds of thousands.
    pub const MOST_KEPT: usize = 256;

    /// `value`, unless something was found.
    ///
    /// # Errors
    /// The violations, if there are any.
    pub fn none_or<T>(found: Vec<Violation>, value: T) -> Result<T, Self> {
        let mut all = Found::default();
        for violation in found {
            all.add(|| violation);
        }
        all.none_or(value)
    }

    /// Those that are kept, in the order in which they were found.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0.kept
    }

    /// Those that are kept, in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.0.kept.iter()
    }

    /// How many were found, those that are not kept too.
    pub fn count(&self) -> usize {
        self.0.kept.len() + self.0.more
    }
}

/// Collects violations while something is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    kept: Vec<Violation>,
    /// How many more there were.
    more: usize,
}

impl Found {
    /// Adds a violation, which is made only if it is kept.
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

    /// `value`, unless something was found.
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
        /// A plugin may do everything wrong; a message need not say it all.
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
