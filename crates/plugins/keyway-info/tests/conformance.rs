//! The issuer `info` keeps the contract for issuers.

use keyway_conformance::issuers::{IssuerExample, IssuerSubject};
use keyway_core::{Plugins, plugins};
use keyway_issuers::{Issuers, Json, UserInfo};

const PLUGINS: Plugins = plugins! { keyway_info };

fn subject() -> IssuerSubject {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<Issuers>("info").unwrap();
    let user = UserInfo::new("https://issuer.example.com", "joe")
        .with("groups", Json::from(serde_json::json!(["admins", "users"])));
    IssuerSubject::of(plugin.registration()).unwrap().example(IssuerExample::new().user(user))
}

keyway_conformance::conformance_test!(it_keeps_the_contract, subject());
