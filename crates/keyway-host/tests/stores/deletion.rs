//! Tests deletions that are interrupted, fail, or come late.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyway_host::stores::Phase;
use keyway_secrets::{SecretStore, StoreError};
use keyway_storage::{Fault, FaultyStorage, Storage};
use serde_json::json;

use crate::scripted::{Script, script};
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

/// Tests that another call resumes a failed deletion, through the same handle or through another host's handle.
#[tokio::test]
async fn a_deletion_that_failed_goes_on_when_it_is_asked_for_again() {
    for commits in 0.. {
        let world = World::new();
        let stores = world.start().await;
        let store = world.create(&stores).await.unwrap();
        put_ten(&store).await;
        let hiccup = world.faulty();
        // One commit fails, as if the disk were full for a moment.
        hiccup.0.fail_after(commits + 1, Fault::Unavailable);
        let failing = world.open(&world.start_on(hiccup).await).await.unwrap();
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

/// Tests that a late deletion, by a caller or in recovery, does not delete a new store that another host has made.
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
            let inherited = FaultyStorage::over(&world.storage).into_engine();
            let made = Arc::new(AtomicBool::new(false));
            // Another host finishes the deletion, and makes a new store of the same name. It does not recover, because
            // `late` has taken the name that both hosts have.
            let event = {
                let (other, keys, made) = (other.clone(), world.keys.clone(), Arc::clone(&made));
                async move {
                    if !other.an_hour_later(&keys).await.is_empty() {
                        let heir = other.create(&name("s"), "generic", json!({}), &keys).await.unwrap();
                        put(&heir, "new", "1").await;
                        made.store(true, Ordering::SeqCst);
                    }
                }
            };
            let late = world.start_on(Arc::clone(&inherited) as Arc<dyn Storage>).await;
            if recovering {
                inherited.0.before_operation(operations, event);
                late.recover(&world.keys).await;
            } else {
                let store = world.open(&late).await.unwrap();
                inherited.0.before_operation(operations, event);
                store.marked_for_delete().await.unwrap();
                assert!(matches!(store.get(&at("new")).await, Err(StoreError::Deleted)));
            }
            let happened = !inherited.0.has_planned_events();
            if made.load(Ordering::SeqCst) {
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

/// Tests two deletions at the same time. The second takes the claim of the first, and fails.
#[tokio::test]
async fn a_deletion_succeeds_only_if_the_store_is_deleted() {
    let mut times_left = 0;
    for operations in 0.. {
        let world = World::new();
        let watched = FaultyStorage::over(&world.storage).into_engine();
        let stores = world.start_on(Arc::clone(&watched) as Arc<dyn Storage>).await;
        let first = world.create_scripted(&stores, "deleted-twice").await.unwrap();
        let second = stores.open_with(&name("deleted-twice"), &world.keys).await.unwrap();
        watched.0.before_operation(operations, async move {
            script("deleted-twice", Script::Stays(1));
            let _ = second.marked_for_delete().await;
            script("deleted-twice", Script::Stays(0));
        });
        let ended = first.marked_for_delete().await;
        let is_left = !stores.list().await.unwrap().is_empty();
        assert_eq!(ended.is_err(), is_left, "before operation {operations}: {ended:?}");
        if let Err(error) = ended {
            times_left += 1;
            assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
        }
        if watched.0.has_planned_events() {
            break;
        }
    }
    assert!(times_left > 0);
}
