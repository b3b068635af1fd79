//! The contract: a plugin that opens issuers, and an issuer with its operations.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_core::{Json, NoConfiguration};

use crate::{
    Capabilities, CredentialRequest, Description, IssuerError, Reconciled, Reconciliation, RequestOutcome,
    Revocation, ServiceName,
};

/// A plugin for issuers, as `register!` puts it into the registry.
pub trait IssuerPlugin: fmt::Debug + Send + Sync {
    /// Checks the configuration that the host opens the plugin with, without opening anything.
    ///
    /// It does no I/O and does not block. The default body accepts an empty configuration only.
    ///
    /// The operator's configuration of a service is separate. The issuer [describes](Issuer::describe) its parameters,
    /// and each call carries their values.
    ///
    /// # Errors
    /// [`Invalid`](IssuerError::Invalid) names the invalid key and the expected value.
    fn check_configuration(&self, configuration: &Json) -> Result<(), IssuerError> {
        keyway_core::read_configuration::<NoConfiguration>(configuration)
            .map(drop)
            .map_err(|error| IssuerError::invalid("the configuration of the plugin", error.to_string()))
    }

    /// Creates a handle to an issuer. It does no I/O and does not block.
    ///
    /// # Errors
    /// As [`check_configuration`](Self::check_configuration), and [`MissingResource`](IssuerError::MissingResource)
    /// when the host passed no resource of a kind that the plugin needs.
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError>;
}

/// The arguments with which a host opens an issuer. The name in them is the service's name.
pub type OpenContext = keyway_core::OpenContext<ServiceName>;

/// An issuer: describes itself, makes credentials, destroys them (WaTTS seed).
///
/// A host may call several operations of one issuer at once, through `&self`. Everything that belongs to one call,
/// including the configuration, comes with the call: an issuer keeps no state between calls except the credentials that
/// it made.
///
/// # Cancel safety
/// A host may drop the future of any operation, for example when a deadline passes. A dropped request may have made a
/// credential; an issuer that [reconciles](Capabilities::reconciles) can tell whether it did.
///
/// # Errors
/// [`Refused`](IssuerError::Refused) rejects the request, with a message for the user and one for the log, and promises
/// that nothing happened. Any other error may leave an effect behind unless
/// [`effect`](keyway_core::PluginError::effect) says that it left none. The host relies on `effect`.
#[async_trait]
pub trait Issuer: fmt::Debug + Send + Sync {
    /// Returns the issuer's capabilities. They never change for one handle.
    fn capabilities(&self) -> Capabilities;

    /// Describes the issuer: its version, its configuration parameters, and the parameters of a request (WaTTS seed,
    /// "Listing The Supported Parameter").
    ///
    /// The answer depends on no user and no configuration, and changes only with the version (decision W4).
    ///
    /// # Errors
    /// [`Unavailable`](IssuerError::Unavailable) or another error, if the issuer asks another system and that fails.
    async fn describe(&self) -> Result<Description, IssuerError>;

    /// Makes a credential, or asks for another login first.
    ///
    /// # Errors
    /// [`Refused`](IssuerError::Refused) when the plugin denies the user a credential.
    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError>;

    /// Destroys a credential.
    ///
    /// Revoking a credential that no longer exists succeeds (decision W6). An [idempotent](Capabilities::idempotent)
    /// issuer refuses a request with the intent of a revoked credential, since that request may be late (decision
    /// H328).
    ///
    /// # Errors
    /// After any error the credential counts as existing, and the host may try again.
    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError>;

    /// Reports what became of an effect that the host intended before a crash.
    ///
    /// After the answer [`NothingHappened`](Reconciled::NothingHappened), the host forgets the request. If the request
    /// arrives late, or is repeated with the same intent, the issuer refuses it (decision H294). See decision R2.
    ///
    /// # Errors
    /// [`Unsupported`](IssuerError::Unsupported) without the capability `reconciles`.
    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, IssuerError> {
        let _ = question;
        Err(IssuerError::Unsupported { what: "reconcile" })
    }
}
