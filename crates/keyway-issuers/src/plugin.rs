//! The contract: a plugin that opens issuers, and an issuer with its operations.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_core::{Clock, Json, NoConfiguration, PluginMetadata, Resources, SystemClock};

use crate::{
    Capabilities, CredentialRequest, Description, IssuerError, Reconciled, Reconciliation, RequestOutcome,
    Revocation, ServiceName,
};

/// A plugin for issuers, as `register!` puts it into the registry.
pub trait IssuerPlugin: fmt::Debug + Send + Sync {
    /// Checks the configuration that the host opens the plugin with, without opening anything.
    ///
    /// It does no I/O and does not block. The default accepts an empty configuration only.
    ///
    /// An operator's settings for a service, with the names that the issuer
    /// [describes](Issuer::describe), are separate: they come with each call.
    ///
    /// # Errors
    /// [`Invalid`](IssuerError::Invalid) names the invalid key and the expectation.
    fn check_configuration(&self, configuration: &Json) -> Result<(), IssuerError> {
        keyway_core::read_configuration::<NoConfiguration>(configuration)
            .map(drop)
            .map_err(|error| IssuerError::invalid("the configuration of the plugin", error.to_string()))
    }

    /// Creates a handle to an issuer. It does no I/O and does not block.
    ///
    /// # Errors
    /// As [`check_configuration`](Self::check_configuration), and
    /// [`MissingResource`](IssuerError::MissingResource) when the host did not lend a resource that
    /// the plugin needs.
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError>;
}

/// The arguments with which a host opens an issuer.
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenContext {
    /// The name of the service that the issuer is for.
    pub service: ServiceName,
    /// The metadata under which the plugin is registered.
    pub metadata: PluginMetadata,
    /// The plugin's own configuration.
    pub configuration: Json,
    /// The resources that the host lends.
    pub resources: Resources,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
}

impl OpenContext {
    /// Creates a context with an empty configuration, nothing lent, and the system's clock.
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

    /// Sets the resources that the host lends.
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
    /// Omits the configuration, which may hold a password.
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
/// Several calls use it at once through `&self`. Everything that belongs to one call, including the
/// configuration, comes with the call: an issuer keeps no state between calls except the
/// credentials that it made.
///
/// # Cancel safety
/// A host may drop the future of any operation, for example when a deadline passes. A dropped
/// request may have made a credential; an issuer that [reconciles](Capabilities::reconciles) can
/// tell.
///
/// # Errors
/// [`Refused`](IssuerError::Refused) rejects the request, with a message for the user and one for
/// the log, and promises that nothing happened. Any other error may leave an effect behind unless
/// [`effect`](keyway_core::PluginError::effect) says that it does not; the host acts on that.
#[async_trait]
pub trait Issuer: fmt::Debug + Send + Sync {
    /// Returns the issuer's capabilities. They never change for one handle.
    fn capabilities(&self) -> Capabilities;

    /// Describes the issuer: its version, its configuration parameters, and the parameters of a
    /// request (WaTTS seed, "Listing The Supported Parameter").
    ///
    /// The answer depends on no user and no configuration, and changes only with the version
    /// (decision W4).
    ///
    /// # Errors
    /// [`Unavailable`](IssuerError::Unavailable) and others, when the issuer has to ask another
    /// system.
    async fn describe(&self) -> Result<Description, IssuerError>;

    /// Makes a credential, or asks for another login first.
    ///
    /// # Errors
    /// [`Refused`](IssuerError::Refused) when the plugin denies the user a credential.
    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError>;

    /// Destroys a credential.
    ///
    /// Revoking a credential that no longer exists succeeds (decision W6).
    ///
    /// # Errors
    /// After any error the credential counts as existing, and the host may try again.
    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError>;

    /// Reports the outcome of an effect that was intended before a crash.
    ///
    /// See decision R2.
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
