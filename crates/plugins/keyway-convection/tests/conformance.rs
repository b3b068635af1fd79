//! Tests that the plugins keep the contract for secret stores, and that `convection-passdb` generates passwords as
//! promised.
//!
//! See decision C11.

use keyway_conformance::secrets::{GenerationExample, SecretStoreSubject};
use keyway_core::{Plugins, Table, plugins};
use keyway_secrets::SecretStores;
use serde_json::json;

const PLUGINS: Plugins = plugins! { keyway_convection };

fn settings(json: &serde_json::Value) -> Table {
    Table::from_json(json.as_object().unwrap()).unwrap()
}

fn subject(id: &str) -> SecretStoreSubject {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<SecretStores>(id).unwrap();
    SecretStoreSubject::of(plugin.registration())
        .unwrap()
        .configuration(|scratch| json!({ "directory": scratch }))
}

fn passdb() -> SecretStoreSubject {
    let example = json!({ "default": { "length": 33, "letters": "digits" } });
    let mut example = GenerationExample::new(settings(&example), 33, "0123456789");
    for refused in [
        json!({ "default": { "length": 7 } }),
        json!({ "default": { "length": 1025 } }),
        json!({ "default": { "length": -3 } }),
        json!({ "default": { "length": 20.5 } }),
        json!({ "default": { "letters": "hexdigits" } }),
        json!({ "default": { "letters": "" } }),
        json!({ "default": "printable" }),
    ] {
        example = example.refused(settings(&refused));
    }
    subject("convection-passdb").generating(example)
}

keyway_conformance::conformance_test!(
    generic_keeps_the_contract,
    subject("convection-generic").example_settings(settings(&json!({ "data": { "note": "any" } })))
);
keyway_conformance::conformance_test!(passdb_keeps_the_contract, passdb());
