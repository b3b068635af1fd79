//! Tests that a rotation is complete, can be resumed after an interruption at any commit, and is invisible to other
//! callers.
//!
//! See decision C7.

mod support;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keyway_core::SecretValue;
use keyway_seal::KeyRing;
use keyway_secrets::{
    ListQuery, Progress, RotationListener, SecretChange, SecretStore, SecretVersion, SecretWrite, StoreError,
};
use keyway_storage::{
    Batch, Expectation, FaultyStorage, KeyRange, Layered, Memory, Page, Sqlite, Storage, StorageError,
    StorageLayer,
};
use support::*;

const SHARED: usize = 9;
const OWN: usize = 7;

async fn filled(storage: &Arc<dyn Storage>, keys: &KeyRing) {
    let store = open(storage, keys);
    store.initialize().await.unwrap();
    for name in ["e", "f", "g"] {
        store.create_environment(new_environment(name)).await.unwrap();
    }
    for number in 0..SHARED {
        store.create(new(at(&number.to_string()), &format!("shared {number}"))).await.unwrap();
    }
    for number in 0..OWN {
        store.create(new(at_in(&number.to_string(), "e"), &format!("own {number}"))).await.unwrap();
    }
}

/// Reads all secrets and environments with every operation that reads.
async fn check_all(store: &dyn SecretStore) {
    for number in 0..SHARED {
        assert_eq!(text(store, &at(&number.to_string())).await.unwrap(), format!("shared {number}"));
    }
    for number in 0..OWN {
        assert_eq!(text(store, &at_in(&number.to_string(), "e")).await.unwrap(), format!("own {number}"));
    }
    for query in [ListQuery::all(), ListQuery::all().with_values()] {
        assert_eq!(store.list(&query).await.unwrap().secrets.len(), SHARED + OWN);
    }
    assert_eq!(store.list_environments(None, 9).await.unwrap().environments.len(), 3);
    for name in ["e", "f", "g"] {
        store.retrieve_environment(&environment(name)).await.unwrap();
    }
    store.info().await.unwrap();
}

