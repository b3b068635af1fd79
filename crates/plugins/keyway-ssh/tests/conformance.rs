//! Both issuers keep the contract for issuers.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
use keyway_core::{Plugins, plugins};
use keyway_issuers::{Issuers, State};
use keyway_ssh::CertificateAuthorityKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

const PLUGINS: Plugins = plugins! { keyway_ssh };
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti joe@laptop";

fn subject(id: &str) -> IssuerSubject {
    let registry = PLUGINS.registry().unwrap();
    IssuerSubject::of(registry.get::<Issuers>(id).unwrap().registration()).unwrap()
}

/// The states in an `authorized_keys` file.
fn states(folder: &Path) -> Vec<State> {
    let content = fs::read_to_string(folder.join("authorized_keys")).unwrap_or_default();
    content.lines().filter_map(|line| line.rsplit(' ').next()).map(State::new).collect()
}

fn authorized_keys() -> IssuerSubject {
    let example = IssuerExample::new().configured("authorized_keys_file", "{scratch}/authorized_keys");
    subject("ssh-authorized-keys")
        .example(example.clone().parameter("pub_key", KEY))
        .refused(example.parameter("pub_key", format!("command=\"sh\" {KEY}")))
        .listing(states)
}

/// A certificate leaves no trace, so there is nothing to list.
fn certificates() -> IssuerSubject {
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[9; 32]));
    let text = PrivateKey::new(pair, "ca").unwrap().to_openssh(LineEnding::LF).unwrap();
    let key = CertificateAuthorityKey::from_openssh(&*text).unwrap();
    let example = IssuerExample::new()
        .configured("krl_file", "{scratch}/krl")
        .configured("principals", "grid-{preferred_username}")
        .configured("trusted_issuer", "https://issuer.example.com/");
    subject("ssh-ca")
        .example(example.clone().parameter("pub_key", KEY))
        .refused(example.parameter("pub_key", "ssh-dss AAAA"))
        .lending(move |resources, _| resources.with(key.clone()))
}

keyway_conformance::conformance_test!(authorized_keys_keep_the_contract, authorized_keys());
keyway_conformance::conformance_test!(the_certificate_authority_keeps_the_contract, certificates());
