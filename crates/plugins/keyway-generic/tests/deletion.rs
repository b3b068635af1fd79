//! Tests that a deletion is complete, and can be resumed after an interruption at any commit.
//!
//! See decision C13.

mod support;

use keyway_secrets::{ListQuery, StoreError};
use support::*;

#[tokio::test]
async fn a_deletion_that_died_at_any_commit_is_finished() {
    let mut points = 0;
    loop {
        let (storage, keys) = (memory(), ring());
        let store = open(&storage, &keys);
        store.initialize().await.unwrap();
        for number in 0..7 {
            let name = number.to_string();
            store.create_environment(new_environment(&name)).await.unwrap();
            store.create(new(at(&name), "x")).await.unwrap();
            store.create(new(at_in(&name, &name), "x")).await.unwrap();
        }
        store.info().await.unwrap();
        let doomed = open(&dying(&storage, points), &keys);
        let died = doomed.marked_for_delete().await.is_err();
        if died && points > 0 {
            let other = open(&storage, &keys);
            for error in [
                other.written_by().await.unwrap_err(),
                other.get(&at("1")).await.unwrap_err(),
                other.create(new(at("new"), "x")).await.unwrap_err(),
                other.list(&ListQuery::all()).await.unwrap_err(),
                other.create_environment(new_environment("new")).await.unwrap_err(),
                other.rotate(&ring(), &silent).await.unwrap_err(),
                other.info().await.unwrap_err(),
                other.initialize().await.unwrap_err(),
            ] {
                assert!(matches!(error, StoreError::Deleted), "{error}");
            }
            // A handle that has used the store can no longer write.
            let error = store.create(new(at("new"), "x")).await.unwrap_err();
            assert!(matches!(error, StoreError::Deleted), "{error}");
        } else if died {
            assert_eq!(text(&*store, &at("1")).await.unwrap(), "x");
        }
        open(&storage, &keys).marked_for_delete().await.unwrap();
        assert_eq!(records(&storage).await, []);
        // The name can be used for a new store.
        open(&storage, &keys).initialize().await.unwrap();
        if !died {
            break;
        }
        points += 1;
    }
    assert!(points >= 8, "died at {points} points only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_during_the_deletion_of_the_store_leaves_nothing_behind() {
    for _ in 0..20 {
        let (storage, keys) = (memory(), ring());
        let store = open(&storage, &keys);
        store.initialize().await.unwrap();
        store.create_environment(new_environment("e")).await.unwrap();
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let store = open(&storage, &keys);
                tokio::spawn(async move {
                    for number in 0.. {
                        let name = format!("{writer} {number}");
                        store.create_environment(new_environment(&name.replace(' ', "-"))).await?;
                        store.create(new(at(&name), "x")).await?;
                        store.create(new(at_in(&name, "e"), "x")).await?;
                        tokio::task::yield_now().await;
                    }
                    Ok::<(), StoreError>(())
                })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let (one, two) = (open(&storage, &keys), open(&storage, &keys));
        let outcomes = tokio::join!(one.marked_for_delete(), two.marked_for_delete());
        outcomes.0.unwrap();
        outcomes.1.unwrap();
        for writer in writers {
            let error = writer.await.unwrap().unwrap_err();
            assert!(matches!(error, StoreError::Deleted | StoreError::NotInitialized), "{error}");
        }
        assert_eq!(records(&storage).await, []);
    }
}

/// Tests two hosts that delete the same store. The second host finishes, and a new store of the same name is made,
/// before the first host starts.
#[tokio::test]
async fn a_deletion_that_comes_late_leaves_the_store_that_was_made_since() {
    for sees_it_by in 0..3 {
        let (storage, keys) = (memory(), ring());
        let late = open(&storage, &keys);
        late.initialize().await.unwrap();
        match sees_it_by {
            0 => drop(late.written_by().await.unwrap()),
            1 => drop(late.create(new(at("old"), "1")).await.unwrap()),
            // The handle has seen the store, because it made the store.
            _ => {}
        }
        let quick = open(&storage, &keys);
        quick.marked_for_delete().await.unwrap();
        let heir = open(&storage, &keys);
        heir.initialize().await.unwrap();
        heir.create(new(at("a"), "1")).await.unwrap();

        late.marked_for_delete().await.unwrap();
        assert!(matches!(late.get(&at("a")).await, Err(StoreError::Deleted)), "for this handle it is gone");
        assert_eq!(text(&*heir, &at("a")).await.unwrap(), "1", "{sees_it_by}");

        // A handle that has used the new store deletes it. After that, a deletion through the handle that made the new
        // store succeeds, too, although nothing is left.
        let used = open(&storage, &keys);
        assert_eq!(text(&*used, &at("a")).await.unwrap(), "1");
        used.marked_for_delete().await.unwrap();
        assert_eq!(records(&storage).await, []);
        heir.marked_for_delete().await.unwrap();
    }
}
