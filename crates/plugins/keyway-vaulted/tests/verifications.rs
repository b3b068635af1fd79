//! Tests verifications with probers that a scripted target cannot stand for.

mod support;

use std::sync::{Arc, Mutex, OnceLock};

use keyway_conformance::credentials::ScriptedTarget;
use keyway_credentials::{
    Candidate, CredentialError, CredentialStore, Lease, PrivateKey, Probed, Prober, Rotation,
    TargetCredential, Verification, Verified, async_trait,
};
use keyway_vaulted::StoredAccount;
use pollster::block_on;
use serde_json::json;
use support::{KeysOnly, World, candidate, check_in, check_out, found, password};

fn verified(store: &dyn CredentialStore, account: &str) -> Verified {
    block_on(store.verify(&Verification::new(candidate(account)))).unwrap()
}

/// A prober during whose first login another session gives its lease back.
#[derive(Debug)]
struct Overtaken {
    target: ScriptedTarget,
    store: OnceLock<Arc<dyn CredentialStore>>,
    lease: Mutex<Option<Lease>>,
}

#[async_trait]
impl Prober for Overtaken {
    async fn probe(
        &self,
        candidate: &Candidate,
        credential: &TargetCredential,
    ) -> Result<Probed, CredentialError> {
        let lease = self.lease.lock().unwrap().take();
        if let Some(lease) = lease {
            let returned = check_in(&**self.store.get().unwrap(), "root", &lease).unwrap();
            assert_eq!(returned.rotation, Rotation::Rotated);
        }
        self.target.probe(candidate, credential).await
    }
}

#[test]
fn a_credential_that_is_changed_during_its_verification_has_not_diverged() {
    let world = World::new(&json!({ "rotation": {} }));
    let prober =
        Arc::new(Overtaken { target: world.target.clone(), store: OnceLock::new(), lease: Mutex::default() });
    let store = world.open_probed(Arc::<Overtaken>::clone(&prober)).unwrap();
    prober.store.set(Arc::clone(&store)).unwrap();
    let (_, lease) = found(check_out(&*store, "a", "one"));
    *prober.lease.lock().unwrap() = Some(lease);
    assert_eq!(verified(&*store, "root"), Verified::Unknown);
    assert_eq!(verified(&*store, "root"), Verified::Opens);
    world.target.accept(&support::root(), password("by hand"));
    assert_eq!(verified(&*store, "root"), Verified::Diverged);
}

#[test]
fn the_key_of_an_account_is_checked_although_its_password_cannot_be() {
    let key = || {
        let key = ssh_key::PrivateKey::random(&mut ssh_key::rand_core::OsRng, ssh_key::Algorithm::Ed25519);
        PrivateKey::new(key.unwrap().to_openssh(ssh_key::LineEnding::LF).unwrap(), None).unwrap()
    };
    let world = World::new(&json!({}));
    let store = world.open_probed(Arc::new(KeysOnly(world.target.clone()))).unwrap();
    let known = key();
    world.add("joe", &StoredAccount::new().with_password("p0").with_key(known.clone()));
    world.target.accept(&candidate("joe"), TargetCredential::PrivateKey(known));
    assert_eq!(verified(&*store, "joe"), Verified::Opens);
    world.target.accept(&candidate("joe"), TargetCredential::PrivateKey(key()));
    assert_eq!(verified(&*store, "joe"), Verified::Diverged);
    assert_eq!(verified(&*store, "root"), Verified::Unknown, "it has only a password");
}
