//! Tests of the login prober without a server. The package `keyway-tests` has the tests with a server.

use keyway_core::{Effect, PluginError as _};
use keyway_credentials::{Account, Asset, Password, PrivateKey};
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding};

use super::*;

fn key() -> TargetCredential {
    let key = ssh_key::PrivateKey::random(&mut OsRng, Algorithm::Ed25519).unwrap();
    TargetCredential::PrivateKey(PrivateKey::new(key.to_openssh(LineEnding::LF).unwrap(), None).unwrap())
}

fn candidate(account: &str, asset: &str) -> Candidate {
    Candidate::new(Account::new(account).unwrap(), Asset::new(asset).unwrap())
}

#[test]
fn a_path_that_ssh_would_expand_is_refused() {
    SshLoginProber::new("/etc/keyway/known hosts").unwrap();
    for path in ["", "known_hosts", "~/known_hosts", "/a%h", "/a\"b", "/$HOME/x", "/a\\b", "/a\nb"] {
        assert!(SshLoginProber::new(path).is_err(), "{path:?}");
        let prober = SshLoginProber::new("/known_hosts").unwrap();
        assert!(prober.with_temporary_folder(path).is_err(), "{path:?}");
    }
}

#[test]
fn an_answer_that_is_no_login_is_an_error_without_effect() {
    let folder = tempfile::tempdir().unwrap();
    let prober = SshLoginProber::new("/known_hosts").unwrap().with_temporary_folder(folder.path()).unwrap();
    for (candidate, credential, reason) in [
        (candidate("joe", "-oProxyCommand=x"), key(), "the host is not acceptable"),
        (candidate("joe;x", "web1"), key(), "the user is not acceptable"),
        (candidate("joe", "web1"), TargetCredential::Password(Password::new("x")), "does not offer"),
    ] {
        let error = pollster::block_on(prober.probe(&candidate, &credential)).unwrap_err();
        assert_eq!(error.effect(), Effect::None);
        assert!(error.to_string().contains(reason), "{error}");
    }
    let prober = prober.with_addresses(|_| None);
    assert!(pollster::block_on(prober.probe(&candidate("joe", "web1"), &key())).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
