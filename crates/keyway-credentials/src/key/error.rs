//! The error for a text that is not a private key.

/// The error for a text that is not a private key. It shows no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is too long.
    #[error("the private key is too long: at most {most} bytes are allowed")]
    TooLong {
        /// The allowed number of bytes.
        most: usize,
    },
    /// The text is not one PEM block.
    #[error("the private key is not one PEM block: {rule}")]
    Pem {
        /// The rule that the text breaks.
        rule: &'static str,
    },
    /// The block is not a private key of a known form.
    #[error(
        "the PEM block is not a private key: its label must be RSA, DSA, EC, OPENSSH or ENCRYPTED PRIVATE KEY, or \
         PRIVATE KEY"
    )]
    Label,
    /// The content does not have the form that the label names.
    #[error("the private key is damaged: its content is not {form}")]
    Content {
        /// The form that the label names.
        form: &'static str,
    },
    /// The type of the key is not supported.
    #[error(
        "the private key is of a type that is not supported: use RSA, ECDSA (P-256, P-384, P-521) or Ed25519"
    )]
    UnsupportedType,
    /// The key is encrypted, and there is no passphrase.
    #[error("the private key is encrypted: give its passphrase")]
    PassphraseMissing,
}
