//! The operations that mutants of stores override.

use crate::notation::operations;

operations! { $ of keyway_credentials::CredentialError, keyway_credentials::Capabilities;
    passwords(fetch: &keyway_credentials::Fetch) -> keyway_credentials::FetchOutcome<keyway_credentials::Passwords>;
    private_keys(fetch: &keyway_credentials::Fetch) -> keyway_credentials::FetchOutcome<keyway_credentials::PrivateKeys>;
    certificates(fetch: &keyway_credentials::Fetch) -> keyway_credentials::FetchOutcome<keyway_credentials::Certificates>;
    totp_codes(fetch: &keyway_credentials::Fetch) -> keyway_credentials::FetchOutcome<keyway_credentials::TotpCodes>;
    remote_app_credentials(fetch: &keyway_credentials::Fetch) -> keyway_credentials::FetchOutcome<keyway_credentials::RemoteAppCredentials>;
    accounts(question: &keyway_credentials::CandidateQuestion) -> keyway_credentials::Candidates<keyway_credentials::Account>;
    assets(question: &keyway_credentials::CandidateQuestion) -> keyway_credentials::Candidates<keyway_credentials::Asset>;
    check_in(check_in: &keyway_credentials::CheckIn) -> keyway_credentials::CheckedIn;
    renew(renewal: &keyway_credentials::LeaseRenewal) -> keyway_credentials::Lease;
    verify(verification: &keyway_credentials::Verification) -> keyway_credentials::Verified;
    authentication_completed(event: &keyway_credentials::SessionEvent) -> ();
    session_ended(event: &keyway_credentials::SessionEvent) -> ();
    reconcile(question: &keyway_credentials::Reconciliation) -> keyway_credentials::Reconciled;
}

pub(super) use operation;
