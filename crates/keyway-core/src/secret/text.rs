//! A secret text.

use std::fmt;

use zeroize::Zeroizing;

use crate::Wiped;

/// A text that is secret, or may be: a credential, a token, a user's input.
///
/// `Debug` shows no content, dropping it zeroizes it, and it has no `Display` and no
/// `Serialize`. Reading it takes [`expose`](Self::expose).
///
/// `==` compares byte by byte and not in constant time: use it for two texts that the caller may
/// read, never for a guess and the true value.
///
/// ```
/// use keyway_core::SecretText;
///
/// let text = SecretText::new("correct horse");
/// assert_eq!(text.expose(), "correct horse");
/// assert_eq!(format!("{text:?}"), "SecretText([REDACTED])");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(Wiped<String>);

impl SecretText {
    /// Takes ownership of the text. A copy that the caller keeps is the caller's to zeroize.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Wiped::new(text.into()))
    }

    /// Returns the text as one that is not secret, such as a name or a message. It is not wiped.
    pub fn into_open(self) -> String {
        self.0.take()
    }

    /// Returns the text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Zeroizing<String>> for SecretText {
    fn from(mut text: Zeroizing<String>) -> Self {
        Self(Wiped::new(std::mem::take(&mut *text)))
    }
}

impl From<Wiped<String>> for SecretText {
    fn from(text: Wiped<String>) -> Self {
        Self(text)
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText([REDACTED])")
    }
}
