//! Tests the change of a credential at its target when the credential is checked in.

mod support;

use std::sync::Arc;

use keyway_conformance::credentials::TargetFault::{
    AnswerLost, None as Works, NotOffered, QuestionLost, Refuses, Unreachable,
};
use keyway_core::{Effect, PluginError as _};
use keyway_credentials::{
    CredentialStore, FetchOutcome, PrivateKey, Rotation, TargetCredential, Verification, Verified,
};
use keyway_vaulted::StoredAccount;
use pollster::block_on;
use serde_json::json;
use support::{KeysOnly, World, candidate, check_in, check_out, fetch, found, password, root};

fn world() -> World {
    World::new(&json!({ "rotation": { "password_length": 20 } }))
}

fn verified(store: &dyn CredentialStore) -> Verified {
    block_on(store.verify(&Verification::new(root()))).unwrap()
}

/// Returns the password that the secret store has, and checks that the target accepts it.
fn working_password(world: &World) -> String {
    let stored = world.stored("root").password().unwrap().expose().to_owned();
    assert!(world.target.accepts(&root(), &password(&stored)));
    stored
}

#[test]
fn a_password_is_another_one_after_its_return() {
    let world = world();
    let store = world.open();
    let (_, lease) = found(check_out(&*store, "a", "one"));
    assert_eq!(check_in(&*store, "root", &lease).unwrap().rotation, Rotation::Rotated);
    let new = working_password(&world);
    assert!(new != "p0" && new.len() == 20);
    assert_eq!(world.target.asked(), (1, 1), "one change, and one login with the new password");
    // A repeated check-in has the same answer, and changes nothing.
    assert_eq!(check_in(&*store, "root", &lease).unwrap().rotation, Rotation::Rotated);
    assert_eq!((working_password(&world), world.target.asked()), (new.clone(), (1, 1)));
    let (passwords, _) = found(check_out(&*store, "b", "two"));
    assert_eq!(passwords.first().expose(), new);
}

#[test]
fn a_key_is_another_one_after_its_return() {
    let world = world();
    let key =
        ssh_key::PrivateKey::random(&mut ssh_key::rand_core::OsRng, ssh_key::Algorithm::Ed25519).unwrap();
    let key = PrivateKey::new(key.to_openssh(ssh_key::LineEnding::LF).unwrap(), None).unwrap();
    world.add("joe", &StoredAccount::new().with_key(key.clone()));
    world.target.accept(&candidate("joe"), TargetCredential::PrivateKey(key.clone()));
    let store = world.open();
    let (keys, lease) = found(block_on(store.private_keys(&fetch("joe", "a", "one"))).unwrap());
    assert_eq!(keys.first(), &key);
    assert_eq!(check_in(&*store, "joe", &lease).unwrap().rotation, Rotation::Rotated);
    let stored = world.stored("joe").key().unwrap().clone();
    assert!(stored != key && world.target.accepts(&candidate("joe"), &TargetCredential::PrivateKey(stored)));
}

#[test]
fn a_credential_that_no_changer_changes_comes_back_unchanged() {
    for faults in
        [vec![NotOffered], vec![AnswerLost, Unreachable], vec![Unreachable, Works, Works, NotOffered]]
    {
        let world = world();
        let (_, lease) = found(check_out(&*world.open(), "a", "one"));
        let is_changed = faults.contains(&AnswerLost);
        world.target.script(faults.clone());
        let rotation = (0..3).find_map(|_| check_in(&*world.open(), "root", &lease).ok()).unwrap().rotation;
        assert_eq!(rotation == Rotation::Rotated, is_changed, "{faults:?}");
        assert_eq!(working_password(&world) == "p0", !is_changed, "{faults:?}");
        assert_eq!(check_in(&*world.open(), "root", &lease).unwrap().rotation, rotation, "{faults:?}");
        found(check_out(&*world.open(), "b", "two"));
    }
}

#[test]
fn a_credential_that_the_prober_cannot_check_is_not_changed() {
    let world = world();
    let open = || world.open_probed(Arc::new(KeysOnly(world.target.clone()))).unwrap();
    let (_, lease) = found(check_out(&*open(), "a", "one"));
    assert_eq!(check_in(&*open(), "root", &lease).unwrap().rotation, Rotation::NotRotated);
    assert_eq!((working_password(&world).as_str(), world.target.asked()), ("p0", (0, 0)));
    found(check_out(&*open(), "b", "two"));
}

