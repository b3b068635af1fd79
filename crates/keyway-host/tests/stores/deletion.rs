//! Deletions that are cut short, that fail, and that come late.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use keyway_host::stores::Phase;
use keyway_seal::KeyRing;
use keyway_secrets::{SecretStore, StoreError};
use keyway_storage::StorageError;
use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn a_deletion_can_be_cut_short_anywhere() {
    for commits in 0.. {
        let world = World::new();
        put_ten(&world.create(&world.start().await).await.unwrap()).await;
        let store = world.open(&world.start_dying(commits).await).await.unwrap();
        let done = store.marked_for_delete().await.is_ok();

        let stores = world.start().await;
        let begun = stores.list().await.unwrap()[..]
            .first()
            .is_some_and(|store| store.state.phase == Phase::Deleting);
        assert_eq!(stores.finish(&world.keys).await, usize::from(begun));
        if begun || done {
            assert!(stores.list().await.unwrap().is_empty());
            world.create(&stores).await.unwrap();
        } else {
            has_ten(&world.open(&stores).await.unwrap()).await;
        }
        if done {
            return;
        }
    }
}

/// One commit fails, as on a disk that was full for a moment.
#[derive(Debug)]
struct Hiccup {
    commits_left: AtomicI64,
}

#[async_trait]
impl Event for Hiccup {
    async fn before_commit(&self) -> Result<(), StorageError> {
        match self.commits_left.fetch_sub(1, Ordering::SeqCst) {
            0 => Err(StorageError::Unavailable { retry_after: None }),
            _ => Ok(()),
        }
    }
}

/// "Another call goes on with it": of the same handle too, and of one that another host has open.
#[tokio::test]
async fn a_deletion_that_failed_goes_on_when_it_is_asked_for_again() {
    for commits in 0.. {
        let world = World::new();
        let stores = world.start().await;
        let store = world.create(&stores).await.unwrap();
        put_ten(&store).await;
        let hiccup = Hiccup { commits_left: AtomicI64::new(commits + 1) };
        let failing = world.open(&world.start_with(Arc::new(hiccup)).await).await.unwrap();
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
    operations_left: AtomicI64,
    other: Started,
    keys: KeyRing,
    made: AtomicBool,
}

#[async_trait]
impl Event for Inherited {
    async fn before(&self) {
        if self.operations_left.fetch_sub(1, Ordering::SeqCst) != 0 {
            return;
        }
        if self.other.finish(&self.keys).await > 0 {
            let heir = self.other.create(&name("s"), "generic", json!({}), &self.keys).await.unwrap();
            put(&heir, "new", "1").await;
            self.made.store(true, Ordering::SeqCst);
        }
    }

    fn items_per_batch(&self) -> usize {
        100
    }
}

/// Whoever is late with a deletion, by hand or when recovering, leaves the store alone that another host
/// has made since.
#[tokio::test]
async fn a_deletion_that_comes_late_does_not_delete_the_next_store() {
    for recovering in [false, true] {
        let mut times_made = 0;
        for operations in 0.. {
            let world = World::new();
            let other = world.start().await;
            put(&world.create(&other).await.unwrap(), "old", "1").await;
            if recovering {
                let store = world.open(&world.start_dying(1).await).await.unwrap();
                assert!(store.marked_for_delete().await.is_err(), "it died after it had noted that down");
            }
            let inherited = Arc::new(Inherited {
                operations_left: AtomicI64::new(i64::MAX),
                other: other.clone(),
                keys: world.keys.clone(),
                made: AtomicBool::new(false),
            });
            let late = world.start_with(Arc::clone(&inherited)).await;
            if recovering {
                inherited.operations_left.store(operations, Ordering::SeqCst);
                late.recover(&world.keys).await;
            } else {
                let store = world.open(&late).await.unwrap();
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
                has(&world.open(&other).await.unwrap(), "new", "1").await;
            }
            if !happened {
                break;
            }
        }
        assert!(times_made > 3, "only {times_made}");
    }
}
