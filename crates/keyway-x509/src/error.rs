//! The errors of a request.

use keyway_core::{Effect, ErrorKind, PluginError};

use crate::{InvalidName, PemError, PublicKeyError};

/// The error for a refused request. No certificate is made from the request, and nothing happened.
///
/// The error holds no secret, because a request holds none. Texts of the request are escaped and shortened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The text is too long.
    #[error("the certificate request is longer than {most} bytes")]
    TooLong {
        /// The maximum length.
        most: usize,
    },
    /// The text is not base64.
    #[error("the certificate request is not base64 of a PEM text")]
    NotBase64,
    /// The text is not exactly one PEM block with a request.
    #[error("the certificate request is not acceptable: {0}")]
    Pem(#[source] PemError),
    /// The content is not a PKCS#10 request in DER.
    #[error("the certificate request is not PKCS#10 in DER: its {part} cannot be read")]
    Malformed {
        /// The part that cannot be read.
        part: &'static str,
    },
    /// The key of the request is not acceptable.
    #[error("the public key of the certificate request is not acceptable: {0}")]
    PublicKey(#[source] PublicKeyError),
    /// The algorithm of the signature is not accepted.
    #[error("the certificate request is signed with {algorithm}: use SHA-256, SHA-384 or SHA-512")]
    SignatureAlgorithm {
        /// The name or the object identifier of the algorithm.
        algorithm: String,
    },
    /// The signature was not made with the key of the request.
    #[error("the certificate request is not signed with its own key: make a new one")]
    Signature,
    /// An alternative name does not have the form of its kind.
    #[error("an alternative name of the certificate request is not acceptable: {0}")]
    Name(#[source] InvalidName),
    /// An extension occurs twice.
    #[error("the certificate request has the extension {extension} twice")]
    RepeatedExtension {
        /// The name or the object identifier of the extension.
        extension: String,
    },
}

impl PluginError for RequestError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn effect(&self) -> Effect {
        Effect::None
    }

    fn detail(&self) -> String {
        // The message contains the message of the source.
        self.to_string()
    }
}
