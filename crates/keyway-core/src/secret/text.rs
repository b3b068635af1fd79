//! A text that may be secret.

use std::fmt;

use zeroize::Zeroizing;

use crate::Wiped;

/// A text that is or may be secret: a credential, a token, a user's input.
///
/// The text is zeroized on drop. `Debug` shows no content, and there is no `Display` and no `Serialize`. To read the
/// text, call [`expose`](Self::expose).
///
/// `==` does not compare in constant time. Use it for two texts that the caller may read, but never to compare a guess
/// with the true value.
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
    /// Takes ownership of the text. If the caller keeps a copy, the caller must zeroize it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Wiped::new(text.into()))
    }

    /// Returns the content as a plain `String`, which is not wiped. Use this for a text that is not secret, such as a
    /// name or a message.
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
