//! The errors of reading a metadata document.

use std::fmt;

use crate::version::grammar::ParseError;
use crate::{Compatibility, Effect, ErrorKind, PluginError, Version};

/// A field of the metadata document (Convection seed, "Metadata").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetadataField {
    /// The document itself.
    Document,
    /// `version`
    Version,
    /// `author`
    Author,
    /// `updated`
    Updated,
    /// `compatibility`
    Compatibility,
    /// `plugin`
    Plugin,
    /// `plugin.name`
    Name,
    /// `plugin.type`
    Type,
    /// `plugin.description`
    Description,
}

impl MetadataField {
    /// Returns the path of the field in the document.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Document => "the document",
            Self::Version => "version",
            Self::Author => "author",
            Self::Updated => "updated",
            Self::Compatibility => "compatibility",
            Self::Plugin => "plugin",
            Self::Name => "plugin.name",
            Self::Type => "plugin.type",
            Self::Description => "plugin.description",
        }
    }
}

impl fmt::Display for MetadataField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

/// A fault in a metadata document, by the rules of decision C3: the field, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The text is not JSON.
    #[error("metadata is not JSON: see line {line}, column {column}")]
    NotJson {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// A field is missing.
    #[error("metadata: `{field}` is missing")]
    Missing {
        /// The field.
        field: MetadataField,
    },
    /// A field has a value of a wrong type.
    #[error("metadata: `{field}` must be {expected}, but is {found}")]
    WrongType {
        /// The field.
        field: MetadataField,
        /// The type that the value must have, in words.
        expected: &'static str,
        /// The type that the value has, in words.
        found: &'static str,
    },
    /// A key occurs twice in one object.
    #[error("metadata: the key `{key}` occurs twice")]
    Duplicate {
        /// The path of the key.
        key: String,
    },
    /// A key is unknown in metadata documents.
    #[error("metadata: unknown key `{key}`{}", nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownKey {
        /// The path of the key.
        key: String,
        /// The known key of the same object with the closest spelling, or `None` if no known key is similar.
        nearest: Option<&'static str>,
    },
    /// The version is malformed.
    #[error("metadata: `version`: {0}")]
    Version(ParseError),
    /// The compatibility string is malformed.
    #[error("metadata: `compatibility`: {0}")]
    Compatibility(ParseError),
    /// The compatibility string is well formed, but no version can satisfy it.
    ///
    /// See decision C2.
    #[error("metadata: no version can satisfy `compatibility` {compatibility}")]
    Unsatisfiable {
        /// The compatibility string.
        compatibility: Compatibility,
    },
    /// The plugin's own version is outside its compatibility string, so it could not read its own data.
    ///
    /// See decision C4.
    #[error("metadata: version {version} is outside the plugin's own compatibility {compatibility}")]
    OutsideOwnRange {
        /// The plugin's version.
        version: Version,
        /// The plugin's compatibility string.
        compatibility: Compatibility,
    },
    /// The number is not a day that exists in the calendar.
    #[error("metadata: `updated` must be a real date as the number YYYYMMDD, but is {found}")]
    NotADate {
        /// The number.
        found: serde_json::Number,
    },
    /// The type of the plugin is unknown.
    #[error("metadata: `plugin.type` must be Secret, Certificate, Credential or Issuer")]
    UnknownKind,
    /// A text does not have the form that the field requires.
    #[error("metadata: `{field}` must be {expected}")]
    Malformed {
        /// The field.
        field: MetadataField,
        /// The required form, in words.
        expected: &'static str,
    },
}

impl PluginError for MetadataError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}
