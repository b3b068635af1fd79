//! The certificate that an order expects.

use crate::{AlternativeName, CertificateRequest, PublicKey};

/// The properties of the certificate that an order expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expected {
    /// The key. `None` accepts any key, for an order whose plugin makes the key.
    pub public_key: Option<PublicKey>,
    /// The alternative names that the certificate must have.
    pub names: Vec<AlternativeName>,
    /// Whether the certificate must be that of an authority.
    pub authority: bool,
    /// The known certificates of the authority, as PEM. They are used for a certificate that comes without intermediate
    /// certificates.
    pub signers: Vec<String>,
}

impl Expected {
    /// Creates an expectation that accepts any key and any names, but no certificate of an authority.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an expectation of the key and the names of a request.
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

    /// Sets the expectation that the certificate is that of an authority.
    #[must_use]
    pub const fn with_authority(mut self) -> Self {
        self.authority = true;
        self
    }
}
