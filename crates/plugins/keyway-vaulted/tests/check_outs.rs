//! Tests check-outs without rotation: leases, one-time codes, certificates, and secret stores that cannot hold leases.

mod support;

use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Effect, PluginError as _, Resources, SystemClock};
use keyway_credentials::{
    CredentialError, CredentialKind, FetchOutcome, IntendedCall, LeaseRenewal, Password, Reconciled,
    Reconciliation, Rotation,
};
use keyway_issuers::IssuerError;
use keyway_secrets::{Capabilities, HostStores, Layered, SecretStore, SecretStoreLayer, StoreName};
use keyway_vaulted::{StoredAccount, TotpSeed};
use pollster::block_on;
use serde_json::json;
use support::{World, check_in, check_out, fetch, found, open_with, root};

const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[test]
fn an_account_goes_from_one_session_to_the_next() {
    let world = World::new(&json!({}));
    let store = world.open();
    let (passwords, lease) = found(check_out(&*store, "a", "one"));
    assert_eq!(passwords.first().expose(), "p0");
    assert!(lease.exclusive && lease.renewable && lease.expires_at.is_some());
    let FetchOutcome::Busy(busy) = check_out(&*store, "b", "two") else { panic!() };
    assert_eq!((busy.until, busy.held_for.unwrap().as_str()), (lease.expires_at, "one"));

    assert_eq!(check_in(&*store, "root", &lease).unwrap().rotation, Rotation::NotRotated);
    found(check_out(&*world.open(), "b", "two"));
    assert_eq!(world.stored("root").leases().count(), 1);
}

#[test]
fn a_kind_or_an_account_that_is_missing_is_no_error() {
    let world = World::new(&json!({}));
    let store = world.open();
    assert_eq!(block_on(store.private_keys(&fetch("root", "a", "s"))).unwrap(), FetchOutcome::Unsupported);
    assert_eq!(block_on(store.passwords(&fetch("other", "a", "s"))).unwrap(), FetchOutcome::NotFound);
    let mut elsewhere = fetch("root", "a", "s");
    elsewhere.candidate.asset = keyway_credentials::Asset::new("web2").unwrap();
    assert_eq!(block_on(store.passwords(&elsewhere)).unwrap(), FetchOutcome::NotFound);
    assert_eq!(world.stored("root").leases().count(), 0);
}

#[test]
fn only_one_of_many_calls_at_once_gets_the_account() {
    let world = World::new(&json!({}));
    let store = world.open();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let store = &*store;
                scope.spawn(move || check_out(store, &format!("i{number}"), &format!("s{number}")))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let got = outcomes.iter().filter(|outcome| matches!(outcome, FetchOutcome::Found(_))).count();
    assert_eq!((got, world.stored("root").leases().count()), (1, 1), "{outcomes:?}");
}

#[test]
fn a_session_that_never_comes_back_loses_the_account() {
    let world = World::new(&json!({ "lease_minutes": 10 }));
    let store = world.open();
    let (_, lease) = found(check_out(&*store, "a", "one"));
    world.clock.advance(Duration::from_secs(600));
    found(check_out(&*store, "b", "two"));
    let renewal = LeaseRenewal::new(
        keyway_credentials::IntentId::new("r").unwrap(),
        lease.clone(),
        root(),
        fetch("root", "a", "one").session,
    );
    let error = block_on(store.renew(&renewal)).unwrap_err();
    assert!(matches!(error, CredentialError::UnknownLease { .. }), "{error}");
    assert_eq!(check_in(&*store, "root", &lease).unwrap().rotation, Rotation::NotRotated);
}

#[test]
fn a_code_is_handed_out_once_in_its_period() {
    let world = World::new(&json!({}));
    world.add("joe", &StoredAccount::new().with_totp(TotpSeed::new(SEED).unwrap()));
    let store = world.open();
    let code = |intent: &str| block_on(store.totp_codes(&fetch("joe", intent, "s"))).unwrap();
    let (first, lease) = found(code("a"));
    assert_eq!(first.first().code.expose(), "755224");
    assert_eq!(found(code("a")), (first, lease.clone()), "a repetition has the same code");
    check_in(&*store, "joe", &lease).unwrap();
    let FetchOutcome::Busy(busy) = code("b") else { panic!() };
    assert_eq!(busy.until.unwrap().as_seconds(), 30);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(found(code("b")).0.first().code.expose(), "287082");
}

