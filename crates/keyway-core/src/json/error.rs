//! The errors of reading JSON.

use std::fmt;

/// An error of reading JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonError {
    /// The position of the fault: the number of bytes before it.
    pub at: usize,
    /// The fault.
    pub fault: JsonFault,
    /// The duplicate name, if that is the fault. The name comes from outside, so no message shows it.
    pub(super) name: Option<Box<str>>,
}

impl JsonError {
    pub(super) fn new(at: usize, fault: JsonFault) -> Self {
        Self { at, fault, name: None }
    }

    /// Returns the duplicate name, if the fault is [`Duplicate`](JsonFault::Duplicate).
    ///
    /// The name comes from outside, and may be a secret by mistake. Compare it with the names that you know, and show
    /// it only if it is one of them.
    pub fn duplicate_name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Debug for JsonError {
    /// Omits the duplicate name, since it may be a secret by mistake.
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

/// A fault of a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonFault {
    /// The text is empty, or contains only white space.
    #[error("there is nothing: print one JSON object")]
    Empty,
    /// The text ends within a value.
    #[error("the JSON text ends within a value")]
    Truncated,
    /// A byte is not allowed at this position.
    #[error("this is not JSON")]
    Syntax,
    /// There is a byte order mark.
    #[error("a byte order mark: leave it out")]
    ByteOrderMark,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// There is only one half of a surrogate pair.
    #[error("a \\u escape is half of a surrogate pair")]
    LoneSurrogate,
    /// There is a raw control character in a text.
    #[error("a control character is not escaped")]
    Control,
    /// An object contains a name twice.
    #[error("an object has the same name twice")]
    Duplicate,
    /// A float does not fit into 64 bits.
    #[error("a number is too large")]
    NumberTooLarge,
    /// There are more bytes after the value.
    #[error("there is text after the object: print one JSON object and nothing else")]
    Trailing,
    /// Arrays and objects are nested too deep.
    #[error("more than {limit} arrays and objects are nested")]
    TooDeep {
        /// The allowed depth.
        limit: usize,
    },
    /// There are too many arrays and objects.
    #[error("there are more than {limit} arrays and objects")]
    TooManyCollections {
        /// The allowed number.
        limit: usize,
    },
    /// The text is too long.
    #[error("the text has more than {limit} bytes")]
    TooLarge {
        /// The allowed number of bytes.
        limit: usize,
    },
}