async fn check_refused(store: &dyn SecretStore) {
    for error in [
        store.written_by().await.unwrap_err(),
        store.get(&at("0")).await.unwrap_err(),
        store.list(&ListQuery::all()).await.unwrap_err(),
        store.create(new(at("new"), "x")).await.unwrap_err(),
        store.modify(&at("0"), SecretChange::default()).await.unwrap_err(),
        store.destroy(&at("0"), None).await.unwrap_err(),
        store.create_environment(new_environment("new")).await.unwrap_err(),
        store.list_environments(None, 9).await.unwrap_err(),
        store.info().await.unwrap_err(),
        store.rotate(&ring(), &silent).await.unwrap_err(),
        store.marked_for_delete().await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::WrongKey { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_new_keys_alone_read_everything_and_the_old_ones_nothing() {
    #[derive(Default)]
    struct Listener(Mutex<Vec<Progress>>);
    impl RotationListener for Listener {
        fn progressed(&self, progress: Progress) {
            self.0.lock().unwrap().push(progress);
        }
    }

    let (storage, old, fresh) = (memory(), ring(), ring());
    filled(&storage, &old).await;
    let listener = Listener::default();
    let store = open(&storage, &old);
    store.rotate(&fresh, &listener).await.unwrap();
    check_all(&*store).await;
    check_all(&*open(&storage, &fresh)).await;
    check_refused(&*open(&storage, &old)).await;
    assert!(store.info().await.unwrap().rotation.is_none());
    let heard = listener.0.into_inner().unwrap();
    assert!(heard.windows(2).all(|two| two[0].done <= two[1].done), "{heard:?}");
    let all = (SHARED + OWN + 3) as u64;
    assert_eq!(heard.last(), Some(&Progress { done: all, total: all }));
    // Repeating the rotation changes no record.
    let before = records(&storage).await;
    store.rotate(&fresh, &silent).await.unwrap();
    let after = records(&storage).await;
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert!(changed <= 2, "only the header, and the counters of info");
}

/// A storage that counts scans, and the records that they return.
#[derive(Debug, Default)]
struct Counted {
    memory: Memory,
    scans: Arc<AtomicUsize>,
    records: Arc<AtomicUsize>,
}

impl StorageLayer for Counted {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.memory
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.scans.fetch_add(1, Ordering::SeqCst);
        let page = self.memory.scan(range, after, limit).await?;
        self.records.fetch_add(page.entries.len(), Ordering::SeqCst);
        Ok(page)
    }
}

/// A host ends a rotation that reports nothing for some time, so every step has to be reported, counting too.
#[tokio::test]
async fn progress_is_reported_after_each_page() {
    let (old, fresh) = (ring(), ring());
    let layer = Counted::default();
    let scans = Arc::clone(&layer.scans);
    let counted: Arc<dyn Storage> = Arc::new(Layered(layer));
    filled(&counted, &old).await;
    let small = FaultyStorage::over(&counted).page_records(2).into_engine();
    let (store, most) = (open(&(small as Arc<dyn Storage>), &old), AtomicUsize::new(0));
    let listener = |_: Progress| {
        most.fetch_max(scans.swap(0, Ordering::SeqCst), Ordering::SeqCst);
    };
    scans.store(0, Ordering::SeqCst);
    store.rotate(&fresh, &listener).await.unwrap();
    assert_eq!(most.into_inner(), 1, "scans between two reports");
}

#[tokio::test]
async fn info_looks_at_few_records_of_a_large_store_and_estimates_the_progress() {
    const SECRETS: usize = 1500;

    for environments in [0, 5] {
        let (old, fresh) = (ring(), ring());
        let layer = Counted::default();
        let records = Arc::clone(&layer.records);
        let storage: Arc<dyn Storage> = Arc::new(Layered(layer));
        let store = open(&storage, &old);
        store.initialize().await.unwrap();
        for number in 0..environments {
            store.create_environment(new_environment(&number.to_string())).await.unwrap();
        }
        let address = |number: usize| match number.checked_rem(environments) {
            Some(of) => at_in(&number.to_string(), &of.to_string()),
            None => at(&number.to_string()),
        };
        let writes = (0..SECRETS).map(|number| SecretWrite::Create(new(address(number), "x")));
        store.write_all(writes.collect()).await.unwrap();
        open(&dying(&storage, 200), &old).rotate(&fresh, &silent).await.unwrap_err();

        let both = open(&storage, &fresh.with_retiring(&old));
        let exact = both.exact_info().await.unwrap().rotation.unwrap();
        assert_eq!(exact.total, (SECRETS + environments) as u64);
        records.store(0, Ordering::SeqCst);
        let estimated = both.info().await.unwrap().rotation.unwrap();
        assert!(records.load(Ordering::SeqCst) < 1200, "{records:?} records were read");
        assert_eq!(estimated.total, SECRETS as u64);
        assert!((1..exact.total).contains(&exact.done));
        // Environments lie at random places of the order, so with few of them the estimate is rough.
        let most = SECRETS as u64 / if environments == 0 { 4 } else { 1 };
        assert!(estimated.done.abs_diff(exact.done) < most, "{estimated:?} {exact:?}");
    }
}

#[tokio::test]
async fn a_rotation_that_died_at_any_commit_is_read_and_finished() {
    let mut points = 0;
    loop {
        let (storage, old, fresh) = (memory(), ring(), ring());
        filled(&storage, &old).await;
        let died = open(&dying(&storage, points), &old).rotate(&fresh, &silent).await.is_err();
        for both in [fresh.with_retiring(&old), old.with_retiring(&fresh)] {
            check_all(&*open(&storage, &both)).await;
        }
        if died && points > 0 {
            let both = open(&storage, &fresh.with_retiring(&old));
            let progress = both.info().await.unwrap().rotation.expect("it is under way");
            assert_eq!(progress.total, (SHARED + OWN + 3) as u64);
            assert!(progress.done < progress.total || points > 4, "{progress:?}");
        }
        open(&storage, &fresh.with_retiring(&old)).rotate(&fresh, &silent).await.unwrap();
        check_all(&*open(&storage, &fresh)).await;
        check_refused(&*open(&storage, &old)).await;
        if !died {
            break;
        }
        points += 1;
    }
    assert!(points >= 7, "died at {points} points only");
}

#[tokio::test]
async fn a_rotation_that_dies_again_and_again_gets_done() {
    let (storage, old, fresh) = (memory(), ring(), ring());
    filled(&storage, &old).await;
    let both = fresh.with_retiring(&old);
    let mut deaths = 0;
    while open(&dying(&storage, 1), &both).rotate(&fresh, &silent).await.is_err() {
        check_all(&*open(&storage, &both)).await;
        deaths += 1;
        assert!(deaths < 100);
    }
    assert!(deaths > 5);
    check_all(&*open(&storage, &fresh)).await;
}

#[tokio::test]
async fn a_handle_with_only_old_keys_writes_nothing_once_a_rotation_has_begun() {
    let (storage, old, fresh) = (memory(), ring(), ring());
    filled(&storage, &old).await;
    let stale = open(&storage, &old);
    check_all(&*stale).await;
    open(&dying(&storage, 2), &old).rotate(&fresh, &silent).await.unwrap_err();
    let before = records(&storage).await;
    for error in [
        stale.create(new(at("new"), "x")).await.unwrap_err(),
        stale.create(new(at_in("new", "e"), "x")).await.unwrap_err(),
        stale.modify(&at("0"), SecretChange::value(SecretValue::text("x"))).await.unwrap_err(),
        stale.destroy(&at("0"), None).await.unwrap_err(),
        stale.create_environment(new_environment("new")).await.unwrap_err(),
        stale.configure(keyway_secrets::Configure::Write(keyway_core::Table::new())).await.unwrap_err(),
        stale.marked_for_delete().await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::WrongKey { .. }), "{error}");
    }
    assert_eq!(records(&storage).await, before);
}

