//! Tests private keys, which a rotation changes in an `authorized_keys` file.

use std::fs;

use keyway_credentials::{
    Candidate, CredentialError, Password, PrivateKey, PrivateKeys, Probed, Prober, TargetCredential,
    async_trait,
};
use keyway_tests::services::OrSkip as _;
use keyway_tests::sshd::OpenSsh;
use keyway_vaulted::StoredAccount;
use serde_json::json;

use crate::gateway::{Gateway, STORE};
use crate::target::{ACCOUNT, Target, file, lent};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_the_target_until_the_session_is_over() {
    let Some(programs) = OpenSsh::find().or_skip("the rotation of SSH keys at a target") else { return };
    for (old, passphrase, new) in
        [("ed25519", "", "ed25519"), ("ecdsa", "correct horse", "ecdsa-p384"), ("rsa", "", "ecdsa-p521")]
    {
        let target = Target::start(&programs, "");
        let first = target.admit(old, passphrase);
        target.write("");
        assert!(!target.opens(&first), "the server knows no key yet");
        fs::remove_file(target.folder.file("first")).expect("a file");
        let first = target.admit(old, passphrase);

        let configuration = json!({ "store": STORE, "rotation": { "key": new } });
        let stored = StoredAccount::new().with_key(first.clone());
        let gateway = Gateway::start(ACCOUNT, &stored, configuration, target.lent(), None).await;
        let mut earlier = Vec::new();
        for _ in 0..2 {
            let session = gateway.begin();
            let key = gateway.fetch::<PrivateKeys>(&session).await.first().clone();
            assert!(target.opens(&key), "{}", target.server.log());
            gateway.complete(session).await;
            assert!(!target.opens(&key), "the session is over");
            earlier.push(key);
        }
        assert_eq!(earlier[0], first);
        let stored = gateway.stored().await;
        let last = stored.key().expect("a key");
        assert!(!earlier.contains(last) && target.opens(last), "{}", target.server.log());
        assert!(target.knows_only(last), "options, comment and other lines stay");
        assert_eq!(last.expose_passphrase().is_some(), !passphrase.is_empty());
        assert_eq!(
            last.facts().ssh_name().unwrap().replace("sha2-nist", ""),
            new.replace("ed25519", "ssh-ed25519")
        );
        assert_eq!(fs::read_dir(target.folder.file("logins")).expect("a folder").count(), 0);
    }
}

/// A prober that trusts the file by which the target decides. A real target needs a prober that logs in.
#[derive(Debug)]
struct ReadsTheFile(std::path::PathBuf);

#[async_trait]
impl Prober for ReadsTheFile {
    async fn probe(&self, _: &Candidate, credential: &TargetCredential) -> Result<Probed, CredentialError> {
        let TargetCredential::PrivateKey(key) = credential else { panic!("it is a key") };
        let key = ssh_key::PrivateKey::from_openssh(key.expose_pem()).expect("a key of OpenSSH");
        let line = key.public_key().to_openssh().expect("a line");
        let blob = line.split(' ').nth(1).expect("a type and a key");
        let there = fs::read_to_string(&self.0).expect("a file").contains(blob);
        Ok(if there { Probed::Opens } else { Probed::Refused })
    }
}

/// Starts a target that lets in no key of the new type, even if its file has the key.
fn choosy(programs: &OpenSsh) -> (Target, PrivateKey) {
    let target = Target::start(programs, "PubkeyAcceptedAlgorithms ssh-ed25519");
    let key = target.admit("ed25519", "");
    (target, key)
}

/// Rotates the key of a target. Returns the account, and whether the host thinks that the key of the account opens the
/// target.
async fn rotated(target: &Target, key: PrivateKey, prober: impl Prober + 'static) -> (StoredAccount, bool) {
    let configuration = json!({ "store": STORE, "rotation": { "key": "ecdsa-p256" } });
    let stored = StoredAccount::new().with_key(key);
    let gateway = Gateway::start(ACCOUNT, &stored, configuration, lent(target.changer(), prober), None).await;
    let session = gateway.begin();
    assert!(target.opens(gateway.fetch::<PrivateKeys>(&session).await.first()));
    gateway.complete(session).await;
    let stored = gateway.stored().await;
    let trusted = !stored.has_diverged();
    (stored, trusted)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_open_the_target_is_never_the_key_of_the_account() {
    let Some(programs) = OpenSsh::find().or_skip("a rotation to a key that sshd refuses") else { return };
    let (target, key) = choosy(&programs);
    let (stored, trusted) = rotated(&target, key.clone(), target.prober()).await;
    assert!(!trusted, "the target takes neither key, and the operator is told");
    assert_eq!(stored.key(), Some(&key));
    let unconfirmed = stored.unconfirmed().expect("the new key is kept for the operator");
    assert!(
        matches!(unconfirmed, TargetCredential::PrivateKey(new) if target.knows_only(new) && !target.opens(new))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prober_that_reads_the_file_locks_the_account_out() {
    let Some(programs) = OpenSsh::find().or_skip("a rotation that is verified by its file") else { return };
    let (target, key) = choosy(&programs);
    let prober = ReadsTheFile(file(&target.folder));
    let (stored, trusted) = rotated(&target, key, prober).await;
    assert!(
        trusted && !target.opens(stored.key().expect("a key")),
        "so the contract of probers demands a login"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_no_key() {
    let Some(programs) = OpenSsh::find().or_skip("a prober of keys that gets a password") else { return };
    let target = Target::start(&programs, "");
    let candidate = crate::login::candidate();
    let password = TargetCredential::Password(Password::new("x"));
    assert!(matches!(
        target.prober().probe(&candidate, &password).await,
        Err(CredentialError::Unsupported { .. })
    ));
}
