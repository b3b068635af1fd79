//! Certificate authorities: their description, and subordinate ones.

use keyway_core::{IntentId, Timestamp};

use crate::{CaId, Owner, Pem};

/// The description of a certificate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaInformation {
    /// The plugin's own id of the authority.
    pub id: CaId,
    /// The name for people, which no other authority of any plugin of the host has (decision B14).
    pub name: String,
    /// The description for people.
    pub description: Option<String>,
    /// The certificate of the authority.
    pub signing_certificate: Option<Pem>,
    /// The certificates between it and the root, its issuer first.
    pub intermediates: Option<Pem>,
    /// The moment at which this description expires. The host asks again when the earliest of a
    /// connection expires, and daily if there is none (decision B14).
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
    /// The intended effect (decision B19).
    pub intent: IntentId,
    /// The name for people.
    pub name: String,
    /// The description for people.
    pub description: Option<String>,
    /// The subject, by RFC 4514.
    pub subject_dn: String,
    /// The authority that signs its certificate, by the plugin's own id.
    pub parent: CaId,
    /// The owner. Only it may use and delete the new authority; the host sees to that (decision B19).
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
    /// The intended effect (decision B19).
    pub intent: IntentId,
    /// The authority, by the plugin's own id.
    pub ca: CaId,
}

impl DeleteCa {
    /// Creates the request.
    pub const fn new(intent: IntentId, ca: CaId) -> Self {
        Self { intent, ca }
    }
}