#[tokio::test]
async fn a_rotation_without_the_keys_of_the_store_changes_nothing() {
    let (storage, old) = (memory(), ring());
    filled(&storage, &old).await;
    let before = records(&storage).await;
    let stranger = open(&storage, &ring());
    let error = stranger.rotate(&ring(), &silent).await.unwrap_err();
    assert!(matches!(error, StoreError::WrongKey { sealed_by: Some(id), .. } if id == old.primary_id()));
    assert_eq!(records(&storage).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reads_and_writes_go_on_during_a_rotation() {
    const COUNTERS: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let sqlite: Arc<dyn Storage> = Arc::new(Sqlite::open_or_create(folder.path().join("store.db")).unwrap());
    for storage in [memory(), sqlite] {
        let old = ring();
        let targets = [ring(), ring(), ring()];
        let every = targets.iter().fold(old.clone(), |all, target| all.with_retiring(target));
        let rotating = open(&storage, &old);
        rotating.initialize().await.unwrap();
        for number in 0..300 {
            rotating.create(new(at(&format!("still {number}")), "still")).await.unwrap();
        }
        for number in 0..COUNTERS {
            rotating.create(new(at(&format!("counter {number}")), "0")).await.unwrap();
        }
        let handles = [
            Arc::clone(&rotating),
            open(&storage, &every),
            open(&storage, &targets[2].with_retiring(&every)),
        ];
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for (which, handle) in handles.iter().enumerate() {
            for task in 0..2 {
                let (store, over) = (Arc::clone(handle), Arc::clone(&over));
                tasks.push(tokio::spawn(async move {
                    let mut changes = [0_u64; COUNTERS];
                    let mut turn = 0;
                    while !over.load(Ordering::Relaxed) {
                        turn += 1;
                        let which_counter = turn % COUNTERS;
                        let counter = at(&format!("counter {which_counter}"));
                        store.modify(&counter, SecretChange::value(SecretValue::text("x"))).await.unwrap();
                        changes[which_counter] += 1;
                        let still = at(&format!("still {}", turn % 300));
                        assert_eq!(text(&*store, &still).await.unwrap(), "still");
                        let mine = at(&format!("new {which} {task} {turn}"));
                        let made = store.create(new(mine.clone(), "new")).await.unwrap();
                        if turn % 3 == 0 {
                            store.destroy(&mine, Some(made.revision())).await.unwrap();
                        }
                        if turn % 10 == 0 {
                            let page = store.list(&ListQuery::all().with_values()).await.unwrap();
                            assert!(!page.secrets.is_empty());
                            store.list_environments(None, 9).await.unwrap();
                        }
                        tokio::task::yield_now().await;
                    }
                    changes
                }));
            }
        }
        for target in &targets {
            rotating.rotate(target, &silent).await.unwrap();
        }
        over.store(true, Ordering::Relaxed);
        let mut changes = [0; COUNTERS];
        for task in tasks {
            for (sum, more) in changes.iter_mut().zip(task.await.unwrap()) {
                *sum += more;
            }
        }
        let alone = open(&storage, &targets[2]);
        for (number, changed) in changes.iter().enumerate() {
            let header = alone.get(&at(&format!("counter {number}"))).await.unwrap().header;
            assert_eq!(header.version, SecretVersion::new(changed + 1));
        }
        let mut query = ListQuery::all().with_values().limit(1000);
        while let Some(next) = alone.list(&query).await.unwrap().next {
            query = query.after(next);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotations_at_once_through_one_handle_come_one_after_the_other() {
    let (storage, old) = (memory(), ring());
    filled(&storage, &old).await;
    let store = open(&storage, &old);
    let (one, two) = (ring(), ring());
    let outcomes = tokio::join!(store.rotate(&one, &silent), store.rotate(&two, &silent));
    outcomes.0.unwrap();
    outcomes.1.unwrap();
    check_all(&*store).await;
    check_all(&*open(&storage, &two)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotations_at_once_through_two_handles_never_both_claim_the_store() {
    for _ in 0..30 {
        let (storage, old) = (memory(), ring());
        filled(&storage, &old).await;
        let (one, two) = (ring(), ring());
        let all = old.with_retiring(&one).with_retiring(&two);
        let rotate = |target: &KeyRing| {
            let (store, target) = (open(&storage, &all), target.clone());
            tokio::spawn(async move { store.rotate(&target, &silent).await })
        };
        let (first, second) = (rotate(&one), rotate(&two));
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        check_all(&*open(&storage, &all)).await;
        for outcome in [&first, &second] {
            assert!(matches!(outcome, Ok(()) | Err(StoreError::Conflict { .. })), "{outcome:?}");
        }
        // The store has the keys of the rotation that finished last.
        match (first.is_ok(), second.is_ok()) {
            (true, false) => check_all(&*open(&storage, &one)).await,
            (false, true) => check_all(&*open(&storage, &two)).await,
            (true, true) => {
                let holds_one = open(&storage, &one).written_by().await.is_ok();
                check_all(&*open(&storage, if holds_one { &one } else { &two })).await;
            }
            (false, false) => {}
        }
        // With the same target, both rotations finish.
        let last = ring();
        let (first, second) = (rotate(&last), rotate(&last));
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        check_all(&*open(&storage, &last)).await;
    }
}

#[tokio::test]
async fn the_count_of_rotations_may_be_anything() {
    let (storage, keys) = (memory(), ring());
    filled(&storage, &keys).await;
    let header = records(&storage).await.into_iter().find(|record| record.key[16..] == [0]).unwrap();
    // The record consists of format, key id and token. The token holds a letter, the index key, and JSON.
    let (beginning, token) = header.value.split_at(9);
    let plaintext = keys.open(token).unwrap();
    let mut text: serde_json::Value = serde_json::from_slice(&plaintext[33..]).unwrap();
    text["rotations"] = u64::MAX.into();
    let sealed = keys.seal(&[&plaintext[..33], text.to_string().as_bytes()].concat()).unwrap();
    let value = [beginning, sealed.as_bytes()].concat();
    let _ = storage.commit(Batch::new().put(header.key, value, Expectation::Any)).await.unwrap();

    let new = ring();
    open(&storage, &keys).rotate(&new, &silent).await.unwrap();
    check_all(&*open(&storage, &new)).await;
}
