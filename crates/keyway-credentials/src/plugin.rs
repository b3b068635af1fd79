//! The contract: a plugin that opens credential stores, and a store with its operations.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_core::{Json, NoConfiguration};

use crate::{
    Account, Asset, CandidateQuestion, Candidates, Capabilities, Certificates, CheckIn, CheckedIn,
    CredentialError, CredentialStoreName, Fetch, FetchOutcome, Lease, LeaseRenewal, Passwords, PrivateKeys,
    Reconciled, Reconciliation, RemoteAppCredentials, SessionEvent, TotpCodes, Verification, Verified,
};

/// A plugin for credential stores, as `register!` puts it into the registry.
pub trait CredentialStorePlugin: fmt::Debug + Send + Sync {
    /// Checks the configuration that the host opens the plugin with, without opening anything.
    ///
    /// It does no I/O and does not block. The default accepts an empty configuration only.
    ///
    /// # Errors
    /// [`Invalid`](CredentialError::Invalid) names the invalid key and the expectation.
    fn check_configuration(&self, configuration: &Json) -> Result<(), CredentialError> {
        keyway_core::read_configuration::<NoConfiguration>(configuration)
            .map(drop)
            .map_err(|error| CredentialError::invalid("the configuration of the plugin", error.to_string()))
    }

    /// Creates a handle to a credential store. It does no I/O and does not block.
    ///
    /// # Errors
    /// As [`check_configuration`](Self::check_configuration), and
    /// [`MissingResource`](CredentialError::MissingResource) when the host did not lend a resource that the plugin
    /// needs.
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn CredentialStore>, CredentialError>;
}

/// The arguments with which a host opens a credential store; the name is that of the store.
pub type OpenContext = keyway_core::OpenContext<CredentialStoreName>;

/// A credential store: gives sessions the credentials of an account at an asset, and takes them back (seed,
/// "`CredentialStorePlugin` methods and attributes").
///
/// Several calls use it at once through `&self`, but the host makes one call at a time for one session. A call may
/// reach a new instance each time: state passes only through the cookies and the lease (decision S9).
///
/// # Cancel safety
/// A host may drop the future of any operation, for example when a deadline passes. A dropped fetch may have checked
/// out. After it, or after a crash, the host asks an [idempotent](Capabilities::idempotent) store again, and asks one
/// that [reconciles](Capabilities::reconciles) for the outcome; otherwise the intent is listed until a person
/// decides (decision R2). A store without [leases](Capabilities::leases) is simply asked again.
///
/// # Errors
/// Any error may leave an effect behind unless [`effect`](keyway_core::PluginError::effect) says that it does not;
/// the host acts on that. What the plugin wrote into the cookies is kept after an error too (decision S5).
#[async_trait]
pub trait CredentialStore: fmt::Debug + Send + Sync {
    /// Returns the store's capabilities. They never change for one handle.
    fn capabilities(&self) -> Capabilities;

