//! Tests that both issuers keep the contract for issuers, linked and as executables.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
use keyway_core::{Plugins, plugins};
use keyway_issuers::{CredentialRef, Issuers};
use keyway_process::ProcessConfiguration;
use keyway_ssh::{CertificateAuthorityKey, set_up_revocation_list};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

const PLUGINS: Plugins = plugins! { keyway_ssh };
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti joe@laptop";

fn subject(id: &str) -> IssuerSubject {
    let registry = PLUGINS.registry().unwrap();
    IssuerSubject::of(registry.get::<Issuers>(id).unwrap().registration()).unwrap()
}

/// Lists the states in an `authorized_keys` file.
fn states(folder: &Path) -> Vec<CredentialRef> {
    let content = fs::read_to_string(folder.join("authorized_keys")).unwrap_or_default();
    let keys = content.lines().filter(|line| !line.starts_with('#'));
    keys.filter_map(|line| line.rsplit(' ').next()).map(CredentialRef::new).collect()
}

fn authorized_keys() -> IssuerSubject {
    let example = IssuerExample::new().configured("authorized_keys_file", "{scratch}/authorized_keys");
    subject("ssh-authorized-keys")
        .example(example.clone().parameter("pub_key", KEY))
        .refused(example.parameter("pub_key", format!("command=\"sh\" {KEY}")))
        .listing(states)
}

/// Makes the requests for the authority. A certificate leaves no trace, so there is nothing to list.
fn certificate_example() -> IssuerExample {
    IssuerExample::new()
        .configured("krl_file", "{scratch}/krl")
        .configured("principals", "grid-{preferred_username}")
        .configured("trusted_issuer", "https://issuer.example.com/")
}

/// Creates the list, as an operator does. All handles of a rule share it.
fn set_up(scratch: &Path) {
    set_up_revocation_list(scratch.join("krl")).unwrap();
}

fn certificates() -> IssuerSubject {
    let key = CertificateAuthorityKey::generate().unwrap();
    let example = certificate_example();
    subject("ssh-ca")
        .example(example.clone().parameter("pub_key", KEY))
        .refused(example.parameter("pub_key", "ssh-dss AAAA"))
        .lending(move |resources, scratch| {
            set_up(scratch);
            resources.with(key.clone())
        })
}

fn executable(name: &str, command: &str) -> IssuerSubject {
    let mut configuration = ProcessConfiguration::new(command);
    configuration.idempotent = true;
    IssuerSubject::process(name, &configuration).unwrap()
}

fn authorized_keys_executable() -> IssuerSubject {
    let example = IssuerExample::new().configured("authorized_keys_file", "{scratch}/authorized_keys");
    executable("keyway-ssh-authorized-keys", env!("CARGO_BIN_EXE_keyway-ssh-authorized-keys"))
        .example(example.clone().parameter("pub_key", KEY))
        .refused(example.parameter("pub_key", "ssh-dss AAAA"))
        .listing(states)
}

/// Configures a key file, because a host cannot pass resources to an executable.
fn certificates_executable() -> IssuerSubject {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).canonicalize().unwrap().join("conformance-ca");
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[9; 32]));
    let text = PrivateKey::new(pair, "ca").unwrap().to_openssh(LineEnding::LF).unwrap();
    fs::write(&file, &*text).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let example = certificate_example().configured("ca_key_file", file.to_str().unwrap());
    executable("keyway-ssh-ca", env!("CARGO_BIN_EXE_keyway-ssh-ca"))
        .example(example.clone().parameter("pub_key", KEY))
        .refused(example.parameter("pub_key", "ssh-dss AAAA"))
        .lending(|resources, scratch| {
            set_up(scratch);
            resources
        })
}

keyway_conformance::conformance_test!(authorized_keys_keep_the_contract, authorized_keys());
keyway_conformance::conformance_test!(the_certificate_authority_keeps_the_contract, certificates());
keyway_conformance::conformance_test!(
    authorized_keys_keep_the_contract_as_an_executable,
    authorized_keys_executable()
);
keyway_conformance::conformance_test!(
    the_certificate_authority_keeps_the_contract_as_an_executable,
    certificates_executable()
);
