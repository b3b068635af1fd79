//! Tests that the plugin keeps the contract for secret stores, and the promises of decision C11.

use keyway_conformance::secrets::{GenerationExample, SecretStoreSubject};
use keyway_core::{Plugins, Table, plugins};
use keyway_secrets::SecretStores;
use serde_json::json;

const PLUGINS: Plugins = plugins! { keyway_passdb };

fn settings(json: &serde_json::Value) -> Table {
    Table::from_json(json.as_object().unwrap()).unwrap()
}

fn subject() -> SecretStoreSubject {
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<SecretStores>("passdb").unwrap();
    let example = json!({ "length": 33, "alphabet": "hex", "require": ["digit"] });
    let mut example = GenerationExample::new(settings(&example), 33, "0123456789abcdef");
    for refused in [
        json!({ "length": 7 }),
        json!({ "length": 1025 }),
        json!({ "length": -20 }),
        json!({ "length": 20.5 }),
        json!({ "length": "20" }),
        json!({ "alphabet": "whitespace" }),
        json!({ "alphabet": "" }),
        json!({ "require": ["emoji"] }),
        json!({ "alphabet": "digits", "require": ["uppercase"] }),
    ] {
        example = example.refused(settings(&refused));
    }
    SecretStoreSubject::of(plugin.registration()).unwrap().generating(example)
}

keyway_conformance::conformance_test!(it_keeps_the_contract, subject());
