//! Texts with a checked form: names, ids and PEM.

use std::fmt;
use std::sync::Arc;

use keyway_core::is_identifier;

/// The error for a text that does not have the form of its type. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not {what}: use {expected}")]
pub struct InvalidText {
    /// The object that the text should be.
    pub what: &'static str,
    /// The form that it needs.
    pub expected: &'static str,
}

/// Tells whether `text` is a plain identifier: it can be a part of a file name or of a key.
/// Tells whether `text` fits into one line of a log.
fn is_one_line(text: &str) -> bool {
    !text.contains(char::is_control)
}

/// Tells whether `text` can be a PEM text: the host checks the rest.
fn is_not_blank(text: &str) -> bool {
    !text.trim().is_empty()
}

/// Defines a text with a checked form.
macro_rules! text {
    ($(#[$documentation:meta])+ $name:ident: $what:literal, up to $most:expr, $check:ident, $expected:literal) => {
        $(#[$documentation])+
        ///
        /// A clone costs one reference count.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest text in bytes.
            pub const MAX_BYTES: usize = $most;

            /// Checks a text.
            ///
            /// # Errors
            /// [`InvalidText`] says which form is expected.
            pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidText> {
                let text = text.into();
                if (1..=Self::MAX_BYTES).contains(&text.len()) && $check(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidText { what: $what, expected: $expected })
                }
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        /// Allows looking up a value in a map by a text.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

/// Implements `Debug` by showing the text.
macro_rules! shown {
    ($($name:ident)+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        })+
    };
}

text! {
    /// The name of a connection to a certificate authority: 1 to 128 of `A-Z a-z 0-9 . _ -`, not
    /// beginning with a dot.
    ///
    /// An operator chooses it; one plugin may have several connections. It is an identifier, never a
    /// path.
    AuthorityName: "the name of a connection to a certificate authority", up to 128, is_identifier,
        "1 to 128 letters, digits, '.', '_' and '-', and no dot at the beginning"
}

text! {
    /// The id of an order: 1 to 128 of `A-Z a-z 0-9 . _ -`, not beginning with a dot.
    ///
    /// The host chooses it. It is the same in every call for one order, so a certificate authority
    /// can recognize the order by it (decision B6).
    OrderId: "the id of an order", up to 128, is_identifier,
        "1 to 128 letters, digits, '.', '_' and '-', and no dot at the beginning"
}

text! {
    /// The plugin's own id of a certificate authority: 1 to 255 bytes without control characters.
    ///
    /// It is unique within one connection and stays the same as long as the authority exists.
    ///
    /// ```
    /// use keyway_certificates::CaId;
    ///
    /// assert_eq!(CaId::new("Snakeoil CA, Sofia").unwrap().as_str(), "Snakeoil CA, Sofia");
    /// for refused in ["", "two\nlines", &"x".repeat(CaId::MAX_BYTES + 1)] {
    ///     assert!(CaId::new(refused).is_err());
    /// }
    /// ```
    CaId: "the id of a certificate authority", up to 255, is_one_line,
        "1 to 255 bytes without control characters"
}

text! {
    /// The owner of an order or of a subordinate authority: 1 to 255 bytes without control
    /// characters.
    ///
    /// The host chooses it, and it means nothing to a plugin: the upstream system puts the id of a
    /// project there (decision B19).
    Owner: "an owner", up to 255, is_one_line, "1 to 255 bytes without control characters"
}

text! {
    /// A PEM text: a certificate, a chain, or a request. `Debug` shows its length only.
    ///
    /// It is checked for its length, and that it is not blank. The host checks the rest: a plugin
    /// may hand over what its authority answered (decision B11).
    Pem: "a PEM text", up to 64 << 10, is_not_blank, "1 byte to 64 KiB that are not all white space"
}

shown! { AuthorityName OrderId CaId Owner }

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
