//! Defines the value of a secret: text, bytes or structured data.

use std::fmt;

use super::{SecretText, Structured};
use crate::Wiped;

/// The kind of a secret's value.
///
/// See decision C14.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MediaKind {
    /// UTF-8 text.
    Text,
    /// Bytes of any content.
    Bytes,
    /// A tree of named values with TOML's types.
    Structured,
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Structured => "structured",
        })
    }
}

/// The value of a secret.
///
/// It has no `Serialize`, `Debug` does not show it, and every form is zeroized on drop. The methods that read it have
/// `expose` in their names.
///
/// ```
/// use keyway_core::{MediaKind, SecretValue};
///
/// let value = SecretValue::text("s3cr3t");
/// assert_eq!(value.kind(), MediaKind::Text);
/// assert_eq!(value.expose_text(), Some("s3cr3t"));
/// assert_eq!(format!("{value:?}"), "SecretValue(text, [REDACTED])");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum SecretValue {
    /// UTF-8 text.
    Text(SecretText),
    /// Bytes of any content.
    Bytes(Wiped<Vec<u8>>),
    /// A tree of named values with TOML's types.
    Structured(Structured),
}

impl SecretValue {
    /// Creates a text value. If the caller keeps a copy, the caller must zeroize it.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(SecretText::new(text))
    }

    /// Creates a value of bytes.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(Wiped::new(bytes.into()))
    }

    /// Returns the kind of the value.
    pub fn kind(&self) -> MediaKind {
        match self {
            Self::Text(_) => MediaKind::Text,
            Self::Bytes(_) => MediaKind::Bytes,
            Self::Structured(_) => MediaKind::Structured,
        }
    }

    /// Returns the text, or `None` if the value is not a text.
    pub fn expose_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.expose()),
            _ => None,
        }
    }

    /// Returns the bytes of a text or of a value of bytes. Returns `None` for a structured value.
    pub fn expose_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.expose().as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            Self::Structured(_) => None,
        }
    }

    /// Returns the structured value, or `None` if the value is a text or bytes.
    pub fn expose_structured(&self) -> Option<&Structured> {
        match self {
            Self::Structured(structured) => Some(structured),
            _ => None,
        }
    }

    /// Tells whether two values have the same kind and the same content.
    ///
    /// The comparison does not take constant time. Use it in tests, and for two values that the caller may read, but
    /// not to check a guess.
    pub fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Structured(a), Self::Structured(b)) => a.same_as(b),
            _ => false,
        }
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretValue({}, [REDACTED])", self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart_even_with_equal_bytes() {
        let text = SecretValue::text("abc");
        let bytes = SecretValue::bytes("abc");
        assert_eq!(text.expose_bytes(), bytes.expose_bytes());
        assert!(!text.same_as(&bytes));
        assert!(bytes.expose_text().is_none());
        assert!(SecretValue::Structured(Structured::text("abc")).expose_bytes().is_none());
    }

    #[test]
    fn debug_shows_no_value() {
        for value in [
            SecretValue::text("needle"),
            SecretValue::bytes("needle"),
            SecretValue::Structured(Structured::text("needle")),
        ] {
            assert!(!format!("{value:?}").contains("needle"));
        }
    }
}
