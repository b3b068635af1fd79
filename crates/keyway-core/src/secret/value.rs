//! One secret value.

use std::fmt;

use super::{SecretText, Structured};
use crate::Wiped;

/// What kind of value a secret holds (decision C14).
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
/// It is never serialized by itself, never shown by `Debug`, and zeroized on drop in
/// every form. Reading it takes a method whose name says `expose`.
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
    /// A text value. The caller's own copy, if there is one, stays the caller's to
    /// zeroize.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(SecretText::new(text))
    }

    /// A value of bytes.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(Wiped::new(bytes.into()))
    }

    /// The kind of the value.
    pub fn kind(&self) -> MediaKind {
        match self {
            Self::Text(_) => MediaKind::Text,
            Self::Bytes(_) => MediaKind::Bytes,
            Self::Structured(_) => MediaKind::Structured,
        }
    }

    /// The text, when the value is one.
    pub fn expose_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.expose()),
            _ => None,
        }
    }

    /// The bytes of a text or a value of bytes; `None` for a structured value.
    pub fn expose_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.expose().as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            Self::Structured(_) => None,
        }
    }

    /// The structured value, when the value is one.
    pub fn expose_structured(&self) -> Option<&Structured> {
        match self {
            Self::Structured(structured) => Some(structured),
            _ => None,
        }
    }

    /// Whether both are of the same kind and hold the same value.
    ///
    /// Not in constant time: for tests and for comparing two values that the caller may
    /// both read, not for checking a guess.
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
