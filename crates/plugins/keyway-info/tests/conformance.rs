//! Tests that the issuer `info` keeps the contract for issuers, linked and as an executable.

use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
use keyway_core::{Plugins, plugins};
use keyway_issuers::{Issuers, Json, UserInfo};
use keyway_process::ProcessConfiguration;

const PLUGINS: Plugins = plugins! { keyway_info };

fn subject() -> IssuerSubject {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<Issuers>("info").unwrap();
    let user = UserInfo::new("https://issuer.example.com", "joe")
        .with("groups", Json::from(serde_json::json!(["admins", "users"])));
    IssuerSubject::of(plugin.registration()).unwrap().example(IssuerExample::new().user(user))
}

fn executable() -> IssuerSubject {
    let mut configuration = ProcessConfiguration::new(env!("CARGO_BIN_EXE_keyway-info"));
    configuration.idempotent = true;
    IssuerSubject::process("keyway-info", &configuration).unwrap()
}

keyway_conformance::conformance_test!(it_keeps_the_contract, subject());
keyway_conformance::conformance_test!(it_keeps_the_contract_as_an_executable, executable());
