//! Helpers of the tests: open stores on files, and read the content of a file.
#![allow(dead_code, missing_docs, unreachable_pub)] // Each test file uses a part of it.

use std::path::Path;
use std::sync::Arc;

use keyway_convection::ConvectionPlugin;
use keyway_core::{PluginMetadata, SecretValue};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    ListQuery, NewSecret, OpenContext, SecretAddress, SecretName, SecretStore, SecretStorePlugin, StoreError,
    StoreName,
};
use pollster::block_on;

pub fn metadata() -> PluginMetadata {
    PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "Generic", "type": "Secret", "description": "d"}}"#,
    )
    .unwrap()
}

pub fn ring(keys: usize) -> KeyRing {
    KeyRing::new((0..keys).map(|_| Key::generate().unwrap())).unwrap()
}

pub fn open_with(configuration: serde_json::Value, keys: &KeyRing) -> Arc<dyn SecretStore> {
    let opening = OpenContext::new(StoreName::new("s").unwrap(), metadata(), keys.clone())
        .with_configuration(configuration);
    ConvectionPlugin.open(&opening).unwrap()
}

pub fn open(root: &Path, keys: &KeyRing) -> Arc<dyn SecretStore> {
    open_with(serde_json::json!({ "directory": root }), keys)
}

pub fn at(name: &str) -> SecretAddress {
    SecretAddress::shared(SecretName::of_existing(name))
}

pub fn create(store: &dyn SecretStore, name: &str, value: &str) -> Result<(), StoreError> {
    block_on(store.create(NewSecret::new(at(name), SecretValue::text(value)))).map(|_| ())
}

pub fn get(store: &dyn SecretStore, name: &str) -> Result<String, StoreError> {
    block_on(store.get(&at(name))).map(|secret| secret.value.expose_text().unwrap().to_owned())
}

pub fn names(store: &dyn SecretStore) -> Result<Vec<String>, StoreError> {
    let page = block_on(store.list(&ListQuery::all().limit(usize::MAX)))?;
    Ok(page.secrets.into_iter().map(|secret| secret.header.address.name.as_str().to_owned()).collect())
}

/// Returns the text inside the file's token.
pub fn text_of(file: &Path, keys: &KeyRing) -> String {
    String::from_utf8(keys.open(&std::fs::read(file).unwrap()).unwrap().to_vec()).unwrap()
}

/// Writes a text to a file without taking a lock.
pub fn put_text(file: &Path, keys: &KeyRing, text: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, keys.seal(text.as_bytes()).unwrap()).unwrap();
}

/// Lists the names in a folder, in order.
pub fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
