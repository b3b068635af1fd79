//! Provides a host with a store, and storage engines that run code or fail at chosen commits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keyway_core::{Clock, Registry, SecretValue, SystemClock};
use keyway_host::stores::{HostedStore, Limits, Retries, Stores, StoresError};
use keyway_host::{Host, WorkOutcome, WorkReport};
use keyway_seal::{KeyRing, KeySource, KeySourceError};
use keyway_secrets::{NewSecret, SecretStore, StoreName};
use keyway_storage::{Batch, Fault, FaultyStorage, KeyRange, Layered, Memory, Storage};
use serde_json::json;

pub(crate) use crate::support::{at, ring, silent};

pub(crate) fn registry() -> Registry {
    Registry::builder().with(keyway_generic::register).with(crate::scripted::register).build().unwrap()
}

pub(crate) fn name(text: &str) -> StoreName {
    StoreName::new(text).unwrap()
}

/// Starts a host that may open stores with both rings of keys, and tries failed work again soon.
pub(crate) async fn rotating(old: &KeyRing, new: &KeyRing) -> Host {
    let retries = Retries::default().with_first(Duration::from_millis(50));
    Host::builder(registry(), Arc::new(Memory::new()), ring())
        .store_keys(new.with_retiring(old))
        .store_limits(Limits::default().with_retries(retries))
        .start()
        .await
        .unwrap()
}

/// A storage engine, the keys of the host on it, and the keys of the store `s`.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) host_keys: KeyRing,
    pub(crate) keys: KeyRing,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { storage: Arc::new(Memory::new()), host_keys: ring(), keys: ring() }
    }

    /// Starts the host.
    pub(crate) async fn start(&self) -> Started {
        self.start_on(Arc::clone(&self.storage)).await
    }

    /// Starts the host on a storage engine that fails from the n-th commit on, as if the process
    /// had died.
    pub(crate) async fn start_dying(&self, commits: u64) -> Started {
        let engine = self.faulty();
        // The host's start needs one commit to take the host's name.
        engine.0.end_after(commits + 1, Fault::EndsBefore);
        self.start_on(engine).await
    }

    /// Wraps the storage engine to inject faults. Its batches are small, so that there are many points at which the
    /// process can die.
    pub(crate) fn faulty(&self) -> Arc<Layered<FaultyStorage>> {
        FaultyStorage::over(&self.storage).items_per_batch(4).into_engine()
    }

    pub(crate) async fn start_on(&self, storage: Arc<dyn Storage>) -> Started {
        let keys = Arc::new(Changing(Mutex::new(self.keys.clone())));
        let built = Host::builder(registry(), storage, self.host_keys.clone())
            .store_keys(Arc::clone(&keys))
            .takeover_after(Duration::ZERO);
        Started { host: built.start().await.unwrap(), keys }
    }

    pub(crate) async fn create(&self, stores: &Started) -> Result<HostedStore, StoresError> {
        stores.create(&name("s"), "generic", json!({}), &self.keys).await
    }

    pub(crate) async fn create_scripted(
        &self,
        stores: &Stores,
        store: &str,
    ) -> Result<HostedStore, StoresError> {
        stores.create(&name(store), "scripted", json!({}), &self.keys).await
    }

    pub(crate) async fn adopt(&self, stores: &Started) -> Result<HostedStore, StoresError> {
        stores.adopt(&name("s"), "generic", json!({}), &self.keys).await
    }

    pub(crate) async fn open(&self, stores: &Started) -> Result<HostedStore, StoresError> {
        stores.open_with(&name("s"), &self.keys).await
    }

    /// Removes the host's records with this prefix, as if they were lost.
    pub(crate) async fn lose(&self, prefix: &[u8]) {
        self.lose_if(|key| key.starts_with(prefix)).await;
    }

    /// Removes all records without this prefix, as if they were lost.
    pub(crate) async fn lose_all_but(&self, prefix: &[u8]) {
        self.lose_if(|key| !key.starts_with(prefix)).await;
    }

    async fn lose_if(&self, is: impl Fn(&[u8]) -> bool) {
        let all = self.storage.scan(&KeyRange::prefix([]), None, 100).await.unwrap().entries;
        for entry in all.into_iter().filter(|entry| is(&entry.key)) {
            let batch = Batch::new().delete(entry.key, keyway_storage::Expectation::Any);
            let _ = self.storage.commit(batch).await.unwrap();
        }
    }
}

/// The keys for stores, which tests change.
#[derive(Debug)]
pub(crate) struct Changing(Mutex<KeyRing>);

#[async_trait]
impl KeySource for Changing {
    async fn keys(&self) -> Result<KeyRing, KeySourceError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

/// A host whose stores these tests use.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    host: Host,
    keys: Arc<Changing>,
}

impl std::ops::Deref for Started {
    type Target = Stores;

    fn deref(&self) -> &Stores {
        self.host.stores()
    }
}

impl Started {
    /// Recovers with these keys for stores.
    pub(crate) async fn recover(&self, keys: &KeyRing) -> Vec<WorkReport> {
        *self.keys.0.lock().unwrap() = keys.clone();
        self.host.recover().await.unwrap()
    }

    /// Does all work that is due in an hour, with these keys for stores. The host's clock does not move.
    pub(crate) async fn an_hour_later(&self, keys: &KeyRing) -> Vec<WorkReport> {
        *self.keys.0.lock().unwrap() = keys.clone();
        self.host.run_due(SystemClock.now().plus(Duration::from_secs(3600))).await.unwrap()
    }

    /// Recovers with these keys, after which all interrupted work must be finished.
    pub(crate) async fn finish(&self, keys: &KeyRing) -> usize {
        let reports = self.recover(keys).await;
        let is_done = |done: &WorkReport| matches!(done.outcome, WorkOutcome::Settled | WorkOutcome::Gone);
        assert!(reports.iter().all(is_done), "{reports:?}");
        reports.len()
    }
}

pub(crate) async fn put(store: &impl SecretStore, secret: &str, value: &str) {
    store.create(NewSecret::new(at(secret), SecretValue::text(value))).await.unwrap();
}

/// Creates ten secrets `0` to `9`. The value of each is its name.
pub(crate) async fn put_ten(store: &impl SecretStore) {
    for number in 0..10 {
        put(store, &number.to_string(), &number.to_string()).await;
    }
}

pub(crate) async fn has_ten(store: &impl SecretStore) {
    for number in 0..10 {
        has(store, &number.to_string(), &number.to_string()).await;
    }
}

pub(crate) async fn has(store: &impl SecretStore, secret: &str, value: &str) {
    assert_eq!(store.get(&at(secret)).await.unwrap().value.expose_text(), Some(value));
}
