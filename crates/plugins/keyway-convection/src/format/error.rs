//! Describes faults in the text of a store file.

use std::fmt;

use keyway_core::{ParseError, WrittenBy};

/// The position and the explanation of a fault in the text inside a store file. It never holds any part of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableText {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) problem: Problem,
    pub(super) written_by: Option<Box<WrittenBy>>,
}

/// A fault in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not TOML.
    Toml {
        /// The explanation of the TOML reader.
        reason: String,
    },
    /// A section or an entry is missing.
    Missing {
        /// The name of the section or entry, with dots.
        key: &'static str,
    },
    /// A section or an entry has a wrong type.
    WrongType {
        /// The name of the section or entry, with dots.
        key: &'static str,
        /// The expected type, in words.
        expected: &'static str,
    },
    /// The version of the file's writer is not a valid version.
    ///
    /// See decision C1.
    Version(ParseError),
    /// The file names an unknown type of plugin as its writer.
    UnknownPluginType,
    /// A value is nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
    /// An integer has more digits than [`MAX_INTEGER_DIGITS`](super::MAX_INTEGER_DIGITS).
    IntegerTooLong,
}

impl UnreadableText {
    /// Returns the line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the column in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Returns the fault.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Returns the plugin that wrote the file, and its version. Returns `None` if this part of the text could not be
    /// read. A file of a version that this crate does not support may be arranged differently, which would explain the
    /// fault.
    pub fn written_by(&self) -> Option<&WrittenBy> {
        self.written_by.as_deref()
    }
}

impl fmt::Display for UnreadableText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        match &self.problem {
            Problem::Toml { reason } => write!(f, "not TOML: {reason}"),
            Problem::Missing { key } => write!(f, "`{key}` is missing"),
            Problem::WrongType { key, expected } => write!(f, "`{key}` must be {expected}"),
            Problem::Version(error) => write!(f, "`metadata.version`: {error}"),
            Problem::UnknownPluginType => f.write_str("`metadata.plugin.type` is not a type of plugin"),
            Problem::TooDeep => write!(f, "a value is nested deeper than {} levels", super::MAX_DEPTH),
            Problem::IntegerTooLong => {
                write!(f, "an integer has more than {} digits", super::MAX_INTEGER_DIGITS)
            }
        }
    }
}

impl std::error::Error for UnreadableText {}
