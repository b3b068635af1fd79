//! What can be wrong with a JSON text.

use std::fmt;

/// Why a text is not the JSON that was expected.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The byte where it shows.
    pub at: usize,
    /// What is wrong there.
    pub fault: JsonFault,
    /// For a duplicate: the name. It comes from outside, and is shown in no text.
    pub(super) name: Option<Box<str>>,
}

impl JsonError {
    pub(super) fn new(at: usize, fault: JsonFault) -> Self {
        Self { at, fault, name: None }
    }

    /// Returns the name that stands twice, for a [`Duplicate`](JsonFault::Duplicate). It comes from outside and may
    /// be a secret by mistake: compare it with names that are known, and show only those.
    pub fn duplicate_name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Debug for JsonError {
    /// Leaves the name out: an answer may have a secret there by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonError").field("at", &self.at).field("fault", &self.fault).finish_non_exhaustive()
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.fault, self.at)
    }
}

impl std::error::Error for JsonError {}

/// What can be wrong with a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonFault {
    /// There is nothing, or white space only.
    #[error("there is nothing: print one JSON object")]
    Empty,
    /// The text ends within a value.
    #[error("the JSON text breaks off")]
    Truncated,
    /// A byte that has no place there.
    #[error("this is not JSON")]
    Syntax,
    /// A byte order mark.
    #[error("a byte order mark: leave it out")]
    ByteOrderMark,
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// Half of a surrogate pair.
    #[error("a \\u escape is half of a surrogate pair")]
    LoneSurrogate,
    /// A raw control character within a text.
    #[error("a control character is not escaped")]
    Control,
    /// An object has a name twice.
    #[error("an object has the same name twice")]
    Duplicate,
    /// A float beyond what 64 bits can hold.
    #[error("a number is too large")]
    NumberTooLarge,
    /// Something behind the value.
    #[error("there is more behind the object: print one JSON object and nothing else")]
    Trailing,
    /// Arrays and objects lie too deep in each other.
    #[error("more than {limit} arrays and objects lie in each other")]
    TooDeep {
        /// The deepest allowed.
        limit: usize,
    },
    /// The text is too long.
    #[error("the text has more than {limit} bytes")]
    TooLarge {
        /// The most bytes allowed.
        limit: usize,
    },
}
