//! The contract: a plugin that opens issuers, and an issuer with its operations.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_core::{Clock, Json, NoConfiguration, PluginMetadata, Resources, SystemClock};

use crate::{
    Capabilities, CredentialRequest, Description, IssuerError, Reconciled, Reconciliation, RequestOutcome,
    Revocation, ServiceName,
};

/// A plugin for issuers: what `register!` puts into the registry.
pub trait IssuerPlugin: fmt::Debug + Send + Sync {
    /// Checks the configuration that the host opens the plugin with, without opening
    /// anything. It does no I/O and does not block. As long as a plugin does not say
    /// otherwise, an empty configuration is all that is accepted.
    ///
    /// This is not what an operator sets per service by the names that the issuer
    /// [describes](Issuer::describe): that comes with each call.
    ///
    /// # Errors
    /// [`Invalid`](IssuerError::Invalid) says which key is wrong and what was expected.
    fn check_configuration(&self, configuration: &Json) -> Result<(), IssuerError> {
        keyway_core::read_configuration::<NoConfiguration>(configuration)
            .map(drop)
            .map_err(|error| IssuerError::invalid("the configuration of the plugin", error.to_string()))
    }

    /// Makes a handle to an issuer. It does no I/O and does not block.
    ///
    /// # Errors
    /// As [`check_configuration`](Self::check_configuration), and
    /// [`MissingResource`](IssuerError::MissingResource) when the host did not lend what
    /// the plugin needs.
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError>;
}

/// What a host gives a plugin to open an issuer with.
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenContext {
    /// The name of the service that the issuer is for.
    pub service: ServiceName,
    /// The metadata under which the plugin is registered.
    pub metadata: PluginMetadata,
    /// The plugin's own configuration.
    pub configuration: Json,
    /// What the host lends.
    pub resources: Resources,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
}

impl OpenContext {
    /// A context with an empty configuration, nothing lent, and the system's clock.
    pub fn new(service: ServiceName, metadata: PluginMetadata) -> Self {
        Self {
            service,
            metadata,
            configuration: Json::default(),
            resources: Resources::new(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the plugin's own configuration.
    #[must_use]
    pub fn with_configuration(mut self, configuration: impl Into<Json>) -> Self {
        self.configuration = configuration.into();
        self
    }

    /// Sets what the host lends.
    #[must_use]
    pub fn with_resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl fmt::Debug for OpenContext {
    /// Leaves the configuration out: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenContext")
            .field("service", &self.service)
            .field("metadata", &self.metadata)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

/// An issuer: describes itself, makes credentials, destroys them (WaTTS seed).
///
/// It is used through `&self` by several calls at once. Everything that belongs to one
/// call, the configuration included, comes with the call: an issuer needs no memory of its
/// own between calls, apart from the credentials that it made.
///
/// # Cancel safety
/// A host may drop the future of any operation, when a deadline passes for example. A
/// request that is dropped may have made a credential; an issuer that
/// [reconciles](Capabilities::reconciles) can tell.
///
/// # Errors
/// [`Refused`](IssuerError::Refused) says no to this user, with a message for the user and
/// one for the log, and promises that nothing happened. Every other error may leave an
/// effect behind unless [`effect`](keyway_core::PluginError::effect) says that it
/// does not; the host acts on that.
#[async_trait]
pub trait Issuer: fmt::Debug + Send + Sync {
    /// What the issuer can do. A constant of the handle.
    fn capabilities(&self) -> Capabilities;

    /// Describes itself: version, what can be configured, what a request may carry (WaTTS
    /// seed, "Listing The Supported Parameter"). The answer depends on no user and no
    /// configuration, and changes with the version only (decision W4).
    ///
    /// # Errors
    /// [`Unavailable`](IssuerError::Unavailable) and others, when the issuer has to ask
    /// something outside.
    async fn describe(&self) -> Result<Description, IssuerError>;

    /// Makes a credential, or asks for another login first.
    ///
    /// # Errors
    /// [`Refused`](IssuerError::Refused) when this user gets no credential.
    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError>;

    /// Destroys a credential. Doing it to one that is gone already succeeds (decision W6).
    ///
    /// # Errors
    /// After any error the credential counts as still there, and the host may try again.
    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError>;

    /// Tells what became of an effect that was intended before a crash (decision R2).
    ///
    /// # Errors
    /// [`Unsupported`](IssuerError::Unsupported) without the capability `reconciles`.
    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, IssuerError> {
        let _ = question;
        Err(IssuerError::Unsupported { what: "reconcile" })
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::PluginMetadata;

    use super::OpenContext;
    use crate::ServiceName;

    #[test]
    fn the_debugging_text_of_an_opening_shows_no_configuration() {
        let metadata = PluginMetadata::from_json(
            r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
                "compatibility": ">=:1.0,<:2.0",
                "plugin": {"name": "Door", "type": "Issuer", "description": "d"}}"#,
        )
        .unwrap();
        let context = OpenContext::new(ServiceName::new("door").unwrap(), metadata)
            .with_configuration(serde_json::json!({ "password": "n33dle" }));
        assert!(!format!("{context:?}").contains("n33dle"));
    }
}
