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

/// A plugin for credential stores. `register!` puts it into the registry.
pub trait CredentialStorePlugin: fmt::Debug + Send + Sync {
    /// Checks the configuration that the host will open the plugin with.
    ///
    /// It opens nothing, does no I/O and does not block. The default accepts an empty configuration only.
    ///
    /// # Errors
    /// [`Invalid`](CredentialError::Invalid) names the invalid key and what is expected there.
    fn check_configuration(&self, configuration: &Json) -> Result<(), CredentialError> {
        keyway_core::read_configuration::<NoConfiguration>(configuration)
            .map(drop)
            .map_err(|error| CredentialError::invalid("the configuration of the plugin", error.to_string()))
    }

    /// Creates a handle to a credential store. It does no I/O and does not block.
    ///
    /// # Errors
    /// Those of [`check_configuration`](Self::check_configuration), and
    /// [`MissingResource`](CredentialError::MissingResource) when the host did not lend a resource that the plugin
    /// needs.
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn CredentialStore>, CredentialError>;
}

/// The arguments with which a host opens a credential store. They contain the name of the store.
pub type OpenContext = keyway_core::OpenContext<CredentialStoreName>;

/// A credential store. It gives sessions the credentials of an account at an asset, and takes them back (seed,
/// "`CredentialStorePlugin` methods and attributes").
///
/// Several calls may use the store at once through `&self`, but the host makes only one call at a time for each
/// session. Each call may reach a new instance, so a store keeps state between calls only in the cookies and the lease
/// (decision S9).
///
/// # Cancel safety
/// A host may drop the future of any operation, for example when a deadline passes. A dropped fetch may have checked
/// out credentials. After a dropped fetch or a crash, the host asks for the outcome if the store
/// [reconciles](Capabilities::reconciles), and otherwise repeats the fetch if the store is
/// [idempotent](Capabilities::idempotent). With any other store, the host keeps the intent in a list until a person
/// decides (decision R2). A store without [leases](Capabilities::leases) is an exception: its fetches have no effect,
/// so they can simply be repeated.
///
/// # Errors
/// Any error may leave an effect behind, unless its [`effect`](keyway_core::PluginError::effect) is `None`. The host
/// relies on this. What the plugin wrote into the cookies is kept after an error too (decision S5).
#[async_trait]
pub trait CredentialStore: fmt::Debug + Send + Sync {
    /// Returns the store's capabilities. They never change during the life of a handle.
    fn capabilities(&self) -> Capabilities;

