//! Tests `DocumentStore` on hooks in memory that count, wait and fail on demand.

mod cycles;
mod generation;
mod growth;
mod hooks;
mod model;
mod rotation;
mod rules;

use keyway_core::{PluginMetadata, SecretValue};
use keyway_seal::{Key, KeyRing};

use crate::{NewSecret, SecretAddress, SecretName};

fn metadata(version: &str) -> PluginMetadata {
    PluginMetadata::from_json(&format!(
        r#"{{"version": "{version}", "author": "A <a@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {{"name": "Memory", "type": "Secret", "description": "d"}}}}"#
    ))
    .unwrap()
}

fn ring() -> KeyRing {
    KeyRing::new([Key::generate().unwrap()]).unwrap()
}

fn at(name: &str) -> SecretAddress {
    SecretAddress::shared(SecretName::of_existing(name))
}

fn secret(name: &str, value: &str) -> NewSecret {
    NewSecret::new(at(name), SecretValue::text(value))
}