#[test]
fn a_certificate_ends_with_its_lease() {
    let world =
        World::new(&json!({ "certificates": { "service": "ca", "issuer": "https://gate.example.com" } }));
    world.add("joe", &StoredAccount::new().with_certificates());
    let store = world.open();
    let ask = || block_on(store.certificates(&fetch("joe", "a", "s"))).unwrap();
    let (certificates, lease) = found(ask());
    assert!(certificates.first().certificate.ends_with(" joe a-1"));
    // The key of the first certificate is lost with its answer, so a repeated request makes another certificate.
    assert!(found(ask()).0.first().certificate.ends_with(" joe a-2"));
    assert_eq!(*world.grants.0.lock().unwrap(), ["a-1", "a-2"]);
    check_in(&*store, "joe", &lease).unwrap();
    assert!(world.grants.0.lock().unwrap().is_empty());
    assert_eq!(block_on(store.certificates(&fetch("root", "b", "s"))).unwrap(), FetchOutcome::Unsupported);
}

#[test]
fn a_certificate_that_comes_after_the_return_of_its_lease_is_revoked() {
    let world =
        World::new(&json!({ "certificates": { "service": "ca", "issuer": "https://gate.example.com" } }));
    world.add("joe", &StoredAccount::new().with_certificates());
    let (store, other) = (world.open(), world.open());
    let question = fetch("joe", "a", "s");
    let call = IntendedCall::Fetch(CredentialKind::Certificates, question.clone());
    // Another host takes the lease back while the service makes the certificate.
    let take_back = move || {
        let left = block_on(other.reconcile(&Reconciliation::from(call))).unwrap();
        let Reconciled::Made(lease) = left else { panic!("{left:?}") };
        check_in(&*other, "joe", &lease).unwrap();
    };
    world.grants.2.lock().unwrap().0 = Some(Box::new(take_back));
    let late = block_on(store.certificates(&question)).unwrap_err();
    assert!(late.detail().contains("has no lease any more"), "{late:?}");
    assert!(world.grants.0.lock().unwrap().is_empty(), "the certificate is revoked");
    found(block_on(store.certificates(&fetch("joe", "b", "s"))).unwrap());
}

#[test]
fn the_lease_of_a_certificate_that_the_service_refused_can_be_given_back() {
    let world =
        World::new(&json!({ "certificates": { "service": "ca", "issuer": "https://gate.example.com" } }));
    world.add("joe", &StoredAccount::new().with_certificates());
    let store = world.open();
    for (intent, failure) in [
        ("a", IssuerError::refused("You have too many certificates.", "the limit is 3")),
        ("b", IssuerError::not_ready("the key of the signer", "it is gone")),
        ("c", IssuerError::Unavailable { what: "the signer", retry_after: None, source: None }),
        ("d", IssuerError::system("sign", "the disk is full")),
    ] {
        let is_refused = matches!(failure, IssuerError::Refused { .. });
        let is_certain = failure.effect() == Effect::None;
        let (told, logged) = (failure.user_message().into_owned(), failure.detail());
        let question = fetch("joe", intent, "one");
        *world.grants.1.lock().unwrap() = Some(failure);
        let error = block_on(store.certificates(&question)).unwrap_err();
        // The account is checked out, so the host must ask what the fetch left.
        assert_eq!(error.effect(), Effect::Unknown, "{error:?}");
        if is_certain {
            assert!(matches!(error, CredentialError::Failed { .. }), "{error:?}");
        }
        if is_refused {
            assert_eq!((&*error.user_message(), error.detail()), (&*told, logged));
        }
        let next =
            || block_on(world.open().certificates(&fetch("joe", &format!("next-{intent}"), "two"))).unwrap();
        assert!(matches!(next(), FetchOutcome::Busy(_)));

        let call = IntendedCall::Fetch(CredentialKind::Certificates, question);
        let left = block_on(world.open().reconcile(&Reconciliation::from(call))).unwrap();
        let Reconciled::Made(lease) = left else { panic!("{left:?}") };
        assert_eq!(check_in(&*store, "joe", &lease).unwrap().rotation, Rotation::NotRotated);
        let (_, lease) = found(next());
        check_in(&*store, "joe", &lease).unwrap();
        assert!(world.grants.0.lock().unwrap().is_empty());
    }
}