    /// Fetches the passwords of a candidate (seed, `do_get_password_list`).
    ///
    /// The host calls it for each candidate until it gets credentials. The default answers
    /// [`Unsupported`](FetchOutcome::Unsupported), as a store without the capability `passwords` must.
    ///
    /// # Errors
    /// An error ends the search. Return an [outcome](FetchOutcome) instead where one fits.
    async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        let _ = fetch;
        Ok(FetchOutcome::Unsupported)
    }

    /// Fetches the private keys of a candidate (seed, `do_get_private_key_list`).
    ///
    /// The host calls it for each candidate until it gets credentials. The default answers
    /// [`Unsupported`](FetchOutcome::Unsupported), as a store without the capability `private_keys` must.
    ///
    /// # Errors
    /// Those of [`passwords`](Self::passwords).
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
    /// Those of [`passwords`](Self::passwords).
    async fn certificates(&self, fetch: &Fetch) -> Result<FetchOutcome<Certificates>, CredentialError> {
        let _ = fetch;
        Ok(FetchOutcome::Unsupported)
    }

    /// Fetches the one-time codes of a candidate (upstream's `do_get_totp_codes`).
    ///
    /// The store does not return the same code twice in its period (decision S10). The default answers
    /// [`Unsupported`](FetchOutcome::Unsupported), as a store without the capability `totp_codes` must.
    ///
    /// # Errors
    /// Those of [`passwords`](Self::passwords).
    async fn totp_codes(&self, fetch: &Fetch) -> Result<FetchOutcome<TotpCodes>, CredentialError> {
        let _ = fetch;
        Ok(FetchOutcome::Unsupported)
    }

    /// Fetches the credentials of a remote application (upstream's `do_get_remote_app_credentials`).
    ///
    /// The host calls it for a single candidate: see [`remote_app_candidate`](crate::remote_app_candidate). The default
    /// answers [`Unsupported`](FetchOutcome::Unsupported), as a store without the capability `remote_apps` must.
    ///
    /// # Errors
    /// Those of [`passwords`](Self::passwords).
    async fn remote_app_credentials(
        &self,
        fetch: &Fetch,
    ) -> Result<FetchOutcome<RemoteAppCredentials>, CredentialError> {
        let _ = fetch;
        Ok(FetchOutcome::Unsupported)
    }

    /// Lists the accounts of a session. The host uses this list instead of its own [rule](crate::AccountRule) (seed,
    /// `_generate_accounts`). The call has no effect.
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `own_accounts`.
    async fn accounts(&self, question: &CandidateQuestion) -> Result<Candidates<Account>, CredentialError> {
        let _ = question;
        Err(CredentialError::Unsupported { what: "accounts of its own" })
    }

    /// Lists the assets of one of the store's own generators (seed, `_generate_assets`). The host's
    /// [rules](crate::AssetRules) name the generator. The call has no effect. If the store does not know the generator,
    /// the list is empty.
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `own_assets`.
    async fn assets(&self, question: &CandidateQuestion) -> Result<Candidates<Asset>, CredentialError> {
        let _ = question;
        Err(CredentialError::Unsupported { what: "assets of its own" })
    }

    /// Takes back the credentials that were checked out under a lease (seed, `do_check_in_credential`).
    ///
    /// The host calls it for each lease, and repeats the call with the same intent until it succeeds (decision S2). The
    /// call also succeeds if the vault no longer has the lease.
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `leases`: then the host considers an
    /// earlier lease as taken back. After any other error it considers the lease as held, and tries again.
    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        let _ = check_in;
        Err(CredentialError::Unsupported { what: "leases" })
    }

    /// Renews a lease, and returns it with its new end. If the lease gets a new id, the old id no longer refers to a
    /// lease.
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `renews`;
    /// [`UnknownLease`](CredentialError::UnknownLease) when the vault no longer has the lease.
    async fn renew(&self, renewal: &LeaseRenewal) -> Result<Lease, CredentialError> {
        let _ = renewal;
        Err(CredentialError::Unsupported { what: "the renewal of leases" })
    }

    /// Tells whether the stored credentials of an account open their target (heartbeat). The call checks nothing out,
    /// and changes nothing.
    ///
    /// # Errors
    /// [`Unsupported`](CredentialError::Unsupported) without the capability `verifies`.
    async fn verify(&self, verification: &Verification) -> Result<Verified, CredentialError> {
        let _ = verification;
        Err(CredentialError::Unsupported { what: "verification" })
    }

    /// Tells the store that the target accepted the credentials (seed, `do_authentication_completed`).
    ///
    /// The host does not call it when the authentication fails. The default does nothing.
    ///
    /// # Errors
    /// An error does not end the session: the host records the error, and repeats the call with the same intent.
    async fn authentication_completed(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        let _ = event;
        Ok(())
    }

    /// Tells the store that the session has ended (seed, `do_session_ended`).
    ///
    /// The host calls it once for each session, after the check-ins. A check-in that failed does not delay this call:
    /// the host goes on repeating that check-in (decision S6). The default does nothing.
    ///
    /// # Errors
    /// Those of [`authentication_completed`](Self::authentication_completed).
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
    /// After [`NothingHappened`](Reconciled::NothingHappened) the host repeats a check-in, and forgets a fetch. So the
    /// store must refuse a fetch with this intent that arrives later (decision H294). After
    /// [`Unknown`](Reconciled::Unknown) a person decides (decision R2).
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
