//! The storage engine that the kit lends: it counts, it lets others run, and it fails when
//! told to.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::task::Poll;

use keyway_storage::{
    Batch, Call, CommitOutcome, KeyRange, Limits, Memory, Pace, Page, Storage, StorageError, StorageLayer,
};

/// How an operation of the storage fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nothing happens, and the engine says so.
    Refused,
    /// A commit takes effect, and the engine says that it does not know.
    Unknown,
}

/// A fresh engine in memory under the kit's control.
#[derive(Debug)]
pub(super) struct LentStorage {
    engine: Memory,
    operations: AtomicU64,
    commits: AtomicU64,
    /// Operations that still succeed; negative for all.
    left: AtomicI64,
    /// Whether operations go on failing after the first failed one.
    stays_down: AtomicBool,
    unknown: AtomicBool,
    failed: AtomicBool,
}

impl LentStorage {
    pub(super) fn new() -> Self {
        Self {
            engine: Memory::new(),
            operations: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            left: AtomicI64::new(-1),
            stays_down: AtomicBool::new(false),
            unknown: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    /// How many operations there were.
    pub(super) fn operations(&self) -> u64 {
        self.operations.load(Ordering::SeqCst)
    }

    /// How many commits there were.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Lets the operation after `left` more fail, and with `stays_down` all that follow.
    pub(super) fn fail_after(&self, left: i64, failure: Failure, stays_down: bool) {
        self.unknown.store(failure == Failure::Unknown, Ordering::SeqCst);
        self.stays_down.store(stays_down, Ordering::SeqCst);
        self.left.store(left, Ordering::SeqCst);
    }

    /// Lets all operations succeed again; answers whether one had failed.
    pub(super) fn recover(&self) -> bool {
        self.left.store(-1, Ordering::SeqCst);
        self.failed.swap(false, Ordering::SeqCst)
    }

    /// All records, to compare them.
    pub(super) async fn records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        while let Ok(page) = self.engine.scan(&KeyRange::all(), after.as_deref(), 1000).await {
            after = page.entries.last().map(|entry| entry.key.clone());
            all.extend(page.entries.into_iter().map(|entry| (entry.key, entry.value)));
            if !page.more {
                break;
            }
        }
        all
    }

    /// Counts an operation; whether it is to fail.
    fn fails(&self) -> bool {
        self.operations.fetch_add(1, Ordering::SeqCst);
        let stays_down = self.stays_down.load(Ordering::SeqCst);
        let step = |left: i64| match left {
            0 if stays_down => Some(0),
            0 => Some(-1),
            1.. => Some(left - 1),
            _ => None,
        };
        let fails = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step) == Ok(0);
        self.failed.fetch_or(fails, Ordering::SeqCst);
        fails
    }
}

fn refused() -> StorageError {
    StorageError::Engine { action: "work", source: Arc::new(io::Error::other("the kit made it fail")) }
}

impl StorageLayer for LentStorage {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.engine
    }

    fn limits(&self) -> Limits {
        Limits::MINIMUM
    }

    fn pace(&self) -> Pace {
        Pace::Unknown
    }

    async fn around<T: Send, F>(&self, call: Call<'_>, next: F) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>> + Send,
    {
        let_others_run().await;
        // A commit may fail after its effect.
        if !matches!(call, Call::Commit { .. }) && self.fails() {
            return Err(refused());
        }
        next.await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.engine.scan(range, after, limit.min(Limits::MINIMUM.page_records)).await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        batch.validate(&Limits::MINIMUM)?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        let fails = self.fails();
        if fails && !self.unknown.load(Ordering::SeqCst) {
            return Err(refused());
        }
        let outcome = self.engine.commit(batch).await?;
        // Once more after the effect, so that a caller can be dropped between it and the answer.
        let_others_run().await;
        if fails {
            let source = Arc::new(io::Error::other("the kit cut it short"));
            return Err(StorageError::Indeterminate { source });
        }
        Ok(outcome)
    }
}

/// Gives way once, so that every operation is a point where a caller can be dropped or overtaken.
pub(super) async fn let_others_run() {
    let mut is_done = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_done, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
