//! Helpers of the tests of the generic store: open stores, and provide a storage that can fail.
#![allow(dead_code, missing_docs, unreachable_pub)] // Each test file uses a part of it.

use std::sync::Arc;

use keyway_core::{PluginMetadata, Resources, SecretValue};
use keyway_generic::GenericPlugin;
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    EnvironmentName, NewEnvironment, NewSecret, OpenContext, Progress, SecretAddress, SecretName,
    SecretStore, SecretStorePlugin, StoreError, StoreName,
};
use keyway_storage::{Fault, FaultyStorage, KeyRange, Memory, Storage};

pub fn metadata(version: &str) -> PluginMetadata {
    PluginMetadata::from_json(&format!(
        r#"{{"version": "{version}", "author": "A <a@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {{"name": "Keyway Generic", "type": "Secret", "description": "d"}}}}"#
    ))
    .unwrap()
}

pub fn ring() -> KeyRing {
    KeyRing::new([Key::generate().unwrap()]).unwrap()
}

pub fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

pub fn open(storage: &Arc<dyn Storage>, keys: &KeyRing) -> Arc<dyn SecretStore> {
    open_as(storage, keys, "s", "1.0.0")
}

pub fn open_as(
    storage: &Arc<dyn Storage>,
    keys: &KeyRing,
    store: &str,
    version: &str,
) -> Arc<dyn SecretStore> {
    let opening = OpenContext::new(StoreName::new(store).unwrap(), metadata(version), keys.clone())
        .with_resources(Resources::new().with(Arc::clone(storage)));
    GenericPlugin.open(&opening).unwrap()
}

pub fn at(name: &str) -> SecretAddress {
    SecretAddress::shared(SecretName::new(name).unwrap())
}

pub fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::new(name).unwrap()
}

pub fn at_in(name: &str, of: &str) -> SecretAddress {
    SecretAddress::in_environment(SecretName::new(name).unwrap(), environment(of))
}

pub fn new(address: SecretAddress, value: &str) -> NewSecret {
    NewSecret::new(address, SecretValue::text(value))
}

pub fn new_environment(name: &str) -> NewEnvironment {
    NewEnvironment { name: environment(name), external_url: None }
}

pub async fn text(store: &dyn SecretStore, address: &SecretAddress) -> Result<String, StoreError> {
    let secret = store.get(address).await?;
    assert_eq!(secret.header.address, *address);
    Ok(secret.value.expose_text().expect("a text").to_owned())
}

pub fn silent(_: Progress) {}

/// Wraps a storage so that its commits fail from the n-th on, as if the process had died.
pub fn dying(inner: &Arc<dyn Storage>, commits: u64) -> Arc<dyn Storage> {
    // Batches and pages are small, so that a process can die at many points.
    let engine = FaultyStorage::over(inner).items_per_batch(4).page_records(5).into_engine();
    engine.0.end_after(commits, Fault::EndsBefore);
    engine
}

/// Lists every record of a storage.
pub async fn records(storage: &Arc<dyn Storage>) -> Vec<keyway_storage::Entry> {
    let mut all = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = storage.scan(&KeyRange::all(), after.as_deref(), 1000).await.unwrap();
        after = page.entries.last().map(|entry| entry.key.clone());
        all.extend(page.entries);
        if !page.more {
            return all;
        }
    }
}
