//! Both issuers as executables, as a host of WaTTS runs them: all that they need is configured.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use futures_executor::block_on;
use keyway_issuers::{
    Context, CredentialRequest, IntentId, Issued, Issuer as _, Json, Outcome, Revocation, UserInfo,
};
use keyway_process::{ProcessConfiguration, ProcessIssuer};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

struct Executable {
    issuer: ProcessIssuer,
    context: Context,
}

impl Executable {
    fn new(command: &str, settings: &[(&str, &Path)], texts: &[(&str, &str)]) -> Self {
        let mut configuration = ProcessConfiguration::new(command);
        configuration.idempotent = true;
        let issuer = ProcessIssuer::new(&configuration).unwrap();
        let paths = settings.iter().map(|(name, path)| (*name, Json::text(path.to_str().unwrap())));
        let settings: Vec<_> =
            paths.chain(texts.iter().map(|(name, value)| (*name, Json::text(*value)))).collect();
        let description = block_on(issuer.describe()).unwrap();
        assert!(description.features().stdin && description.features().idempotent);
        let resolved = description.resolve_configuration(settings.iter().map(|(name, value)| (*name, value)));
        let context = Context::new(UserInfo::new("https://issuer.example.com", "joe"))
            .with_configuration(resolved.unwrap())
            .with_intent(IntentId::new("i-1").unwrap());
        Self { issuer, context }
    }

    fn request(&self) -> Issued {
        match block_on(self.issuer.request(&CredentialRequest::new(self.context.clone()))).unwrap() {
            Outcome::Issued(issued) => issued,
            Outcome::LoginRequired(_) => panic!("it asks for no login"),
        }
    }

    fn revoke(&self, issued: &Issued) {
        let revocation = Revocation::new(self.context.clone(), issued.state.clone());
        block_on(self.issuer.revoke(&revocation)).unwrap();
    }
}

#[test]
fn a_line_by_an_executable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("authorized_keys");
    let settings = [("authorized_keys_file", file.as_path())];
    let executable = Executable::new(env!("CARGO_BIN_EXE_keyway-ssh-authorized-keys"), &settings, &[]);
    let issued = executable.request();
    assert_eq!(issued.state.as_str(), "KEYWAY_i-1");
    assert!(PrivateKey::from_openssh(issued.credential[1].expose_value()).is_ok());
    assert!(fs::read_to_string(&file).unwrap().ends_with(" KEYWAY_i-1\n"));
    executable.revoke(&issued);
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn a_certificate_by_an_executable() {
    let folder = tempfile::tempdir().unwrap();
    let [key, list] = ["ca", "krl"].map(|name| folder.path().canonicalize().unwrap().join(name));
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[9; 32]));
    fs::write(&key, &*PrivateKey::new(pair, "ca").unwrap().to_openssh(LineEnding::LF).unwrap()).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let settings = [("ca_key_file", key.as_path()), ("krl_file", list.as_path())];
    let command = env!("CARGO_BIN_EXE_keyway-ssh-ca");
    let executable = Executable::new(command, &settings, &[("principals", "deploy")]);
    let issued = executable.request();
    assert!(issued.credential.iter().any(|part| part.expose_value().starts_with("ssh-ed25519-cert-v01@")));
    executable.revoke(&issued);
    assert!(fs::read(&list).unwrap().windows(10).any(|bytes| bytes == b"KEYWAY_i-1"));
}
