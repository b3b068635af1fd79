//! The errors of private keys.

use keyway_core::{Effect, ErrorKind, PluginError};

use crate::{PemError, PublicKeyError};

/// The error for a private key that cannot be used. Nothing happened.
///
/// It holds nothing of the key and nothing of the passphrase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// The text is too long.
    #[error("the private key is longer than {most} bytes")]
    TooLong {
        /// The maximum length.
        most: usize,
    },
    /// The text is not exactly one PEM block with a key.
    #[error("the private key must be one PEM block of PKCS#8 (openssl pkcs8 -topk8 converts others): {0}")]
    Pem(#[source] PemError),
    /// The content is not a key of PKCS#8.
    #[error("the private key is not PKCS#8 in DER")]
    Malformed,
    /// Keys of this algorithm cannot sign requests.
    #[error("the private key is not acceptable: {0}")]
    Algorithm(#[source] PublicKeyError),
    /// The parts of the key do not belong together, or the public part is missing.
    #[error("the private key is not acceptable: {reason}")]
    Rejected {
        /// The reason, as the cryptographic library words it.
        reason: String,
    },
    /// The key is encrypted, and there is no passphrase.
    #[error("the private key is encrypted: give its passphrase")]
    PassphraseMissing,
    /// The passphrase does not open the key.
    #[error("the passphrase does not open the private key")]
    WrongPassphrase,
    /// The encryption is of a kind that this build cannot read.
    #[error(
        "the encryption of the private key is not supported: use PBES2 with AES and PBKDF2 (SHA-2) or scrypt, as \
         openssl pkcs8 -topk8 writes it, in a program that was built with the feature encrypted-keys"
    )]
    Encryption,
    /// The encryption requires too much work.
    #[error(
        "the passphrase of the private key costs too much: use at most 2000000 rounds of PBKDF2, or 64 MiB of scrypt"
    )]
    Costly,
    /// A key of this type must be made elsewhere.
    #[error("no RSA key is made here: import one that openssl genpkey made")]
    Unmakeable,
    /// The random source of the system failed.
    #[error("no key was made: the random source of the system failed")]
    Random,
}

impl PluginError for PrivateKeyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unmakeable => ErrorKind::Unsupported,
            Self::WrongPassphrase => ErrorKind::WrongKey,
            Self::Random => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        }
    }

    fn effect(&self) -> Effect {
        Effect::None
    }

    fn detail(&self) -> String {
        // The message contains the message of the source.
        self.to_string()
    }
}
