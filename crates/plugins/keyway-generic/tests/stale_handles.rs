//! Tests that a handle never answers from an outdated cached header, whatever other handles do to the store.

mod support;

use std::sync::Arc;

use keyway_core::{SecretValue, Structured, Table};
use keyway_seal::KeyRing;
use keyway_secrets::{Configure, EnvironmentFilter, ListQuery, SecretChange, SecretStore, StoreError};
use keyway_storage::{Batch, Expectation, FaultyStorage, Storage};
use support::*;

/// Returns a storage, a stale handle and a current handle. The stale handle used a store that was then deleted, and
/// made again under the same name through other handles.
async fn made_anew() -> (Arc<dyn Storage>, Arc<dyn SecretStore>, Arc<dyn SecretStore>) {
    let (storage, keys) = (memory(), ring());
    let stale = open(&storage, &keys);
    stale.initialize().await.unwrap();
    stale.create(new(at("a"), "1")).await.unwrap();
    stale.list(&ListQuery::all()).await.unwrap();
    open(&storage, &keys).marked_for_delete().await.unwrap();
    let other = open(&storage, &keys);
    other.initialize().await.unwrap();
    other.create_environment(new_environment("e")).await.unwrap();
    other.create(new(at("b"), "2")).await.unwrap();
    other.create(new(at_in("c", "e"), "3")).await.unwrap();
    (storage, stale, other)
}

#[tokio::test]
async fn a_store_made_anew_is_listed_as_it_is() {
    for filter in [EnvironmentFilter::All, EnvironmentFilter::Shared, EnvironmentFilter::In(environment("e"))]
    {
        let (_, stale, other) = made_anew().await;
        let query = ListQuery::all().of(filter);
        let names = |page: keyway_secrets::SecretPage| {
            page.secrets.into_iter().map(|listed| listed.header.address).collect::<Vec<_>>()
        };
        let expected = names(other.list(&query).await.unwrap());
        assert!(!expected.is_empty());
        assert_eq!(names(stale.list(&query).await.unwrap()), expected);
    }
    let (_, stale, _) = made_anew().await;
    assert_eq!(stale.list_environments(None, 10).await.unwrap().environments.len(), 1);
}

#[tokio::test]
async fn a_store_made_anew_is_written_to_as_it_is() {
    let (_, stale, other) = made_anew().await;
    stale.create(new(at_in("d", "e"), "4")).await.unwrap();
    assert_eq!(text(&*other, &at_in("d", "e")).await.unwrap(), "4");
    let (_, stale, _) = made_anew().await;
    assert!(matches!(stale.get(&at("a")).await, Err(StoreError::SecretNotFound { .. })));
    let (_, stale, _) = made_anew().await;
    assert!(matches!(stale.create(new(at("b"), "5")).await, Err(StoreError::SecretExists { .. })));
}

#[tokio::test]
async fn a_deleted_store_has_no_second_page_and_takes_no_secret() {
    let (storage, keys) = (memory(), ring());
    let store = open(&storage, &keys);
    store.initialize().await.unwrap();
    for number in 0..4 {
        store.create(new(at(&number.to_string()), "x")).await.unwrap();
        store.create_environment(new_environment(&number.to_string())).await.unwrap();
    }
    let first = store.list(&ListQuery::all().limit(2)).await.unwrap();
    let environments = store.list_environments(None, 2).await.unwrap();
    open(&storage, &keys).marked_for_delete().await.unwrap();
    let second = store.list(&ListQuery::all().limit(2).after(first.next.unwrap())).await;
    assert!(matches!(second, Err(StoreError::NotInitialized)), "{second:?}");
    let second = store.list_environments(environments.next.as_ref(), 2).await;
    assert!(matches!(second, Err(StoreError::NotInitialized)), "{second:?}");
    let refused = store.create(new(at_in("a", "unknown"), "1")).await;
    assert!(matches!(refused, Err(StoreError::NotInitialized)), "{refused:?}");
}

