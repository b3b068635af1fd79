//! Errors of keys and tokens.

use keyway_core::{Effect, ErrorKind, PluginError};

use crate::KeyId;

/// The form that a key or a token should have at the place of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// A character of the URL-safe Base64 alphabet: `A-Z a-z 0-9 - _`.
    Symbol,
    /// The padding `=` that the length requires, only at the end.
    Padding,
    /// A last character whose unused bits are zero, so that every value has one spelling.
    CanonicalEnd,
    /// More text: the text ends too early.
    More,
    /// The end of the text.
    End,
    /// The version byte 0x80, with which every Fernet token begins.
    Version,
    /// A ciphertext of whole 16-byte blocks, at least one.
    WholeBlocks,
    /// The PKCS #7 padding behind the plaintext.
    BlockPadding,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Symbol => "a character of `A-Z a-z 0-9 - _`",
            Self::Padding => "`=` padding to a multiple of four characters",
            Self::CanonicalEnd => "a last character without stray bits",
            Self::More => "more text",
            Self::End => "the end of the text",
            Self::Version => "the version byte 0x80",
            Self::WholeBlocks => "a ciphertext of whole 16-byte blocks",
            Self::BlockPadding => "PKCS #7 padding behind the plaintext",
        })
    }
}

/// An error for a text that is not a key, or for keys that form no ring. The error never holds any part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not 32 bytes in URL-safe Base64.
    ///
    /// See decision C8.
    #[error(
        "not a key: at byte {at} expected {expected}; a key is 44 characters of URL-safe Base64, the last of them `=`"
    )]
    Malformed {
        /// The position in the text, in bytes from 0.
        at: usize,
        /// The expected form.
        expected: Expected,
    },
    /// One line of a list of keys is not a key.
    #[error(
        "line {line} is not a key: at byte {at} expected {expected}; a key is 44 characters of URL-safe Base64, the last of them `=`"
    )]
    MalformedLine {
        /// The line, counted from 1.
        line: usize,
        /// The position in that line, in bytes from 0.
        at: usize,
        /// The expected form.
        expected: Expected,
    },
    /// The list holds no key.
    #[error("no key given: a key ring needs at least one")]
    NoKeys,
    /// The system's random source failed.
    #[error("the system's random source failed: {0}")]
    Random(getrandom::Error),
}

impl PluginError for KeyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Malformed { .. } | Self::MalformedLine { .. } | Self::NoKeys => ErrorKind::Invalid,
            Self::Random(_) => ErrorKind::Internal,
        }
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}

/// A failure to seal. It never depends on the plaintext: any bytes can be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The system's random source failed.
    #[error("the system's random source failed: {0}")]
    Random(getrandom::Error),
    /// The system's clock is before 1970, and a token holds the seconds since 1970.
    #[error("the system's clock is before 1970: set it")]
    Clock,
}

impl PluginError for SealError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Internal
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}

/// An error for a token that cannot be opened. The variants distinguish a wrong key, damage and an empty token, as far
/// as that is possible (decision C5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The token is empty.
    #[error("the token is empty: nothing was stored, or it was lost")]
    Empty,
    /// The token does not have the form of a Fernet token: it is damaged or truncated.
    #[error("the token is damaged: at byte {at} expected {expected}")]
    Malformed {
        /// The position in the token's text, in bytes from 0.
        at: usize,
        /// The expected form.
        expected: Expected,
    },
    /// No key of the ring verifies the token. It was sealed with another key, or it was altered; the two cases cannot
    /// be told apart.
    #[error(
        "none of the {keys} keys of the ring opens the token: it was sealed with another key, or it was altered"
    )]
    NotAuthentic {
        /// The number of keys that were tried.
        keys: usize,
    },
    /// The key named with the token does not verify it, so the token was altered.
    #[error("key {key}, which is named with the token, does not open it: the token was altered")]
    Altered {
        /// The key that was tried.
        key: KeyId,
    },
    /// The key named with the token is not in the ring.
    #[error("the token was sealed with key {0}, which is not in the key ring: add it")]
    UnknownKey(KeyId),
    /// The token is older than the time to live.
    #[error("the token is {age} s old, more than its time to live")]
    Expired {
        /// Its age in seconds.
        age: u64,
    },
    /// The token's time is more than the allowed 60 s in the future.
    #[error("the token's time is {ahead} s in the future: compare the clocks")]
    TooNew {
        /// The number of seconds by which the token's time is ahead.
        ahead: u64,
    },
}

impl PluginError for OpenError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Empty | Self::Malformed { .. } | Self::Altered { .. } => ErrorKind::Corrupt,
            Self::NotAuthentic { .. } | Self::UnknownKey(_) => ErrorKind::WrongKey,
            Self::Expired { .. } | Self::TooNew { .. } => ErrorKind::Invalid,
        }
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}

/// A token that could not be resealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResealError {
    /// The old token does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new token cannot be made.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl PluginError for ResealError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Open(error) => error.kind(),
            Self::Seal(error) => error.kind(),
        }
    }

    fn effect(&self) -> Effect {
        Effect::None
    }
}
