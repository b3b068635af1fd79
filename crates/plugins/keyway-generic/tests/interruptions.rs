//! Tests dropped futures, and lists that are read during writes.

mod support;

use std::collections::BTreeSet;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use keyway_core::{ErrorKind, PluginError, SecretValue, Table};
use keyway_secrets::{Configure, EnvironmentChange, ListQuery, SecretChange, StoreError};
use keyway_storage::{Fault, FaultyStorage, Storage};
use support::*;

/// Polls a future up to `times` times. Returns `None` if the future is not done by then, and drops it.
fn poll_times<T>(future: impl Future<Output = T>, times: usize) -> Option<T> {
    let mut future: Pin<&mut _> = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..times {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return Some(answer);
        }
    }
    None
}

#[tokio::test]
async fn a_future_dropped_anywhere_leaves_the_store_whole() {
    const OPERATIONS: usize = 9;
    let fresh = ring();
    for operation in 0..OPERATIONS {
        for times in 0.. {
            let (storage, keys) = (memory(), ring());
            let store = open(&storage, &keys);
            if operation != 0 {
                store.initialize().await.unwrap();
                store.create_environment(new_environment("e")).await.unwrap();
                for name in ["a", "b", "c"] {
                    store.create(new(at(name), "old")).await.unwrap();
                }
            }
            let waiting = FaultyStorage::over(&storage).items_per_batch(3).page_records(2).pauses();
            let waiting: Arc<dyn Storage> = waiting.into_engine();
            let handle = open(&waiting, &keys);
            let done = {
                let handle = Arc::clone(&handle);
                let fresh = fresh.clone();
                let run = async move {
                    match operation {
                        0 => handle.initialize().await,
                        1 => handle.create(new(at("new"), "new")).await.map(drop),
                        2 => handle
                            .modify(&at("a"), SecretChange::value(SecretValue::text("new")))
                            .await
                            .map(drop),
                        3 => handle.destroy(&at("a"), None).await,
                        4 => handle.create_environment(new_environment("new")).await.map(drop),
                        5 => {
                            let change = EnvironmentChange { external_url: Some("new".into()) };
                            handle.modify_environment(&environment("e"), change).await.map(drop)
                        }
                        6 => handle.configure(Configure::Write(Table::new())).await.map(drop),
                        7 => handle.rotate(&fresh, &silent).await,
                        _ => handle.marked_for_delete().await,
                    }
                };
                poll_times(run, times)
            };
            // When the store is opened with both rings, it must be entirely as before the operation, or entirely as
            // after the operation.
            let both = open(&storage, &fresh.with_retiring(&keys));
            match operation {
                0 => match both.initialize().await {
                    Ok(()) | Err(StoreError::AlreadyInitialized) => {}
                    Err(error) => panic!("{error}"),
                },
                8 => {
                    both.marked_for_delete().await.unwrap();
                    assert_eq!(records(&storage).await, []);
                }
                _ => {
                    let a = text(&*both, &at("a")).await;
                    match (operation, &a) {
                        (2, Ok(value)) => assert!(value == "new" || (value == "old" && done.is_none())),
                        (3, Err(StoreError::SecretNotFound { .. })) => {}
                        (_, value) => {
                            assert_eq!(value.as_deref().unwrap(), "old");
                            assert!(operation != 3 || done.is_none());
                        }
                    }
                    for name in ["b", "c"] {
                        assert_eq!(text(&*both, &at(name)).await.unwrap(), "old");
                    }
                    let page = both.list(&ListQuery::all().with_values()).await.unwrap();
                    assert!((2..=4).contains(&page.secrets.len()));
                    assert!(!both.list_environments(None, 9).await.unwrap().environments.is_empty());
                    // The handle whose future was dropped still works.
                    let again = poll_times(handle.create(new(at("after"), "x")), 1000).expect("it ends");
                    again.unwrap();
                    assert_eq!(text(&*both, &at("after")).await.unwrap(), "x");
                }
            }
            if let Some(outcome) = done {
                outcome.unwrap();
                assert!(times > 2, "operation {operation} waited {times} times only");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_are_stable_while_others_write_and_rotate() {
    const STILL: usize = 300;
    let (storage, keys) = (memory(), ring());
    let store = open(&storage, &keys);
    store.initialize().await.unwrap();
    for number in 0..STILL {
        store.create(new(at(&format!("still {number}")), "x")).await.unwrap();
    }
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (store, over) = (Arc::clone(&store), Arc::clone(&over));
            tokio::spawn(async move {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    number += 1;
                    let address = at(&format!("moving {writer} {number}"));
                    store.create(new(address.clone(), "y")).await.unwrap();
                    let still = at(&format!("still {}", number % STILL));
                    store.modify(&still, SecretChange::value(SecretValue::text("z"))).await.unwrap();
                    if number % 2 == 0 {
                        store.destroy(&address, None).await.unwrap();
                    }
                    if writer == 0 && number % 50 == 0 {
                        store.rotate(&ring(), &silent).await.unwrap();
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for round in 0..20 {
        let mut seen = BTreeSet::new();
        let mut query = ListQuery::all().limit(17);
        query.with_values = round % 2 == 0;
        loop {
            let page = store.list(&query).await.unwrap();
            for listed in page.secrets {
                let address = listed.header.address;
                assert!(seen.insert(address.name.as_str().to_owned()), "{address} came twice");
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(seen.iter().filter(|name| name.starts_with("still")).count(), STILL);
    }
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_write_of_which_nobody_knows_whether_it_happened_says_so() {
    let (storage, keys) = (memory(), ring());
    open(&storage, &keys).initialize().await.unwrap();
    let unsure = FaultyStorage::over(&storage).into_engine();
    unsure.0.fail_after(0, Fault::LosesAnswer);
    let store = open(&(unsure as Arc<dyn Storage>), &keys);
    let error = store.create(new(at("a"), "1")).await.unwrap_err();
    assert_eq!(text(&*store, &at("a")).await.unwrap(), "1", "it did happen");
    assert_eq!(error.kind(), ErrorKind::Indeterminate, "{error}");
    assert!(error.to_string().contains("read again"), "{error}");
    assert!(error.detail().contains("the disk failed"), "{}", error.detail());
}
