//! The expectations of an order.

use crate::{AlternativeName, CertificateRequest, PublicKey};

/// The certificate that an order expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expected {
    /// The key. `None` accepts any, for an order whose plugin makes the key.
    pub public_key: Option<PublicKey>,
    /// The alternative names that the certificate must have.
    pub names: Vec<AlternativeName>,
    /// Whether the certificate is that of an authority.
    pub authority: bool,
    /// The certificates of the authority, as PEM, as far as they are known. They count for a certificate that comes
    /// without intermediate ones.
    pub signers: Vec<String>,
}

impl Expected {
    /// Expects nothing of the content: any key and any names, but no authority.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects the key and the names of a request.
    pub fn from_request(request: &CertificateRequest) -> Self {
        Self::new().with_public_key(request.public_key().clone()).with_names(request.names().to_vec())
    }

    /// Sets the key.
    #[must_use]
    pub fn with_public_key(mut self, key: PublicKey) -> Self {
        self.public_key = Some(key);
        self
    }

    /// Sets the alternative names.
    #[must_use]
    pub fn with_names(mut self, names: Vec<AlternativeName>) -> Self {
        self.names = names;
        self
    }

    /// Sets the certificates of the authority that signs.
    #[must_use]
    pub fn with_signers(mut self, signers: Vec<String>) -> Self {
        self.signers = signers;
        self
    }

    /// Expects the certificate of an authority.
    #[must_use]
    pub const fn with_authority(mut self) -> Self {
        self.authority = true;
        self
    }
}
