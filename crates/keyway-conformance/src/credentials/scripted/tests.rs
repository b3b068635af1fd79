//! Tests of the scripted credential store.

use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Effect, PluginError as _};
use keyway_credentials::{
    Account, Asset, Candidate, CandidateQuestion, CheckIn, CheckInReason, Connection, CredentialError,
    CredentialKind, CredentialStore, Fetch, FetchOutcome, IntendedCall, IntentId, Lease, LeaseRenewal,
    Reconciled, Rotation, SessionContext, SessionEvent, SessionId, VaultLoginSource, Verification, Verified,
};

use super::{NoCredentials, ScriptedStore, Step, StoreCall};
use crate::clock::KitClock;
use crate::runtime::runtime;
use crate::scripted::Fault;

fn run<T>(future: impl Future<Output = T>) -> T {
    runtime().unwrap().block_on(future)
}

fn intent(id: &str) -> IntentId {
    IntentId::new(id).unwrap()
}

fn session(id: &str) -> SessionContext {
    SessionContext::new(Connection::new(SessionId::new(id).unwrap()))
}

fn candidate(account: &str) -> Candidate {
    Candidate::new(Account::new(account).unwrap(), Asset::new("web1").unwrap())
}

fn fetch(account: &str, id: &str) -> Fetch {
    Fetch::new(candidate(account), session("s-1")).with_intent(intent(id))
}

fn check_in(lease: &Lease, id: &str) -> CheckIn {
    CheckIn::new(intent(id), lease.clone(), candidate("root"), session("s-1"), CheckInReason::Used)
}

/// Checks out the password of root.
async fn leased(store: &ScriptedStore, id: &str) -> Lease {
    store.passwords(&fetch("root", id)).await.unwrap().found().unwrap().lease.unwrap()
}

fn store() -> (ScriptedStore, Arc<KitClock>) {
    let clock = Arc::new(KitClock::new());
    (ScriptedStore::new().with_account("root").with_clock(Arc::<KitClock>::clone(&clock)), clock)
}

#[test]
fn steps_are_followed_by_account_first() {
    let (store, _) = store();
    let busy = Step::outcome(NoCredentials::Busy(keyway_credentials::Busy::new()));
    store.script(StoreCall::Passwords, [Step::fault(Fault::Refused)]);
    store.script_account(&Account::new("root").unwrap(), StoreCall::Passwords, [busy, Step::work()]);
    run(async {
        assert!(matches!(store.passwords(&fetch("root", "i-1")).await, Ok(FetchOutcome::Busy(_))));
        assert_eq!(store.passwords(&fetch("other", "i-2")).await.unwrap_err().effect(), Effect::None);
        assert!(store.effects().is_empty());
        assert_eq!(store.passwords(&fetch("other", "i-2")).await.unwrap(), FetchOutcome::NotFound);
        leased(&store, "i-3").await;
    });
    assert_eq!(store.count(StoreCall::Passwords), 4);
    let intents: Vec<_> = store.calls().into_iter().map(|entry| entry.intent.unwrap()).collect();
    assert_eq!(intents, ["i-1", "i-2", "i-2", "i-3"]);
}

#[test]
fn each_kind_has_credentials_and_a_lease() {
    let (store, _) = store();
    run(async {
        let fetch = fetch("root", "passwords");
        let password = store.passwords(&fetch).await.unwrap().found().unwrap();
        assert_eq!(password.credentials.first().expose(), "password 0 of root");
        let keys = store.private_keys(&self::fetch("root", "keys")).await.unwrap().found().unwrap();
        let passphrases: Vec<_> = keys.credentials.iter().map(|key| key.expose_passphrase()).collect();
        assert_eq!(passphrases, [None, Some("correct horse")]);
        assert!(store.certificates(&self::fetch("root", "cert")).await.unwrap().found().is_some());
        assert!(store.remote_app_credentials(&self::fetch("root", "app")).await.unwrap().found().is_some());
        assert_eq!(fetch.session.cookie.text("token").unwrap().expose(), "token of s-1");
    });
    assert_eq!((store.held().len(), store.effects().len()), (4, 4));
}

#[test]
fn intents_are_known_again_where_that_is_declared() {
    for idempotent in [true, false] {
        let (store, _) = store();
        let store = store.with_capabilities(ScriptedStore::CAPABILITIES.idempotent(idempotent));
        run(async {
            let first = leased(&store, "i-1").await;
            assert_eq!(leased(&store.reopened(), "i-1").await == first, idempotent);
            for _ in 0..2 {
                store.check_in(&check_in(&first, "c-1")).await.unwrap();
                store.session_ended(&SessionEvent::new(intent("e-1"), session("s-1"))).await.unwrap();
            }
        });
        let doubled: Vec<_> = store.doubled().into_iter().map(|effect| effect.call).collect();
        let expected: &[_] = if idempotent { &[] } else { &[StoreCall::Passwords, StoreCall::SessionEnded] };
        assert_eq!((doubled.as_slice(), store.held().len()), (expected, usize::from(!idempotent)));
    }
}

