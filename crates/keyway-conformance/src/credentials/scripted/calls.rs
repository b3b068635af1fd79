//! The names of a credential store's operations, for scripts and for lists of calls.

use keyway_credentials::{Candidate, CheckIn, CredentialKind, Fetch, LeaseRenewal, SessionEvent};
use serde::{Deserialize, Serialize};

/// An operation of a credential store, as scripts and lists of calls name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoreCall {
    /// `passwords`.
    Passwords,
    /// `private_keys`.
    PrivateKeys,
    /// `certificates`.
    Certificates,
    /// `totp_codes`.
    TotpCodes,
    /// `remote_app_credentials`.
    RemoteApp,
    /// `accounts`.
    Accounts,
    /// `assets`.
    Assets,
    /// `next` of a list of accounts.
    NextAccount,
    /// `next` of a list of assets.
    NextAsset,
    /// `check_in`.
    CheckIn,
    /// `renew`.
    Renew,
    /// `verify`.
    Verify,
    /// `authentication_completed`.
    AuthenticationCompleted,
    /// `session_ended`.
    SessionEnded,
    /// `reconcile`.
    Reconcile,
}

impl StoreCall {
    /// Returns the operation that fetches a kind of credentials.
    pub const fn fetching(kind: CredentialKind) -> Self {
        match kind {
            CredentialKind::Passwords => Self::Passwords,
            CredentialKind::PrivateKeys => Self::PrivateKeys,
            CredentialKind::Certificates => Self::Certificates,
            CredentialKind::TotpCodes => Self::TotpCodes,
            _ => Self::RemoteApp,
        }
    }
}

/// A call that a store received, or an effect that it had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoreEntry {
    /// The operation.
    pub call: StoreCall,
    /// The session, if the call has one.
    pub session: Option<String>,
    /// The intent, if the call has one.
    pub intent: Option<String>,
    /// The account, if the call is for one.
    pub account: Option<String>,
    /// The asset, if the call is for one.
    pub asset: Option<String>,
    /// The lease that the store gave, or that the call is for.
    pub lease: Option<String>,
    /// The reason of a check-in, as `Debug` shows it.
    pub reason: Option<String>,
}

impl StoreEntry {
    pub(super) const fn of(call: StoreCall) -> Self {
        let (session, intent, account, asset) = (None, None, None, None);
        Self { call, session, intent, account, asset, lease: None, reason: None }
    }

    pub(super) fn of_candidate(call: StoreCall, candidate: &Candidate) -> Self {
        let account = Some(candidate.account.to_string());
        Self { account, asset: Some(candidate.asset.to_string()), ..Self::of(call) }
    }

    pub(super) fn of_fetch(call: StoreCall, fetch: &Fetch) -> Self {
        let session = Some(fetch.session.connection.session_id.to_string());
        let intent = fetch.intent.as_ref().map(ToString::to_string);
        Self { session, intent, ..Self::of_candidate(call, &fetch.candidate) }
    }

    pub(super) fn of_check_in(check_in: &CheckIn) -> Self {
        Self {
            session: Some(check_in.session.connection.session_id.to_string()),
            intent: Some(check_in.intent.to_string()),
            lease: Some(check_in.lease.id.to_string()),
            reason: Some(format!("{:?}", check_in.reason)),
            ..Self::of_candidate(StoreCall::CheckIn, &check_in.candidate)
        }
    }

    pub(super) fn of_renewal(renewal: &LeaseRenewal) -> Self {
        Self {
            session: Some(renewal.session.connection.session_id.to_string()),
            intent: Some(renewal.intent.to_string()),
            lease: Some(renewal.lease.id.to_string()),
            ..Self::of_candidate(StoreCall::Renew, &renewal.candidate)
        }
    }

    pub(super) fn of_event(call: StoreCall, event: &SessionEvent) -> Self {
        let session = Some(event.session.connection.session_id.to_string());
        Self { session, intent: Some(event.intent.to_string()), ..Self::of(call) }
    }
}