#[tokio::test]
async fn a_limit_that_was_raised_no_longer_refuses() {
    let (storage, keys) = (memory(), ring());
    let store = open(&storage, &keys);
    store.initialize().await.unwrap();
    let limit = |bytes: i64| {
        let mut table = Table::new();
        table.insert("maximum_value_bytes", Structured::Integer(bytes.into()));
        Configure::Write(table)
    };
    store.configure(limit(3)).await.unwrap();
    store.create(new(at("a"), "123")).await.unwrap();
    open(&storage, &keys).configure(limit(4)).await.unwrap();
    store.create(new(at("b"), "1234")).await.unwrap();
    open(&storage, &keys).configure(limit(5)).await.unwrap();
    store.modify(&at("a"), SecretChange::value(SecretValue::text("12345"))).await.unwrap();
}

#[tokio::test]
async fn counting_leaves_nothing_in_a_store_that_is_gone() {
    let (storage, keys) = (memory(), ring());
    let interrupted = FaultyStorage::over(&storage).into_engine();
    let counting: Arc<dyn Storage> = Arc::clone(&interrupted) as _;
    let store = open(&counting, &keys);
    store.initialize().await.unwrap();
    store.create(new(at("a"), "1")).await.unwrap();
    for _ in 0..2000 {
        store.get(&at("a")).await.unwrap();
    }
    let (others, other_keys) = (Arc::clone(&storage), keys.clone());
    // Commit 0 is the change, and commit 1 stores the counters.
    interrupted.0.before_commit(1, async move {
        open(&others, &other_keys).marked_for_delete().await.unwrap();
    });
    store.modify(&at("a"), SecretChange::value(SecretValue::text("2"))).await.unwrap();
    assert!(!interrupted.0.has_planned_events());
    assert_eq!(records(&storage).await, []);
}

#[tokio::test]
async fn deleting_twice_at_once_spares_a_store_that_was_made_anew() {
    let (storage, keys) = (memory(), ring());
    let interrupted = FaultyStorage::over(&storage).into_engine();
    let slow: Arc<dyn Storage> = Arc::clone(&interrupted) as _;
    for number in 0..4 {
        let store = open(&storage, &keys);
        store.initialize().await.unwrap();
        store.create(new(at("a"), "old")).await.unwrap();
        store.create_environment(new_environment("e")).await.unwrap();
        let (others, other_keys) = (Arc::clone(&storage), keys.clone());
        interrupted.0.before_commit(number, async move {
            open(&others, &other_keys).marked_for_delete().await.unwrap();
            let anew = open(&others, &other_keys);
            anew.initialize().await.unwrap();
            anew.create(new(at("a"), "new")).await.unwrap();
        });
        let _ = open(&slow, &keys).marked_for_delete().await;
        if interrupted.0.has_planned_events() {
            assert!(number > 1);
            break;
        }
        let kept = text(&*open(&storage, &keys), &at("a")).await;
        // Commit 0 marks the store as deleting. If the store is replaced before that commit, the outcome is not
        // checked.
        assert!(number == 0 || kept.as_deref().is_ok_and(|kept| kept == "new"), "{number}: {kept:?}");
        let _ = open(&storage, &keys).marked_for_delete().await;
    }
}

#[tokio::test]
async fn initialize_does_not_call_a_store_that_is_being_deleted_a_store() {
    let (storage, keys) = (memory(), ring());
    let store = open(&storage, &keys);
    store.initialize().await.unwrap();
    store.create(new(at("a"), "1")).await.unwrap();
    open(&dying(&storage, 1), &keys).marked_for_delete().await.unwrap_err();
    let error = open(&storage, &keys).initialize().await.unwrap_err();
    assert!(matches!(error, StoreError::Deleted), "{error}");
}

async fn rotated() -> (Arc<dyn Storage>, KeyRing, KeyRing) {
    let (storage, old, new_ring) = (memory(), ring(), ring());
    let store = open(&storage, &old);
    store.initialize().await.unwrap();
    store.create(new(at("a"), "1")).await.unwrap();
    store.create_environment(new_environment("e")).await.unwrap();
    store.rotate(&new_ring, &silent).await.unwrap();
    (storage, old, new_ring)
}