#[test]
fn a_check_in_rotates_once_and_needs_no_lease() {
    let (store, _) = store();
    run(async {
        let lease = leased(&store, "i-1").await;
        for _ in 0..2 {
            let answer = store.check_in(&check_in(&lease, "c-1")).await.unwrap();
            assert_eq!(answer.rotation, Rotation::Rotated);
        }
        let answer = store.check_in(&check_in(&lease, "c-2")).await.unwrap();
        assert_eq!(answer.rotation, Rotation::NotRotated);
        let found = store.passwords(&fetch("root", "i-2")).await.unwrap().found().unwrap();
        assert_eq!(found.credentials.first().expose(), "password 1 of root");
    });
    let effects = store.effects();
    let check_ins: Vec<_> = effects.iter().filter(|effect| effect.call == StoreCall::CheckIn).collect();
    assert_eq!(check_ins.len(), 1);
    assert_eq!(check_ins[0].reason.as_deref(), Some("Used"));
}

#[test]
fn leases_end_are_renewed_and_keep_others_out() {
    let (store, clock) = store();
    let store = store.lease_time(Duration::from_secs(60)).exclusive(true).renews_ids(true);
    run(async {
        let lease = leased(&store, "i-1").await;
        let FetchOutcome::Busy(busy) = store.passwords(&fetch("root", "i-2")).await.unwrap() else {
            panic!()
        };
        assert_eq!((busy.until, busy.held_for.unwrap().as_str()), (lease.expires_at, "s-1"));
        clock.advance(Duration::from_secs(30));
        let renewal = LeaseRenewal::new(intent("r-1"), lease.clone(), candidate("root"), session("s-1"));
        let renewed = store.renew(&renewal).await.unwrap();
        assert_eq!(store.renew(&renewal).await.unwrap(), renewed);
        assert!(renewed.expires_at > lease.expires_at && renewed.id != lease.id);
        assert_eq!(store.held(), [renewed.id.to_string()]);
        clock.advance(Duration::from_secs(60));
        assert!(store.held().is_empty());
        let lost = LeaseRenewal::new(intent("r-2"), renewed, candidate("root"), session("s-1"));
        assert!(matches!(store.renew(&lost).await, Err(CredentialError::UnknownLease { .. })));
        leased(&store, "i-2").await;
    });
}

#[test]
fn a_code_is_handed_out_once_in_its_period() {
    let (store, clock) = store();
    run(async {
        let first = store.totp_codes(&fetch("root", "i-1")).await.unwrap().found().unwrap();
        let again = store.totp_codes(&fetch("root", "i-1")).await.unwrap().found().unwrap();
        assert_eq!(first, again);
        let FetchOutcome::Busy(busy) = store.totp_codes(&fetch("root", "i-2")).await.unwrap() else {
            panic!()
        };
        let code = first.credentials.first();
        assert_eq!(busy.until, Some(code.valid_from.plus(code.period)));
        clock.advance(code.period);
        let next = store.totp_codes(&fetch("root", "i-2")).await.unwrap().found().unwrap();
        assert_ne!(next.credentials.first().code, code.code);
    });
}

#[test]
fn after_a_lost_answer_it_tells_what_happened() {
    let (store, _) = store();
    store.script(StoreCall::Passwords, [Step::fault(Fault::LostAnswer)]);
    run(async {
        let fetch = fetch("root", "i-1");
        assert_eq!(store.passwords(&fetch).await.unwrap_err().effect(), Effect::Unknown);
        let asked = || IntendedCall::Fetch(CredentialKind::Passwords, fetch.clone()).into();
        let Reconciled::Made(lease) = store.reconcile(&asked()).await.unwrap() else { panic!() };
        assert_eq!(store.held(), [lease.id.to_string()]);
        let asked = || IntendedCall::CheckIn(check_in(&lease, "c-1")).into();
        assert_eq!(store.reconcile(&asked()).await.unwrap(), Reconciled::NothingHappened);
        store.check_in(&check_in(&lease, "c-1")).await.unwrap();
        assert_eq!(store.reconcile(&asked()).await.unwrap(), Reconciled::Destroyed);
    });
}

#[test]
fn lists_are_lazy_and_fail_by_the_script() {
    let (store, _) = store();
    let store = store.with_own_accounts(["a", "b"].map(|name| Account::new(name).unwrap()));
    store.script(StoreCall::NextAccount, [Step::work(), Step::fault(Fault::LostRequest)]);
    run(async {
        let mut list = store.accounts(&CandidateQuestion::accounts(session("s-1"))).await.unwrap();
        assert_eq!(store.count(StoreCall::NextAccount), 0);
        assert_eq!(list.next().await.unwrap().unwrap().as_str(), "a");
        assert!(list.next().await.is_err());
        let question = CandidateQuestion::assets(session("s-1"), "unknown", Account::new("a").unwrap());
        assert!(store.assets(&question).await.unwrap().next().await.unwrap().is_none());
    });
}

#[test]
fn a_login_is_demanded_and_divergence_is_told() {
    let (store, _) = store();
    let store = store.with_login(VaultLoginSource::Gateway);
    store.diverge("root", "web1");
    run(async {
        let refused = store.passwords(&fetch("root", "i-1")).await.unwrap_err();
        assert!(matches!(refused, CredentialError::VaultLogin(_)));
        let verified = store.verify(&Verification::new(candidate("root"))).await.unwrap();
        assert_eq!(verified, Verified::Diverged);
        let other = store.verify(&Verification::new(candidate("other"))).await.unwrap();
        assert_eq!(other, Verified::NotFound);
    });
}

#[test]
fn a_vault_in_a_folder_is_shared() {
    let folder = tempfile::tempdir().unwrap();
    let open = || ScriptedStore::in_folder(folder.path()).with_account("root");
    let lease = run(leased(&open(), "i-1"));
    assert_eq!(open().held(), [lease.id.to_string()]);
    assert!(open().capabilities().blocking);
}
