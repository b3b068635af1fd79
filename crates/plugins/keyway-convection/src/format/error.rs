//! Why a text is not that of a store file.

use std::fmt;

use keyway_core::{ParseError, WrittenBy};

/// The text inside a store file cannot be read: where, and why. Never holds any part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableText {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) problem: Problem,
    pub(super) written_by: Option<Box<WrittenBy>>,
}

/// What is wrong with the text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It is not TOML.
    Toml {
        /// What the TOML grammar says.
        reason: String,
    },
    /// A section or an entry is not there.
    Missing {
        /// Its name, with dots.
        key: &'static str,
    },
    /// An entry has a wrong type.
    WrongType {
        /// Its name, with dots.
        key: &'static str,
        /// What belongs there, in words.
        expected: &'static str,
    },
    /// The version that wrote the file is not a version (decision C1).
    Version(ParseError),
    /// The file was written by a kind of plugin that there is not.
    UnknownPluginType,
    /// A value is nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
    /// An integer has more digits than [`MAX_INTEGER_DIGITS`](super::MAX_INTEGER_DIGITS).
    IntegerTooLong,
}

impl UnreadableText {
    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong there.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Who wrote the file, where at least that can be read: another version may arrange
    /// the rest in another way.
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
            Problem::UnknownPluginType => f.write_str("`metadata.plugin.type` is no type of plugin"),
            Problem::TooDeep => write!(f, "a value is nested deeper than {} levels", super::MAX_DEPTH),
            Problem::IntegerTooLong => {
                write!(f, "an integer has more than {} digits", super::MAX_INTEGER_DIGITS)
            }
        }
    }
}

impl std::error::Error for UnreadableText {}