#[tokio::test]
async fn a_handle_with_the_old_key_first_still_seals_with_the_key_of_the_store() {
    let (storage, old, new_ring) = rotated().await;
    let late = open(&storage, &old.with_retiring(&new_ring));
    late.create(new(at("b"), "2")).await.unwrap();
    late.modify(&at("a"), SecretChange::value(SecretValue::text("3"))).await.unwrap();
    late.create_environment(new_environment("f")).await.unwrap();
    late.configure(Configure::Write(Table::new())).await.unwrap();
    let store = open(&storage, &new_ring);
    assert_eq!(text(&*store, &at("a")).await.unwrap(), "3");
    assert_eq!(text(&*store, &at("b")).await.unwrap(), "2");
    store.retrieve_environment(&environment("f")).await.unwrap();
    // A newer version raises the header with its first write.
    open_as(&storage, &old.with_retiring(&new_ring), "s", "1.1.0").create(new(at("c"), "4")).await.unwrap();
    assert_eq!(text(&*open(&storage, &new_ring), &at("c")).await.unwrap(), "4");
    // A handle with the new keys finishes a deletion that stopped halfway.
    let doomed = dying(&storage, 1);
    open(&doomed, &old.with_retiring(&new_ring)).marked_for_delete().await.unwrap_err();
    open(&storage, &new_ring).marked_for_delete().await.unwrap();
    assert_eq!(records(&storage).await, []);
}

#[tokio::test]
async fn the_keys_passed_to_rotate_open_what_an_interrupted_one_has_moved() {
    let (storage, old, new_ring) = (memory(), ring(), ring());
    let store = open(&storage, &old);
    store.initialize().await.unwrap();
    store.create(new(at("a"), "1")).await.unwrap();
    open(&dying(&storage, 1), &old).rotate(&new_ring, &silent).await.unwrap_err();
    open(&storage, &old).rotate(&new_ring, &silent).await.unwrap();
    assert_eq!(text(&*open(&storage, &new_ring), &at("a")).await.unwrap(), "1");
}

#[tokio::test]
async fn a_rotation_that_another_one_overtook_does_not_say_that_it_is_done() {
    let (storage, old) = (memory(), ring());
    let (first, second) = (ring(), ring());
    let store = open(&storage, &old);
    store.initialize().await.unwrap();
    for number in 0..3 {
        store.create(new(at(&number.to_string()), "x")).await.unwrap();
    }
    let all = first.with_retiring(&second).with_retiring(&old);
    for number in 0..3 {
        let interrupted = FaultyStorage::over(&storage).into_engine();
        let overtaken = open(&(Arc::clone(&interrupted) as Arc<dyn Storage>), &all);
        let (others, ring_of_all, target) = (Arc::clone(&storage), all.clone(), second.clone());
        interrupted.0.before_commit(number, async move {
            // This rotation to the keys of `second` dies halfway, so it is unfinished when the overtaken rotation
            // continues.
            let _ = open(&dying(&others, 2), &ring_of_all).rotate(&target, &silent).await;
        });
        let outcome = overtaken.rotate(&first, &silent).await;
        assert!(!interrupted.0.has_planned_events(), "commit {number} was overtaken");
        if outcome.is_ok() {
            let alone = open(&storage, &first);
            for secret in 0..3 {
                text(&*alone, &at(&secret.to_string())).await.unwrap();
            }
        } else {
            assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{outcome:?}");
        }
        open(&storage, &all).rotate(&old, &silent).await.unwrap();
    }
}

#[tokio::test]
async fn a_record_of_another_store_under_the_same_keys_is_refused() {
    let (storage, keys) = (memory(), ring());
    let mut places = Vec::new();
    for name in ["one", "two"] {
        let before = records(&storage).await;
        let store = open_as(&storage, &keys, name, "1.0.0");
        store.initialize().await.unwrap();
        store.create_environment(new_environment("e")).await.unwrap();
        store.create(new(at("a"), name)).await.unwrap();
        let mut own = records(&storage).await;
        own.retain(|entry| !before.contains(entry));
        places.push(own);
    }
    for (from, to) in places[0].iter().zip(&places[1]).skip(1) {
        let batch = Batch::new().put(to.key.as_slice(), from.value.as_slice(), Expectation::Any);
        let _ = storage.commit(batch).await.unwrap();
    }
    let store = open_as(&storage, &keys, "two", "1.0.0");
    for error in [
        store.get(&at("a")).await.unwrap_err(),
        store.list(&ListQuery::all()).await.unwrap_err(),
        store.retrieve_environment(&environment("e")).await.unwrap_err(),
        store.list_environments(None, 5).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    }
}
