//! The description of a certificate authority, and the requests to create and delete a subordinate authority.

use keyway_core::{IntentId, Timestamp};

use crate::{CaId, Owner, Pem};

/// The description of a certificate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaInformation {
    /// The plugin's own id of the authority.
    pub id: CaId,
    /// The name for people. It is unique among the authorities of all plugins of the host (decision B14).
    pub name: String,
    /// The description for people.
    pub description: Option<String>,
    /// The certificate of the authority.
    pub signing_certificate: Option<Pem>,
    /// The certificates between the authority's certificate and the root. The certificate whose key signed the
    /// authority's certificate comes first.
    pub intermediates: Option<Pem>,
    /// The moment at which this description expires. The host requests the descriptions of a connection again when the
    /// first of them expires, and daily if none expires (decision B14).
    pub expiration: Option<Timestamp>,
}

impl CaInformation {
    /// Creates a description that has only a name and does not expire.
    pub fn new(id: CaId, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            description: None,
            signing_certificate: None,
            intermediates: None,
            expiration: None,
        }
    }

    /// Sets the description for people.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets the certificate of the authority.
    #[must_use]
    pub fn with_signing_certificate(mut self, certificate: Pem) -> Self {
        self.signing_certificate = Some(certificate);
        self
    }

    /// Sets the certificates between the authority's and the root.
    #[must_use]
    pub fn with_intermediates(mut self, intermediates: Pem) -> Self {
        self.intermediates = Some(intermediates);
        self
    }

    /// Sets the moment at which the description expires.
    #[must_use]
    pub const fn with_expiration(mut self, expiration: Timestamp) -> Self {
        self.expiration = Some(expiration);
        self
    }
}

/// The request to create a subordinate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateCa {
    /// The id of the intended effect. It stays the same when the host repeats the request (decision B19).
    pub intent: IntentId,
    /// The name for people.
    pub name: String,
    /// The description for people.
    pub description: Option<String>,
    /// The subject of the authority's certificate, in the notation of RFC 4514.
    pub subject_dn: String,
    /// The plugin's own id of the authority that signs the certificate.
    pub parent: CaId,
    /// The owner. The host lets only the owner use and delete the new authority (decision B19).
    pub owner: Owner,
}

impl CreateCa {
    /// Creates the request, without a description.
    pub fn new(
        intent: IntentId,
        name: impl Into<String>,
        subject_dn: impl Into<String>,
        parent: CaId,
        owner: Owner,
    ) -> Self {
        Self { intent, name: name.into(), description: None, subject_dn: subject_dn.into(), parent, owner }
    }

    /// Sets the description for people.
    #[must_use]
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

/// The request to delete a subordinate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteCa {
    /// The id of the intended effect. It stays the same when the host repeats the request (decision B19).
    pub intent: IntentId,
    /// The plugin's own id of the authority.
    pub ca: CaId,
}

impl DeleteCa {
    /// Creates the request.
    pub const fn new(intent: IntentId, ca: CaId) -> Self {
        Self { intent, ca }
    }
}