#[test]
fn a_failure_anywhere_is_finished_by_the_next_try() {
    for faults in [
        vec![Unreachable],
        vec![QuestionLost],
        vec![AnswerLost],
        vec![AnswerLost, Unreachable],
        vec![QuestionLost, Works, Works],
        vec![Works, Unreachable],
        vec![QuestionLost, Works, Unreachable],
        vec![QuestionLost, Works, Works, Works, Works, QuestionLost],
    ] {
        let world = world();
        let (_, lease) = found(check_out(&*world.open(), "a", "one"));
        world.target.script(faults.clone());
        let mut tries = 0;
        // Each attempt uses a new handle of the store, as after a restart.
        while let Err(error) = check_in(&*world.open(), "root", &lease) {
            tries += 1;
            assert!(tries < 8, "{faults:?}: {}", error.detail());
            assert_eq!(error.effect(), Effect::None, "{faults:?}: the lease is held as before");
            assert_eq!(world.stored("root").leases().count(), 1);
            assert!(matches!(check_out(&*world.open(), "b", "two"), FetchOutcome::Busy(_)), "{faults:?}");
        }
        assert_ne!(working_password(&world), "p0", "{faults:?}");
        assert_eq!(check_in(&*world.open(), "root", &lease).unwrap().rotation, Rotation::Rotated);
    }
}

#[test]
fn a_target_that_takes_neither_is_reported_and_mended_by_hand() {
    let world = world();
    let store = world.open();
    let (_, lease) = found(check_out(&*store, "a", "one"));
    world.target.script([QuestionLost]);
    // The old password still opens the target, so the next attempt would continue. But someone changes the password by
    // hand.
    assert!(check_in(&*store, "root", &lease).is_err());
    world.target.accept(&root(), password("by hand"));
    assert_eq!(check_in(&*store, "root", &lease).unwrap().rotation, Rotation::Diverged);
    assert!(world.target.accepts(&root(), &password("by hand")), "what a person did is kept");

    assert_eq!(verified(&*store), Verified::Diverged);
    assert!(matches!(check_out(&*store, "b", "two"), FetchOutcome::Denied(_)));
    assert!(world.stored("root").has_diverged() && world.stored("root").unconfirmed().is_some());

    let mended = StoredAccount::new().with_password("by hand").to_value();
    let change = keyway_secrets::SecretChange::value(mended);
    block_on(world.secrets.modify(&support::address("root"), change)).unwrap();
    assert_eq!(verified(&*store), Verified::Opens);
    found(check_out(&*store, "b", "two"));
}

#[test]
fn a_refused_change_is_tried_with_another_password_or_has_diverged() {
    let world = world();
    let store = world.open();
    let (_, lease) = found(check_out(&*store, "a", "one"));
    world.target.script([Refuses]);
    assert!(check_in(&*store, "root", &lease).is_err(), "the target refuses this password only");
    assert!(world.stored("root").unconfirmed().is_none(), "it is given up");
    assert_eq!(check_in(&*store, "root", &lease).unwrap().rotation, Rotation::Rotated);

    // A refusal may also come from a changer that logs in with the old password, if a person has changed the password
    // at the target.
    let (_, lease) = found(check_out(&*store, "b", "two"));
    world.target.accept(&root(), password("by hand"));
    world.target.script([Refuses]);
    assert_eq!(check_in(&*store, "root", &lease).unwrap().rotation, Rotation::Diverged);
    assert!(world.target.accepts(&root(), &password("by hand")), "what a person did is kept");
}

#[test]
fn a_password_that_was_not_returned_is_changed_before_the_next_session() {
    let world = world();
    let store = world.open();
    found(check_out(&*store, "a", "one"));
    world.clock.advance(std::time::Duration::from_secs(3600));
    world.target.script([Unreachable]);
    let outcome = check_out(&*store, "b", "two");
    assert_eq!(outcome, FetchOutcome::Unavailable { retry_after: None });
    let (passwords, _) = found(check_out(&*store, "b", "two"));
    assert_ne!(passwords.first().expose(), "p0");
    assert_eq!(passwords.first().expose(), working_password(&world));
}

#[test]
fn a_verification_asks_the_target() {
    let world = world();
    let store = world.open();
    assert_eq!(verified(&*store), Verified::Opens);
    world.target.accept(&root(), password("by hand"));
    assert_eq!(verified(&*store), Verified::Diverged);
    world.target.script([Unreachable]);
    assert_eq!(verified(&*store), Verified::Unknown);
    assert_eq!(block_on(store.verify(&Verification::new(candidate("joe")))).unwrap(), Verified::NotFound);
    assert!(!world.stored("root").has_diverged(), "a verification changes nothing");
}

#[test]
fn a_rotation_needs_a_changer_and_a_prober() {
    let stores = std::collections::BTreeMap::<keyway_secrets::StoreName, _>::new();
    let lent = keyway_core::Resources::new()
        .with::<std::sync::Arc<dyn keyway_secrets::HostStores>>(std::sync::Arc::new(stores));
    let configuration = json!({ "store": "vault", "rotation": {} });
    let clock = std::sync::Arc::new(keyway_core::SystemClock);
    let error = support::open_with(&configuration, lent, clock).unwrap_err();
    assert!(error.to_string().contains("Changer"), "{error}");
}