    /// Fetches the passwords of a candidate (seed, `do_get_password_list`).
    ///
    /// The host calls it for each candidate until one is found. The default answers
    /// [`Unsupported`](FetchOutcome::Unsupported), as a store without the capability `passwords` must.
    ///
    /// # Errors
    /// An error ends the search; where an [outcome](FetchOutcome) fits, answer it instead.
    async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        let _ = fetch;
        Ok(FetchOutcome::Unsupported)
    }

    /// Fetches the private keys of a candidate (seed, `do_get_private_key_list`).
    ///
    /// The host calls it for each candidate until one is found. The default answers
    /// [`Unsupported`](FetchOutcome::Unsupported), as a store without the capability `private_keys` must.
    ///
    /// # Errors
    /// As [`passwords`](Self::passwords).
    async fn private_keys(&self, fetch: &Fetch) -> Result<FetchOutcome<PrivateKeys>, CredentialError> {
        let _ = fetch;
        Ok(FetchOutcome::Unsupported)
    }

    /// Fetches the certificates of a candidate, with their keys.
    ///
    /// The default answers [`Unsupported`](FetchOutcome::Unsupported), as a store without the capability
    /// `certificates` must.
    ///
    /// # Errors
    /// As [`passwords`](Self::passwords).
    async fn certificates(&self, fetch: &Fetch) -> Result<FetchOutcome<Certificates>, CredentialError> {
        let _ = fetch;
        Ok(FetchOutcome::Unsupported)
    }

    /// Fetches the one-time codes of a candidate (upstream's `do_get_totp_codes`).
    ///
    /// One code is not handed out twice in its period (decision S10). The default answers
    /// [`Unsupported`](FetchOutcome::Unsupported), as a store without the capability `totp_codes` must.
    ///
    /// # Errors
    /// As [`passwords`](Self::passwords).
    async fn totp_codes(&self, fetch: &Fetch) -> Result<FetchOutcome<TotpCodes>, CredentialError> {
        let _ = fetch;
        Ok(FetchOutcome::Unsupported)
    }

    /// Fetches the credentials of a remote application (upstream's `do_get_remote_app_credentials`).
    ///
    /// The host asks for one candidate: see [`remote_app_candidate`](crate::remote_app_candidate). The default answers
    /// [`Unsupported`](FetchOutcome::Unsupported), as a store without the capability `remote_apps` must.
    ///
    /// # Errors
    /// As [`passwords`](Self::passwords).
    async fn remote_app_credentials(
        &self,
        fetch: &Fetch,
    ) -> Result<FetchOutcome<RemoteAppCredentials>, CredentialError> {
        let _ = fetch;
        Ok(FetchOutcome::Unsupported)
    }

    /// Lists the accounts of a session, instead of the host's [rule](crate::AccountRule) (seed,
    /// `_generate_accounts`). It has no effect.
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `own_accounts`.
    async fn accounts(&self, question: &CandidateQuestion) -> Result<Candidates<Account>, CredentialError> {
        let _ = question;
        Err(CredentialError::Unsupported { what: "accounts of its own" })
    }

    /// Lists the assets of a generator of the store's own, which the host's [rules](crate::AssetRules) name (seed,
    /// `_generate_assets`). It has no effect. A generator that the store does not know has no assets.
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `own_assets`.
    async fn assets(&self, question: &CandidateQuestion) -> Result<Candidates<Asset>, CredentialError> {
        let _ = question;
        Err(CredentialError::Unsupported { what: "assets of its own" })
    }

    /// Takes back what was checked out under a lease (seed, `do_check_in_credential`).
    ///
    /// The host calls it once for each lease, or again with the same intent until it succeeds (decision S2). Checking
    /// in a lease that the vault no longer has succeeds.
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `leases`. After any error the lease
    /// counts as held, and the host tries again.
    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        let _ = check_in;
        Err(CredentialError::Unsupported { what: "leases" })
    }

    /// Renews a lease, and returns it with its new end. Its id may change; then the old id is no longer held.
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `renews`;
    /// [`UnknownLease`](CredentialError::UnknownLease) when the vault no longer has the lease.
    async fn renew(&self, renewal: &LeaseRenewal) -> Result<Lease, CredentialError> {
        let _ = renewal;
        Err(CredentialError::Unsupported { what: "the renewal of leases" })
    }

    /// Tells whether the stored credentials of an account open their target (heartbeat). It checks nothing out, and
    /// changes nothing.
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `verifies`.
    async fn verify(&self, verification: &Verification) -> Result<Verified, CredentialError> {
        let _ = verification;
        Err(CredentialError::Unsupported { what: "verification" })
    }

    /// Learns that the target accepted the credentials (seed, `do_authentication_completed`).
    ///
    /// The host does not call it when the authentication fails. The default does nothing.
    ///
    /// # Errors
    /// The host notes an error and tries again with the same intent; it does not end the session.
    async fn authentication_completed(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        let _ = event;
        Ok(())
    }

    /// Learns that the session has ended (seed, `do_session_ended`).
    ///
    /// It comes once for a session, after the check-ins. A check-in that failed does not hold it back: the host goes on
    /// trying that one (decision S6). The default does nothing.
    ///
    /// # Errors
    /// As [`authentication_completed`](Self::authentication_completed).
    async fn session_ended(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        let _ = event;
        Ok(())
    }

    /// Reports the outcome of an effect that was intended before a crash.
    ///
    /// | [the call](crate::IntendedCall) | if it happened, answer |
    /// | --- | --- |
    /// | `Fetch` | [`Made`](Reconciled::Made) with the lease, which the host then checks in |
    /// | `CheckIn` | [`Destroyed`](Reconciled::Destroyed) |
    ///
    /// After [`NothingHappened`](Reconciled::NothingHappened) a check-in is made again, and a fetch is forgotten, so the
    /// store refuses a late fetch with its intent (decision H294); after [`Unknown`](Reconciled::Unknown) a person decides
    /// (decision R2).
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `reconciles`.
    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, CredentialError> {
        let _ = question;
        Err(CredentialError::Unsupported { what: "reconciliation" })
    }
}

#[cfg(test)]
mod tests;
