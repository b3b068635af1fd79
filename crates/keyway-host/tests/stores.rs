//! The life of stores: created, opened, rotated, deleted, and cut short at every point.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use keyway_core::{ErrorKind, PluginError, Plugins, SecretValue, plugins};
use keyway_host::stores::{Phase, Refusal, Stores, StoresError};
use keyway_seal::KeyRing;
use keyway_secrets::{NewSecret, SecretStore, StoreError, StoreName};
use keyway_storage::{Batch, KeyRange, Limits, Memory, Outcome, Page, Record, Storage, StorageError};
use serde_json::json;
use support::*;

const PLUGINS: Plugins = plugins! { keyway_generic };

fn name(text: &str) -> StoreName {
    StoreName::new(text).unwrap()
}

async fn start(storage: &Arc<dyn Storage>, host_keys: &KeyRing) -> Stores {
    Stores::start(PLUGINS.registry().unwrap(), Arc::clone(storage), host_keys.clone()).await.unwrap()
}

fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

/// Fails from the n-th commit on, as if the process had died there; small batches, so that
/// there are many points to die at.
#[derive(Debug)]
struct Dying {
    inner: Arc<dyn Storage>,
    commits_left: AtomicI64,
}

#[async_trait]
impl Storage for Dying {
    fn limits(&self) -> Limits {
        Limits { items_per_batch: 4, ..self.inner.limits() }
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.inner.get(key).await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.inner.scan(range, after, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Outcome, StorageError> {
        if self.commits_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(StorageError::Closed);
        }
        self.inner.commit(batch).await
    }
}

fn dying(inner: &Arc<dyn Storage>, commits: i64) -> Arc<dyn Storage> {
    Arc::new(Dying { inner: Arc::clone(inner), commits_left: AtomicI64::new(commits) })
}

#[tokio::test]
async fn a_store_lives_from_create_to_delete() {
    let (storage, host_keys, keys) = (memory(), ring(), ring());
    let stores = start(&storage, &host_keys).await;
    let store = stores.create(&name("s"), "generic", json!({}), &keys).await.unwrap();
    store.create(NewSecret::new(at("a"), SecretValue::text("1"))).await.unwrap();
    let error = stores.create(&name("s"), "generic", json!({}), &keys).await.unwrap_err();
    assert!(matches!(error, StoresError::Refused(Refusal::Exists)));

    // Another start of the host, with a ring that holds more than this store needs.
    let stores = start(&storage, &host_keys).await;
    let all = ring().with_retiring(&keys);
    let store = stores.open(&name("s"), &all).await.unwrap();
    assert_eq!(store.get(&at("a")).await.unwrap().value.expose_text(), Some("1"));
    let new = ring();
    store.rotate(&new, &silent).await.unwrap();
    let state = store.state().await.unwrap();
    assert_eq!((state.phase, state.keys), (Phase::Active, vec![new.primary_id()]));
    let error = stores.open(&name("s"), &keys).await.unwrap_err();
    assert!(
        matches!(&error, StoresError::MissingKeys { missing } if *missing == [new.primary_id()]),
        "{error}"
    );
    let store = stores.open(&name("s"), &new).await.unwrap();
    assert_eq!(store.get(&at("a")).await.unwrap().value.expose_text(), Some("1"));
    store.marked_for_delete().await.unwrap();
    assert!(stores.list().await.unwrap().is_empty());
    let error = stores.open(&name("s"), &new).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn what_cannot_work_leaves_no_trace() {
    let (storage, keys) = (memory(), ring());
    let stores = start(&storage, &ring()).await;
    let error = stores.create(&name("s"), "generik", json!({}), &keys).await.unwrap_err();
    assert!(error.to_string().contains("generic"), "{error}");
    let error = stores.create(&name("s"), "generic", json!({"pth": 1}), &keys).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = stores.adopt(&name("s"), "generic", json!({}), &keys).await.unwrap_err();
    assert!(matches!(error, StoresError::Store(StoreError::NotInitialized)), "{error}");
    assert!(stores.list().await.unwrap().is_empty());
    assert!(matches!(stores.open(&name("s"), &keys).await, Err(StoresError::Refused(Refusal::NoStore))));
}

#[tokio::test]
async fn data_that_is_there_is_adopted_and_not_overwritten() {
    let (storage, keys) = (memory(), ring());
    let first = start(&storage, &ring()).await;
    let store = first.create(&name("s"), "generic", json!({}), &keys).await.unwrap();
    store.create(NewSecret::new(at("a"), SecretValue::text("1"))).await.unwrap();
    // Another host with no record of it, on the same engine: its records are lost.
    let host_prefix = KeyRange::prefix(*b"keyway-host");
    for entry in storage.scan(&host_prefix, None, 100).await.unwrap().entries {
        let batch = Batch::new().delete(entry.key, keyway_storage::Expectation::Any);
        let _ = storage.commit(batch).await.unwrap();
    }
    let second = start(&storage, &ring()).await;
    let error = second.create(&name("s"), "generic", json!({}), &keys).await.unwrap_err();
    assert!(matches!(error, StoresError::Store(StoreError::AlreadyInitialized)), "{error}");
    let error = second.adopt(&name("s"), "generic", json!({}), &ring()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongKey);
    assert!(second.list().await.unwrap().is_empty());
    let store = second.adopt(&name("s"), "generic", json!({}), &keys).await.unwrap();
    assert_eq!(store.get(&at("a")).await.unwrap().value.expose_text(), Some("1"));
}

#[tokio::test]
async fn a_creation_can_be_cut_short_anywhere() {
    for commits in 0.. {
        let (storage, host_keys, keys) = (memory(), ring(), ring());
        start(&storage, &host_keys).await;
        let stores = start(&dying(&storage, commits), &host_keys).await;
        let done = stores.create(&name("s"), "generic", json!({}), &keys).await.is_ok();
        let stores = start(&storage, &host_keys).await;
        for recovered in stores.recover(&keys, &silent).await.unwrap() {
            recovered.outcome.unwrap();
        }
        match stores.open(&name("s"), &keys).await {
            Ok(store) => {
                store.create(NewSecret::new(at("a"), SecretValue::text("1"))).await.unwrap();
            }
            Err(error) => assert!(
                !done && matches!(error, StoresError::Refused(Refusal::NoStore)),
                "after {commits} commits: {error}"
            ),
        }
        if done {
            assert!(commits >= 3, "the intent, the store and the result are three commits");
            return;
        }
    }
}

/// Lets another host open the store just before the n-th commit of this one.
#[derive(Debug)]
struct Overtaken {
    inner: Arc<dyn Storage>,
    commits_left: AtomicI64,
    other: Stores,
    keys: KeyRing,
}

#[async_trait]
impl Storage for Overtaken {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.inner.get(key).await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.inner.scan(range, after, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Outcome, StorageError> {
        if self.commits_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // It may die while it does that.
            let _ = self.other.open(&name("s"), &self.keys).await;
        }
        self.inner.commit(batch).await
    }
}

#[tokio::test]
async fn a_creation_that_another_host_finishes_meanwhile_succeeds() {
    for before in [2, 3] {
        for commits_of_the_other in [1, 2, 100] {
            let (storage, host_keys, keys) = (memory(), ring(), ring());
            start(&storage, &host_keys).await;
            let other = start(&dying(&storage, commits_of_the_other), &host_keys).await;
            let commits_left = AtomicI64::new(before);
            let overtaken: Arc<dyn Storage> =
                Arc::new(Overtaken { inner: Arc::clone(&storage), commits_left, other, keys: keys.clone() });
            let slow = start(&overtaken, &host_keys).await;
            let store = slow.create(&name("s"), "generic", json!({}), &keys).await.unwrap();
            store.create(NewSecret::new(at("a"), SecretValue::text("1"))).await.unwrap();
            let listed = slow.list().await.unwrap();
            assert_eq!((listed.len(), listed[0].state.phase), (1, Phase::Active));
        }
    }
}

#[tokio::test]
async fn a_creation_with_an_open_end_stays_listed() {
    let (storage, host_keys, keys) = (memory(), ring(), ring());
    start(&storage, &host_keys).await;
    // The disk fails when the plugin makes the store: what is there now is not known.
    let stores = start(&dying(&storage, 1), &host_keys).await;
    let error = stores.create(&name("s"), "generic", json!({}), &keys).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let stores = start(&storage, &host_keys).await;
    assert_eq!(stores.list().await.unwrap()[0].state.phase, Phase::Creating);
    let error = stores.create(&name("s"), "generic", json!({}), &keys).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    stores.open(&name("s"), &keys).await.unwrap();
    assert_eq!(stores.list().await.unwrap()[0].state.phase, Phase::Active);
}

#[tokio::test]
async fn an_adoption_can_be_cut_short_and_never_makes_a_store() {
    for exists in [true, false] {
        let (storage, host_keys, keys) = (memory(), ring(), ring());
        if exists {
            let elsewhere = start(&storage, &host_keys).await;
            elsewhere.create(&name("s"), "generic", json!({}), &keys).await.unwrap();
            // The record of it is lost.
            let records = KeyRange::prefix(*b"keyway-host\0\x01");
            for entry in storage.scan(&records, None, 100).await.unwrap().entries {
                let batch = Batch::new().delete(entry.key, keyway_storage::Expectation::Any);
                let _ = storage.commit(batch).await.unwrap();
            }
        }
        start(&storage, &host_keys).await;
        // It dies after the intent was stored.
        let stores = start(&dying(&storage, 1), &host_keys).await;
        stores.adopt(&name("s"), "generic", json!({}), &keys).await.unwrap_err();
        let stores = start(&storage, &host_keys).await;
        let recovered = stores.recover(&keys, &silent).await.unwrap();
        assert_eq!(recovered[0].phase, Phase::Adopting);
        assert_eq!(recovered[0].outcome.is_ok(), exists);
        assert_eq!(stores.open(&name("s"), &keys).await.is_ok(), exists);
        assert_eq!(stores.list().await.unwrap().len(), usize::from(exists));
    }
}

#[tokio::test]
async fn two_handles_that_rotate_to_the_same_keys_both_succeed() {
    let (storage, host_keys, old, new) = (memory(), ring(), ring(), ring());
    let stores = start(&storage, &host_keys).await;
    let one = stores.create(&name("s"), "generic", json!({}), &old).await.unwrap();
    let two = stores.open(&name("s"), &old).await.unwrap();
    one.create(NewSecret::new(at("a"), SecretValue::text("1"))).await.unwrap();
    let (first, second) = tokio::join!(one.rotate(&new, &silent), two.rotate(&new, &silent));
    first.unwrap();
    second.unwrap();
    let store = stores.open(&name("s"), &new).await.unwrap();
    assert_eq!(store.get(&at("a")).await.unwrap().value.expose_text(), Some("1"));
}

#[tokio::test]
async fn a_rotation_can_be_cut_short_anywhere() {
    for commits in 0.. {
        let (storage, host_keys, old, new) = (memory(), ring(), ring(), ring());
        let stores = start(&storage, &host_keys).await;
        let store = stores.create(&name("s"), "generic", json!({}), &old).await.unwrap();
        for number in 0..10 {
            let value = SecretValue::text(number.to_string());
            store.create(NewSecret::new(at(&number.to_string()), value)).await.unwrap();
        }
        let stores = start(&dying(&storage, commits), &host_keys).await;
        let store = stores.open(&name("s"), &old).await.unwrap();
        let done = store.rotate(&new, &silent).await.is_ok();

        let stores = start(&storage, &host_keys).await;
        let both = new.with_retiring(&old);
        // In the middle of it all is readable with both.
        let store = stores.open(&name("s"), &both).await.unwrap();
        for number in 0..10 {
            let secret = store.get(&at(&number.to_string())).await.unwrap();
            assert_eq!(secret.value.expose_text(), Some(number.to_string().as_str()));
        }
        let recovered = stores.recover(&both, &silent).await.unwrap();
        let begun = !recovered.is_empty();
        for recovered in recovered {
            assert_eq!(recovered.phase, Phase::Rotating);
            recovered.outcome.unwrap();
        }
        let now = if begun || done { &new } else { &old };
        let store = stores.open(&name("s"), now).await.unwrap();
        for number in 0..10 {
            store.get(&at(&number.to_string())).await.unwrap();
        }
        assert!(stores.recover(&both, &silent).await.unwrap().is_empty());
        if done {
            assert!(commits > 5, "a rotation in batches has several points to die at");
            return;
        }
    }
}

#[tokio::test]
async fn a_deletion_can_be_cut_short_anywhere() {
    for commits in 0.. {
        let (storage, host_keys, keys) = (memory(), ring(), ring());
        let stores = start(&storage, &host_keys).await;
        let store = stores.create(&name("s"), "generic", json!({}), &keys).await.unwrap();
        for number in 0..10 {
            store.create(NewSecret::new(at(&number.to_string()), SecretValue::text(""))).await.unwrap();
        }
        let stores = start(&dying(&storage, commits), &host_keys).await;
        let store = stores.open(&name("s"), &keys).await.unwrap();
        let done = store.marked_for_delete().await.is_ok();

        let stores = start(&storage, &host_keys).await;
        let recovered = stores.recover(&keys, &silent).await.unwrap();
        let begun = !recovered.is_empty();
        for recovered in recovered {
            assert_eq!(recovered.phase, Phase::Deleting);
            recovered.outcome.unwrap();
        }
        if begun || done {
            assert!(stores.list().await.unwrap().is_empty());
            stores.create(&name("s"), "generic", json!({}), &keys).await.unwrap();
        } else {
            stores.open(&name("s"), &keys).await.unwrap().get(&at("3")).await.unwrap();
        }
        if done {
            return;
        }
    }
}

#[tokio::test]
async fn what_cannot_be_recovered_stays_listed() {
    let (storage, host_keys, old, new) = (memory(), ring(), ring(), ring());
    let stores = start(&storage, &host_keys).await;
    stores.create(&name("s"), "generic", json!({}), &old).await.unwrap();
    let stores = start(&dying(&storage, 2), &host_keys).await;
    let store = stores.open(&name("s"), &old).await.unwrap();
    store.rotate(&new, &silent).await.unwrap_err();
    let stores = start(&storage, &host_keys).await;
    for _ in 0..2 {
        let recovered = stores.recover(&old, &silent).await.unwrap();
        assert!(matches!(&recovered[0].outcome, Err(StoresError::MissingKeys { .. })));
    }
    // Another target has to wait for the first.
    let both = new.with_retiring(&old);
    let store = stores.open(&name("s"), &both).await.unwrap();
    let error = store.rotate(&ring(), &silent).await.unwrap_err();
    assert!(error.to_string().contains("under way"), "{error}");
    assert!(stores.recover(&both, &silent).await.unwrap()[0].outcome.is_ok());
}

/// Fails one commit, as a disk that was full for a moment.
#[derive(Debug)]
struct Hiccup {
    inner: Arc<dyn Storage>,
    commits_left: AtomicI64,
}

#[async_trait]
impl Storage for Hiccup {
    fn limits(&self) -> Limits {
        Limits { items_per_batch: 4, ..self.inner.limits() }
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.inner.get(key).await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.inner.scan(range, after, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Outcome, StorageError> {
        if self.commits_left.fetch_sub(1, Ordering::SeqCst) == 0 {
            return Err(StorageError::Unavailable { retry_after: None });
        }
        self.inner.commit(batch).await
    }
}

/// "Another call goes on with it": of the same handle too, and of one that another host has open.
#[tokio::test]
async fn a_deletion_that_failed_goes_on_when_it_is_asked_for_again() {
    for commits in 0.. {
        let (storage, host_keys, keys) = (memory(), ring(), ring());
        let stores = start(&storage, &host_keys).await;
        let store = stores.create(&name("s"), "generic", json!({}), &keys).await.unwrap();
        for number in 0..10 {
            store.create(NewSecret::new(at(&number.to_string()), SecretValue::text(""))).await.unwrap();
        }
        let hiccup = Hiccup { inner: Arc::clone(&storage), commits_left: AtomicI64::new(commits) };
        let failing = start(&(Arc::new(hiccup) as Arc<dyn Storage>), &host_keys).await;
        let failing = failing.open(&name("s"), &keys).await.unwrap();
        let failed = failing.marked_for_delete().await.is_err();
        if commits % 2 == 0 {
            failing.marked_for_delete().await.unwrap();
        } else if failed {
            store.marked_for_delete().await.unwrap();
        }
        assert!(stores.list().await.unwrap().is_empty(), "after {commits} commits");
        if !failed {
            assert!(commits > 4, "only {commits}");
            return;
        }
    }
}

/// Before the n-th operation of this host another one finishes the deletion of the store, and makes
/// a new one of its name.
#[derive(Debug)]
struct Inherited {
    inner: Arc<dyn Storage>,
    operations_left: AtomicI64,
    other: Stores,
    keys: KeyRing,
    made: AtomicBool,
}

impl Inherited {
    async fn one_more(&self) {
        if self.operations_left.fetch_sub(1, Ordering::SeqCst) != 0 {
            return;
        }
        for recovered in self.other.recover(&self.keys, &silent).await.unwrap() {
            recovered.outcome.unwrap();
            let heir = self.other.create(&name("s"), "generic", json!({}), &self.keys).await.unwrap();
            heir.create(NewSecret::new(at("new"), SecretValue::text("1"))).await.unwrap();
            self.made.store(true, Ordering::SeqCst);
        }
    }
}

#[async_trait]
impl Storage for Inherited {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.one_more().await;
        self.inner.get(key).await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.one_more().await;
        self.inner.scan(range, after, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Outcome, StorageError> {
        self.one_more().await;
        self.inner.commit(batch).await
    }
}

/// Whoever is late with a deletion, by hand or when recovering, leaves the store alone that another host
/// has made since.
#[tokio::test]
async fn a_deletion_that_comes_late_does_not_delete_the_next_store() {
    for recovering in [false, true] {
        let mut times_made = 0;
        for operations in 0.. {
            let (storage, host_keys, keys) = (memory(), ring(), ring());
            let other = start(&storage, &host_keys).await;
            let store = other.create(&name("s"), "generic", json!({}), &keys).await.unwrap();
            store.create(NewSecret::new(at("old"), SecretValue::text("1"))).await.unwrap();
            if recovering {
                let dying = start(&dying(&storage, 1), &host_keys).await;
                let store = dying.open(&name("s"), &keys).await.unwrap();
                assert!(store.marked_for_delete().await.is_err(), "it died after it had noted that down");
            }
            let inherited = Arc::new(Inherited {
                inner: Arc::clone(&storage),
                operations_left: AtomicI64::new(i64::MAX),
                other: other.clone(),
                keys: keys.clone(),
                made: AtomicBool::new(false),
            });
            let late = start(&(Arc::clone(&inherited) as Arc<dyn Storage>), &host_keys).await;
            if recovering {
                inherited.operations_left.store(operations, Ordering::SeqCst);
                for recovered in late.recover(&keys, &silent).await.unwrap() {
                    // Who finds the next store instead has nothing to finish.
                    let outcome = recovered.outcome;
                    assert!(
                        outcome.is_ok() || matches!(outcome, Err(StoresError::Refused(_))),
                        "{outcome:?}"
                    );
                }
            } else {
                let store = late.open(&name("s"), &keys).await.unwrap();
                inherited.operations_left.store(operations, Ordering::SeqCst);
                store.marked_for_delete().await.unwrap();
                assert!(matches!(store.get(&at("new")).await, Err(StoreError::Deleted)));
            }
            let happened = inherited.operations_left.load(Ordering::SeqCst) < 0;
            if inherited.made.load(Ordering::SeqCst) {
                times_made += 1;
                let listed = other.list().await.unwrap();
                assert_eq!(listed.len(), 1, "before operation {operations}");
                assert_eq!(listed[0].state.phase, Phase::Active, "before operation {operations}");
                let heir = other.open(&name("s"), &keys).await.unwrap();
                heir.get(&at("new")).await.unwrap();
            }
            if !happened {
                break;
            }
        }
        assert!(times_made > 3, "only {times_made}");
    }
}
