//! Tests many tasks on one secret: no update is lost, and no call fails except with a version conflict.

mod support;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Waker};

use keyway_core::SecretValue;
use keyway_secrets::{SecretAddress, SecretChange, SecretStore, SecretVersion, StoreError};
use keyway_storage::{
    Batch, CommitMode, CommitOutcome, Layered, Memory, Sqlite, Storage, StorageError, StorageLayer,
};
use support::*;

const TASKS: u64 = 16;
const CHANGES: u64 = 20;

async fn engines(test: impl AsyncFn(Arc<dyn Storage>)) {
    test(memory()).await;
    let folder = tempfile::tempdir().unwrap();
    test(Arc::new(Sqlite::open_or_create(folder.path().join("inline.db")).unwrap())).await;
    let threaded = Sqlite::options().commit_mode(CommitMode::Thread);
    test(Arc::new(threaded.open_or_create(folder.path().join("thread.db")).unwrap())).await;
}

async fn counter(storage: &Arc<dyn Storage>) -> Arc<dyn SecretStore> {
    let store = open(storage, &ring());
    store.initialize().await.unwrap();
    store.create(new(at("counter"), "0")).await.unwrap();
    store
}

async fn run<F: Future<Output = ()> + Send + 'static>(task: impl Fn() -> F) {
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(task())).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn compare_and_set_loses_no_update() {
    engines(async |storage| {
        let store = counter(&storage).await;
        run(|| {
            let store = Arc::clone(&store);
            async move {
                for _ in 0..CHANGES {
                    loop {
                        let secret = store.get(&at("counter")).await.unwrap();
                        let number: u64 = secret.value.expose_text().unwrap().parse().unwrap();
                        let change = SecretChange::value(SecretValue::text((number + 1).to_string()))
                            .if_unchanged(&secret.header);
                        match store.modify(&at("counter"), change).await {
                            Ok(_) => break,
                            Err(StoreError::VersionConflict { .. }) => tokio::task::yield_now().await,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            }
        })
        .await;
        let secret = store.get(&at("counter")).await.unwrap();
        assert_eq!(secret.value.expose_text().unwrap(), (TASKS * CHANGES).to_string());
        assert_eq!(secret.header.version, SecretVersion::new(TASKS * CHANGES + 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_without_a_version_all_happen() {
    engines(async |storage| {
        let store = counter(&storage).await;
        run(|| {
            let store = Arc::clone(&store);
            async move {
                for _ in 0..CHANGES {
                    let change = SecretChange::value(SecretValue::text("x"));
                    store.modify(&at("counter"), change).await.unwrap();
                }
            }
        })
        .await;
        let header = store.get(&at("counter")).await.unwrap().header;
        assert_eq!(header.version, SecretVersion::new(TASKS * CHANGES + 1));
    })
    .await;
}

/// Starts a change of the same secret before each commit, and polls it once.
#[derive(Debug)]
struct Rivals {
    memory: Memory,
    store: OnceLock<Weak<dyn SecretStore>>,
    is_rival: AtomicBool,
    waiting: Mutex<Vec<Waiting>>,
}

/// A change that did not end at its first poll.
struct Waiting(Pin<Box<dyn Future<Output = ()> + Send>>);

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl StorageLayer for Rivals {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.memory
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        if let Some(store) = self.store.get().and_then(Weak::upgrade)
            && !self.is_rival.swap(true, Ordering::SeqCst)
        {
            let mut change: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
                store.modify(&at("counter"), SecretChange::value(SecretValue::text("y"))).await.unwrap();
            });
            if change.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                self.waiting.lock().unwrap().push(Waiting(change));
            }
            self.is_rival.store(false, Ordering::SeqCst);
        }
        self.memory.commit(batch).await
    }
}

#[tokio::test]
async fn a_writer_that_lost_a_race_is_not_overtaken_by_later_writers() {
    let rivals = Arc::new(Layered(Rivals {
        memory: Memory::new(),
        store: OnceLock::new(),
        is_rival: AtomicBool::new(false),
        waiting: Mutex::default(),
    }));
    let store = counter(&(Arc::clone(&rivals) as Arc<dyn Storage>)).await;
    rivals.0.store.set(Arc::downgrade(&store)).unwrap();
    let change = SecretChange::value(SecretValue::text("x"));
    let changed = store.modify(&at("counter"), change).await.unwrap();
    // One rival was faster. The next one waits until this change has ended.
    assert_eq!(changed.version, SecretVersion::new(3));
    let waiting = std::mem::take(&mut *rivals.0.waiting.lock().unwrap());
    assert_eq!(waiting.len(), 1);
    for Waiting(change) in waiting {
        change.await;
    }
}

/// A thing that happens before a commit.
#[derive(Debug)]
enum Before {
    /// Another change of this secret, so that the commit loses a race.
    Rival(SecretAddress),
    Nothing,
    /// The commit waits for ever.
    Stall,
}

/// Disturbs the next commits.
#[derive(Debug)]
struct Disturbed {
    memory: Memory,
    store: OnceLock<Weak<dyn SecretStore>>,
    next: Mutex<VecDeque<Before>>,
}

impl StorageLayer for Disturbed {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.memory
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        let next = self.next.lock().unwrap().pop_front();
        match next {
            Some(Before::Rival(address)) => {
                let store = self.store.get().and_then(Weak::upgrade).unwrap();
                store.modify(&address, SecretChange::value(SecretValue::text("y"))).await.unwrap();
            }
            Some(Before::Stall) => std::future::pending().await,
            Some(Before::Nothing) | None => {}
        }
        self.memory.commit(batch).await
    }
}

/// A store whose changes lose races when a test says so.
struct Races {
    disturbed: Arc<Layered<Disturbed>>,
    store: Arc<dyn SecretStore>,
}

impl Races {
    async fn new() -> Self {
        let disturbed = Arc::new(Layered(Disturbed {
            memory: Memory::new(),
            store: OnceLock::new(),
            next: Mutex::default(),
        }));
        let store = counter(&(Arc::clone(&disturbed) as Arc<dyn Storage>)).await;
        disturbed.0.store.set(Arc::downgrade(&store)).unwrap();
        Self { disturbed, store }
    }

    /// Polls a change of a secret that loses one race. Returns the change if it does not end.
    fn lose_at(&self, address: SecretAddress, then: Before) -> Option<Waiting> {
        let next = [Before::Rival(address.clone()), Before::Nothing, then];
        *self.disturbed.0.next.lock().unwrap() = next.into();
        let store = Arc::clone(&self.store);
        let mut change: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            store.modify(&address, SecretChange::value(SecretValue::text("x"))).await.unwrap();
        });
        let mut poll = || change.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let ended = (0..1000).any(|_| poll().is_ready());
        (!ended).then_some(Waiting(change))
    }
}

#[tokio::test]
async fn a_loser_that_is_not_polled_stops_only_the_losers_of_its_record() {
    let races = Races::new().await;
    let stalled = races.lose_at(at("counter"), Before::Stall);
    assert!(stalled.is_some());
    // So many records have every hash that the losers could share with the stalled one.
    let other = Races::new().await;
    for number in 0..400 {
        let address = at(&format!("secret-{number}"));
        for Races { store, .. } in [&races, &other] {
            store.create(new(address.clone(), "0")).await.unwrap();
        }
        for races in [&races, &other] {
            assert!(races.lose_at(address.clone(), Before::Nothing).is_none(), "{address}");
        }
    }
    assert!(other.lose_at(at("counter"), Before::Nothing).is_none());
    assert!(races.lose_at(at("counter"), Before::Nothing).is_some(), "it waits for the loser before it");
    drop(stalled);
    assert!(races.lose_at(at("counter"), Before::Nothing).is_none());
}