#[test]
fn a_store_can_tell_what_an_interrupted_call_did() {
    let world = World::new(&json!({}));
    let store = world.open();
    let ask = |intent: &str| {
        let call = IntendedCall::Fetch(CredentialKind::Passwords, fetch("root", intent, "one"));
        block_on(store.reconcile(&Reconciliation::from(call))).unwrap()
    };
    let (_, lease) = found(check_out(&*store, "a", "one"));
    assert_eq!(ask("a"), Reconciled::Made(lease));
    for _ in 0..2 {
        assert_eq!(ask("late"), Reconciled::NothingHappened);
    }
    let late = block_on(world.open().passwords(&fetch("root", "late", "one"))).unwrap_err();
    assert!(matches!(late, CredentialError::Refused { .. }), "{late:?}");
}

#[test]
fn a_store_that_only_reads_writes_nothing() {
    let world = World::new(&json!({ "exclusive": false }));
    let store = world.open();
    assert!(!store.capabilities().leases && !store.capabilities().totp_codes);
    let before = block_on(world.secrets.get(&support::address("root"))).unwrap().header;
    for session in ["one", "two"] {
        let FetchOutcome::Found(found) = check_out(&*store, session, session) else { panic!() };
        assert_eq!((found.credentials.first(), found.lease), (&Password::new("p0"), None));
    }
    assert_eq!(block_on(world.secrets.get(&support::address("root"))).unwrap().header, before);
}

/// A store that declares other capabilities than it has.
#[derive(Debug)]
struct Declares(Arc<dyn SecretStore>, Capabilities);

impl SecretStoreLayer for Declares {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.0
    }

    fn capabilities(&self) -> Capabilities {
        self.1
    }
}

#[test]
fn two_sessions_never_share_an_account_in_a_store_that_cannot_tell() {
    let world = World::new(&json!({}));
    let without = |change: fn(&mut Capabilities)| {
        let mut capabilities = Capabilities::FULL;
        change(&mut capabilities);
        capabilities
    };
    for (capabilities, named) in [
        (without(|it| it.versions = false), "versions"),
        (Capabilities::FULL.stale_for(Duration::from_secs(1)), "reads that show every write at once"),
        (without(|it| it.environments = false), "environments"),
    ] {
        let secrets: Arc<dyn SecretStore> =
            Arc::new(Layered(Declares(Arc::clone(&world.secrets), capabilities)));
        let stores = std::collections::BTreeMap::from([(StoreName::new("vault").unwrap(), secrets)]);
        let lent = Resources::new().with::<Arc<dyn HostStores>>(Arc::new(stores));
        let store = open_with(&json!({ "store": "vault" }), lent, Arc::new(SystemClock)).unwrap();
        let error = block_on(store.passwords(&fetch("root", "a", "s"))).unwrap_err();
        assert!(error.detail().contains(named), "{}", error.detail());
        assert_eq!(error.effect(), Effect::None);
    }
    let lent = Resources::new().with::<Arc<dyn HostStores>>(Arc::new(std::collections::BTreeMap::new()));
    let store = open_with(&json!({ "store": "vault" }), lent, Arc::new(SystemClock)).unwrap();
    assert!(block_on(store.passwords(&fetch("root", "a", "s"))).is_err());
}

#[test]
fn a_damaged_account_is_named_without_its_content() {
    let world = World::new(&json!({}));
    let damaged = keyway_core::SecretValue::text("{\"keyway-vaulted\": 1, \"n33dle\": 2}");
    let secret = keyway_secrets::NewSecret::new(support::address("joe"), damaged);
    block_on(world.secrets.create(secret)).unwrap();
    let error = block_on(world.open().passwords(&fetch("joe", "a", "s"))).unwrap_err();
    assert!(!format!("{error} {error:?} {}", error.detail()).contains("n33dle"));
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    for refused in [
        json!({ "store": "../vault" }),
        json!({ "lease_minutes": 0 }),
        json!({ "lease_minutes": 90, "most_lease_minutes": 60 }),
        json!({ "exclusive": false, "rotation": {} }),
        json!({ "rotation": { "password_length": 3 } }),
        json!({ "rotation": { "password_alphabet": "emoji" } }),
        json!({ "rotation": { "key": "dsa" } }),
        json!({ "certificates": { "service": "ca", "issuer": "" } }),
        json!({ "unknown": 1 }),
    ] {
        assert!(World::new(&refused).try_open().is_err(), "{refused}");
    }
}
