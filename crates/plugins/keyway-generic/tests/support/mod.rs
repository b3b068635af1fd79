//! What the tests of the generic store share: opening stores, and a storage that can fail.
#![allow(dead_code, missing_docs, unreachable_pub)] // Each test file uses a part of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use keyway_core::{PluginMetadata, Resources, SecretValue};
use keyway_generic::GenericPlugin;
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{
    EnvironmentName, NewEnvironment, NewSecret, OpenContext, Progress, SecretAddress, SecretName,
    SecretStore, SecretStorePlugin, StoreError, StoreName,
};
use keyway_storage::{Batch, CommitOutcome, KeyRange, Limits, Memory, Page, Record, Storage, StorageError};

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

/// A storage whose commits fail from the n-th on, as if the process had died there.
#[derive(Debug)]
pub struct Dying {
    pub inner: Arc<dyn Storage>,
    commits_left: AtomicI64,
}

impl Dying {
    pub fn after(inner: &Arc<dyn Storage>, commits: i64) -> Arc<dyn Storage> {
        Arc::new(Self { inner: Arc::clone(inner), commits_left: AtomicI64::new(commits) })
    }
}

#[async_trait]
impl Storage for Dying {
    fn limits(&self) -> Limits {
        // Small batches, so that there are many points to die at.
        Limits { items_per_batch: 4, ..self.inner.limits() }
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.inner.get(key).await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.inner.scan(range, after, limit.min(5)).await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        if self.commits_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(StorageError::Closed);
        }
        self.inner.commit(batch).await
    }
}

type Interruption = Box<dyn FnOnce() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A storage that lets something else happen just before its n-th commit from now.
pub struct Interrupted {
    inner: Arc<dyn Storage>,
    planned: std::sync::Mutex<Option<(usize, Interruption)>>,
}

impl std::fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interrupted")
    }
}

impl Interrupted {
    pub fn new(inner: &Arc<dyn Storage>) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), planned: std::sync::Mutex::default() })
    }

    /// Commit 0 is the next one.
    pub fn before_commit<F>(&self, number: usize, what: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        *self.planned.lock().unwrap() = Some((number, Box::new(move || Box::pin(what()))));
    }

    pub fn has_happened(&self) -> bool {
        self.planned.lock().unwrap().is_none()
    }
}

#[async_trait]
impl Storage for Interrupted {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.inner.get(key).await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.inner.scan(range, after, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        let due = {
            let mut planned = self.planned.lock().unwrap();
            match planned.take() {
                Some((0, what)) => Some(what),
                Some((number, what)) => {
                    *planned = Some((number - 1, what));
                    None
                }
                None => None,
            }
        };
        if let Some(what) = due {
            what().await;
        }
        self.inner.commit(batch).await
    }
}

/// Every record of a storage.
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
