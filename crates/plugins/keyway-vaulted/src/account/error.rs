//! The errors of reading an account.

use keyway_core::InvalidText;
use keyway_core::json::JsonError;
use keyway_credentials::KeyError;

/// The reason why a secret is not an account. It repeats nothing of the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The secret is not a text.
    #[error("the secret is not a text: store an account, a password, or a private key in PEM")]
    NotText,
    /// The text begins like an account, and is not JSON.
    #[error("the account is not JSON: {0}")]
    Json(#[from] JsonError),
    /// An entry is missing, or does not have the expected form.
    #[error("the entry \"{entry}\" of the account does not fit: {expected}")]
    Entry {
        /// The name of the entry.
        entry: &'static str,
        /// The expected form.
        expected: &'static str,
    },
    /// An entry is unknown, for example because a later version wrote it.
    #[error("the account has an entry that this version does not know: use the version that wrote it")]
    UnknownEntry,
    /// The private key cannot be used.
    #[error("the private key of the account cannot be used: {0}")]
    Key(#[from] KeyError),
    /// A name in the account is not valid.
    #[error("the account has a name that does not fit: {0}")]
    Text(#[from] InvalidText),
    /// The seed of one-time codes cannot be used.
    #[error("the seed of one-time codes cannot be used: {expected}")]
    Seed {
        /// The expected form.
        expected: &'static str,
    },
}
