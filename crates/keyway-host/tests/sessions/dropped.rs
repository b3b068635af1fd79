//! Tests sessions whose last handle is dropped while the storage engine fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyway_conformance::credentials::StoreCall;
use keyway_storage::{
    Batch, CommitOutcome, KeyRange, Layered, Memory, Page, Record, Storage, StorageError, StorageLayer,
};
use tokio::runtime::Handle;

use crate::world::*;

/// An engine whose commits, or whose operations, fail while a flag is set. It counts the failed reads of sessions.
#[derive(Debug, Default)]
struct Failing {
    memory: Memory,
    fails: AtomicBool,
    commits_fail: AtomicBool,
    failed_reads: AtomicUsize,
}

fn check(fails: &AtomicBool) -> Result<(), StorageError> {
    if fails.load(Ordering::SeqCst) {
        return Err(StorageError::Unavailable { retry_after: None });
    }
    Ok(())
}

impl StorageLayer for Failing {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.memory
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        let is_failed = check(&self.fails).is_err() && key.starts_with(b"keyway-host\0\x08");
        self.failed_reads.fetch_add(usize::from(is_failed), Ordering::SeqCst);
        check(&self.fails)?;
        self.memory.get(key).await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        check(&self.fails)?;
        self.memory.scan(range, after, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        check(&self.fails)?;
        check(&self.commits_fail)?;
        self.memory.commit(batch).await
    }
}

fn engine() -> (Arc<Layered<Failing>>, Arc<dyn Storage>) {
    let engine = Arc::new(Layered(Failing::default()));
    (Arc::clone(&engine), engine)
}

#[tokio::test(start_paused = true)]
async fn dropped_sessions_are_ended_once_the_storage_engine_works_again() {
    let (clock, (engine, storage)) = (Arc::default(), engine());
    let store = store(&clock);
    let world = World::start(builder(&storage, &ring(), &clock).vault(vault(&store)), &clock).await;
    for number in 0..3 {
        let session = world.session(&number.to_string());
        found(&session).await;
        engine.0.fails.store(true, Ordering::SeqCst);
        drop(session);
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert_eq!(store.held().len(), 1);
        let failed = engine.0.failed_reads.swap(0, Ordering::SeqCst);
        assert!((10..30).contains(&failed), "{failed}");
        engine.0.fails.store(false, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(store.held().len(), 0);
    }
    assert_eq!(returned(&store), ["Unused"; 3]);
    assert_eq!(store.count(StoreCall::SessionEnded), 3);
}

/// Tests that sessions that could not store anything are not kept.
#[tokio::test(start_paused = true)]
async fn an_outage_does_not_pile_up_sessions_without_a_record() {
    let (clock, (engine, storage)) = (Arc::default(), engine());
    let store = store(&clock);
    let world = World::start(builder(&storage, &ring(), &clock).vault(vault(&store)), &clock).await;
    let before = Handle::current().metrics().num_alive_tasks();
    for flag in [&engine.0.fails, &engine.0.commits_fail] {
        flag.store(true, Ordering::SeqCst);
        for number in 0..100 {
            let session = world.session(&number.to_string());
            passwords(&session).await.unwrap_err();
            drop(session.authentication_failed().await);
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
        flag.store(false, Ordering::SeqCst);
    }
}

/// Tests that a dropped session does not keep a host that is gone, or was ended, at work.
#[tokio::test(start_paused = true)]
async fn a_host_that_is_gone_repeats_no_end() {
    for closes in [false, true] {
        let (clock, (engine, storage)) = (Arc::default(), engine());
        let store = store(&clock);
        let world = World::start(builder(&storage, &ring(), &clock).vault(vault(&store)), &clock).await;
        let session = world.session("s");
        found(&session).await;
        if closes {
            world.host.close().await.unwrap();
        }
        engine.0.fails.store(true, Ordering::SeqCst);
        drop(session);
        tokio::time::sleep(Duration::from_secs(10)).await;
        drop((world, storage));
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert_eq!(Arc::strong_count(&engine), 1, "{closes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_dropped_right_before_its_host_is_ended() {
    let clock = Arc::default();
    let store = store(&clock);
    let world = start(vault(&store), &clock).await;
    let session = world.session("s");
    found(&session).await;
    drop((session, world));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(store.held().len(), 0);
}
