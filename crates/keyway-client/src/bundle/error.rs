//! Defines the errors of import and export.

use std::path::PathBuf;

use keyway_core::{Effect, ErrorKind, MediaKind, PluginError};
use keyway_secrets::NameError;

/// Explains why a bundle cannot be imported or exported. It names lines and keys, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Lines of dotenv have faults.
    #[error("{}", LineFault::all(faults))]
    Lines {
        /// All faults, in order. After a quote that is never closed, no line is read.
        faults: Vec<LineFault>,
    },
    /// A file cannot be imported.
    #[error("{}: {source}", file.display())]
    InFile {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: Box<BundleError>,
    },
    /// A file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// A file is longer than 64 MiB.
    #[error("the file is longer than {limit} bytes: split it, and import the parts")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A key occurs twice.
    #[error("the key \"{key}\" occurs twice{}: remove one", Lines(*.first, *.line))]
    Duplicate {
        /// The key.
        key: String,
        /// The line of the first occurrence, if the format has lines.
        first: Option<usize>,
        /// The line of the second occurrence.
        line: Option<usize>,
    },
    /// The text is not JSON.
    #[error("line {line}, column {column}: this is not JSON")]
    NotJson {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// The text is JSON, but it has neither of the accepted shapes.
    #[error("{0}: give an object of texts, or a list of objects with `key` and `value`")]
    Shape(&'static str),
    /// An entry of a JSON list has a duplicate field. Readers differ about which one counts.
    #[error("entry {entry}: {} stands there twice: remove one", field.map_or("a field".to_owned(), |field| format!("`{field}`")))]
    FieldTwice {
        /// The entry, counted from 1.
        entry: usize,
        /// The name of the field, or `None` for a field that the reader skips.
        field: Option<&'static str>,
    },
    /// A value to export is not a text. A bundle holds only texts.
    #[error("the value of \"{key}\" is not a text but {kind}")]
    NotText {
        /// The key.
        key: String,
        /// The kind of the value.
        kind: MediaKind,
    },
    /// A value in JSON is not a text.
    #[error("the value of \"{key}\" is not a text: put it into quotes")]
    NotTextInJson {
        /// The key.
        key: String,
    },
    /// Dotenv cannot hold the key or its value.
    #[error("\"{key}\" cannot be written as dotenv: {reason}")]
    NotDotenv {
        /// The key.
        key: String,
        /// The reason.
        reason: &'static str,
    },
    /// A store does not allow the key.
    #[error("\"{key}\" cannot be the key of a secret: {reason}")]
    Key {
        /// The key, with control characters escaped.
        key: String,
        /// The reason.
        reason: NameError,
    },
}

/// A faulty line of dotenv.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    /// The line, counted from 1.
    pub line: usize,
    /// The fault and its remedy.
    pub reason: &'static str,
}

impl LineFault {
    fn all(faults: &[Self]) -> String {
        let told: Vec<_> =
            faults.iter().map(|fault| format!("line {}: {}", fault.line, fault.reason)).collect();
        told.join("; ")
    }
}

impl PluginError for BundleError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}

struct Lines(Option<usize>, Option<usize>);

impl std::fmt::Display for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0, self.1) {
            (Some(first), Some(second)) => write!(f, ", in the lines {first} and {second}"),
            _ => Ok(()),
        }
    }
}
