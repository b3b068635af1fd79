//! Tests the loop of a host whose storage engine fails for a while.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyway_host::grants::Phase;
use keyway_host::{HostError, WorkReport};
use keyway_issuers::Capabilities;
use keyway_seal::KeyRing;
use keyway_storage::{
    Batch, CommitOutcome, Expectation, KeyRange, Layered, Memory, Page, Record, Storage, StorageError,
    StorageLayer,
};

use crate::run::running;
use crate::world::*;

/// The beginning of the keys of grants.
const GRANTS: &[u8] = b"keyway-host\0\x03\x01";
/// The beginning of the keys of claims on stores.
const CLAIMS_ON_STORES: &[u8] = b"keyway-host\0\x02\x05";

/// An engine that counts the reads of grants. Its commits fail while a flag is set, and its scans of keys with a prefix
/// while there is one.
#[derive(Debug, Default)]
struct Failing {
    memory: Memory,
    broken_scans: Mutex<Option<&'static [u8]>>,
    commits_fail: AtomicBool,
    failed_commits: AtomicUsize,
    reads_of_grants: AtomicUsize,
}

fn failure() -> StorageError {
    StorageError::Unavailable { retry_after: None }
}

impl StorageLayer for Failing {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.memory
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        if key.starts_with(GRANTS) {
            self.reads_of_grants.fetch_add(1, Ordering::SeqCst);
        }
        self.memory.get(key).await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        if self.broken_scans.lock().unwrap().is_some_and(|prefix| range.start().starts_with(prefix)) {
            return Err(failure());
        }
        self.memory.scan(range, after, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        if self.commits_fail.load(Ordering::SeqCst) {
            self.failed_commits.fetch_add(1, Ordering::SeqCst);
            return Err(failure());
        }
        self.memory.commit(batch).await
    }
}

/// Requests a grant whose host ends during the call of the issuer.
async fn interrupted_request(storage: &Arc<dyn Storage>, keys: &KeyRing) -> Arc<World> {
    let world = World::new(Capabilities::MINIMAL.reconciles(true));
    world.set(Request::HangsAfter);
    let host = host(storage, keys, service(&world)).start().await.unwrap();
    let door = svc();
    let asked = host.grants().request(&door, plain_request("joe"));
    assert!(tokio::time::timeout(Duration::from_millis(50), asked).await.is_err());
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_that_failed_is_repeated() {
    let engine = Arc::new(Layered(Failing::default()));
    let storage: Arc<dyn Storage> = Arc::clone(&engine) as _;
    let keys = ring();
    let world = interrupted_request(&storage, &keys).await;

    let host = host(&storage, &keys, service(&world)).start().await.unwrap();
    *engine.0.broken_scans.lock().unwrap() = Some(b"");
    let (end, run) = running(&host);
    tokio::time::sleep(Duration::from_millis(200)).await;
    *engine.0.broken_scans.lock().unwrap() = None;
    // The claim of the first run lasts for a minute. Only a recovery frees it before.
    let mut phase = None;
    for _ in 0..400 {
        phase = host.grants().list(&user("joe").user).await.unwrap().first().map(|grant| grant.state.phase);
        if phase == Some(Phase::Granted) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(phase, Some(Phase::Granted));
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_whose_claims_cannot_be_read_does_not_keep_the_others_from_recovery() {
    let engine = Arc::new(Layered(Failing::default()));
    let storage: Arc<dyn Storage> = Arc::clone(&engine) as _;
    let keys = ring();
    let world = interrupted_request(&storage, &keys).await;
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let observed = Arc::clone(&seen);
    let host = host(&storage, &keys, service(&world))
        .observer(move |done: &WorkReport| observed.lock().unwrap().push(done.lane.clone()))
        .start()
        .await
        .unwrap();
    *engine.0.broken_scans.lock().unwrap() = Some(CLAIMS_ON_STORES);
    assert!(matches!(host.recover().await, Err(HostError::Record(_))));
    let grants = host.grants().list(&user("joe").user).await.unwrap();
    assert_eq!(grants[0].state.phase, Phase::Granted);
    assert_eq!(*seen.lock().unwrap(), ["needle-svc"], "the report is not lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_cannot_be_stored_waits() {
    let engine = Arc::new(Layered(Failing::default()));
    let storage: Arc<dyn Storage> = Arc::clone(&engine) as _;
    let world = World::plain();
    let host =
        host(&storage, &ring(), service(&world)).grant_limits(crate::run::limits()).start().await.unwrap();
    let issued = granted(host.grants().request(&svc(), plain_request("joe")).await);
    world.change(|world| world.revocations_to_fail = 1);
    host.grants().revoke(issued.grant, user("joe")).await.unwrap_err();
    engine.0.commits_fail.store(true, Ordering::SeqCst);
    let (end, run) = running(&host);
    tokio::time::sleep(Duration::from_millis(900)).await;
    let failed = engine.0.failed_commits.load(Ordering::SeqCst);
    assert!((1..5).contains(&failed), "{failed}");
    engine.0.commits_fail.store(false, Ordering::SeqCst);
    until("it is revoked", || world.credentials() == 0).await;
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_damaged_record_that_is_due_is_not_read_without_a_pause() {
    let engine = Arc::new(Layered(Failing::default()));
    let storage: Arc<dyn Storage> = Arc::clone(&engine) as _;
    let (world, clock) = (World::plain(), Arc::new(TestClock::default()));
    let built = host(&storage, &ring(), service(&world)).clock(Arc::clone(&clock) as _);
    let host = built.start().await.unwrap();
    let issued = granted(host.grants().request(&svc(), plain_request("joe")).await);
    world.change(|world| world.revocations_to_fail = 1);
    host.grants().revoke(issued.grant, user("joe")).await.unwrap_err();
    let found = storage.scan(&KeyRange::prefix(GRANTS), None, 9).await.unwrap().entries.remove(0);
    let _ = storage.commit(Batch::new().put(found.key.clone(), "damaged", Expectation::Any)).await.unwrap();
    clock.advance(Duration::from_secs(120));
    let (end, run) = running(&host);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let reads = engine.0.reads_of_grants.swap(0, Ordering::SeqCst);
    assert!((2..20).contains(&reads), "{reads}");
    // The record is restored from a backup.
    let _ = storage.commit(Batch::new().put(found.key, found.value, Expectation::Any)).await.unwrap();
    until("it is revoked", || world.credentials() == 0).await;
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
}
