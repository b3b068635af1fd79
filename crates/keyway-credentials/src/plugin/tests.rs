//! Tests of the default methods of the contract.

use keyway_core::{Effect, IntentId, PluginError};
use pollster::block_on;

use super::*;
use crate::{
    Candidate, CheckInReason, Connection, CredentialKind, IntendedCall, LeaseId, SessionContext, SessionId,
};

/// A store that has only the required method.
#[derive(Debug)]
struct Least;

#[async_trait]
impl CredentialStore for Least {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }
}

#[test]
fn a_method_that_a_plugin_leaves_out_is_unsupported_and_has_no_effect() {
    let intent = IntentId::new("i").unwrap();
    let session = SessionContext::new(Connection::new(SessionId::new("s").unwrap()));
    let account = Account::new("root").unwrap();
    let candidate = Candidate::new(account.clone(), Asset::new("web1").unwrap());
    let fetch = Fetch::new(candidate.clone(), session.clone());
    let lease = Lease::new(LeaseId::new("l").unwrap());
    let renewal = LeaseRenewal::new(intent.clone(), lease.clone(), candidate.clone(), session.clone());
    let event = SessionEvent::new(intent.clone(), session.clone());
    let check_in = CheckIn::new(intent, lease, candidate.clone(), session.clone(), CheckInReason::Used);
    let question = IntendedCall::Fetch(CredentialKind::Passwords, fetch.clone()).into();
    block_on(async {
        assert_eq!(Least.passwords(&fetch).await.unwrap(), FetchOutcome::Unsupported);
        assert_eq!(Least.private_keys(&fetch).await.unwrap(), FetchOutcome::Unsupported);
        assert_eq!(Least.certificates(&fetch).await.unwrap(), FetchOutcome::Unsupported);
        assert_eq!(Least.totp_codes(&fetch).await.unwrap(), FetchOutcome::Unsupported);
        assert_eq!(Least.remote_app_credentials(&fetch).await.unwrap(), FetchOutcome::Unsupported);
        Least.authentication_completed(&event).await.unwrap();
        Least.session_ended(&event).await.unwrap();
    });
    let answers = block_on(async {
        [
            Least.accounts(&CandidateQuestion::accounts(session.clone())).await.map(drop),
            Least.assets(&CandidateQuestion::assets(session, "mine", account)).await.map(drop),
            Least.check_in(&check_in).await.map(drop),
            Least.renew(&renewal).await.map(drop),
            Least.verify(&Verification::new(candidate)).await.map(drop),
            Least.reconcile(&question).await.map(drop),
        ]
    });
    let mut missing = std::collections::BTreeSet::new();
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.effect(), Effect::None);
        let CredentialError::Unsupported { what } = error else { panic!("{error:?}") };
        assert!(missing.insert(what), "{what} is named twice");
    }
}

#[test]
fn nothing_is_offered_that_is_not_declared() {
    let kinds = [
        CredentialKind::Passwords,
        CredentialKind::PrivateKeys,
        CredentialKind::Certificates,
        CredentialKind::TotpCodes,
        CredentialKind::RemoteApp,
    ];
    let offered = |capabilities: Capabilities| {
        kinds.into_iter().filter(|kind| capabilities.offers(*kind)).collect::<Vec<_>>()
    };
    assert_eq!(offered(Capabilities::MINIMAL), []);
    let all = Capabilities::MINIMAL.passwords(true).totp_codes(true).remote_apps(true);
    assert_eq!(
        offered(all),
        [CredentialKind::Passwords, CredentialKind::TotpCodes, CredentialKind::RemoteApp]
    );
    let others = Capabilities::MINIMAL.private_keys(true).certificates(true);
    assert_eq!(offered(others), [CredentialKind::PrivateKeys, CredentialKind::Certificates]);
}

#[test]
fn a_check_in_is_a_revocation_of_its_lease() {
    use crate::IntendedEffect;

    let session = SessionContext::new(Connection::new(SessionId::new("s").unwrap()));
    let candidate = Candidate::new(Account::new("root").unwrap(), Asset::new("web1").unwrap());
    let lease = Lease::new(LeaseId::new("l").unwrap());
    let fetch = Fetch::new(candidate.clone(), session.clone());
    let check_in =
        CheckIn::new(IntentId::new("i").unwrap(), lease.clone(), candidate, session, CheckInReason::Expired);
    let fetched = IntendedCall::Fetch(CredentialKind::PrivateKeys, fetch);
    assert_eq!(Reconciliation::from(fetched).effect, IntendedEffect::Request);
    let returned = IntendedCall::CheckIn(check_in);
    assert_eq!(Reconciliation::from(returned).effect, IntendedEffect::Revoke(lease));
}
