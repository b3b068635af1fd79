//! The storage engine that plugins under test get from the kit. It counts operations, yields to other tasks, and fails
//! on demand.

use std::io;
use std::sync::{Arc, Mutex};

use keyway_storage::{
    Batch, Call, CommitOutcome, KeyRange, Limits, Memory, Pace, Page, Storage, StorageError, StorageLayer,
};
use tokio::task::yield_now;

use super::countdown::Countdown;
use crate::lock::locked;

/// How an operation of the storage fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The operation has no effect, and the engine reports a failure.
    Refused,
    /// A commit takes effect, and the engine reports that the outcome is unknown.
    Unknown,
}

/// An engine in memory that counts operations and can fail.
#[derive(Debug)]
pub(super) struct LentStorage {
    engine: Memory,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    operations: u64,
    commits: u64,
    failing: Option<Countdown<Failure>>,
    has_failed: bool,
}

impl LentStorage {
    pub(super) fn new() -> Self {
        Self { engine: Memory::new(), state: Mutex::default() }
    }

    /// Counts the operations so far.
    pub(super) fn operations(&self) -> u64 {
        locked(&self.state).operations
    }

    /// Counts the commits so far.
    pub(super) fn commits(&self) -> u64 {
        locked(&self.state).commits
    }

    /// Lets `left` more operations succeed. Then fails only the next operation if `once` is set, and all later
    /// operations otherwise.
    pub(super) fn fail_after(&self, left: u64, failure: Failure, once: bool) {
        locked(&self.state).failing = Some(Countdown { left, once, fault: failure });
    }

    /// Lets all operations succeed again. Returns whether an operation has failed since this method was last called.
    pub(super) fn recover(&self) -> bool {
        let mut state = locked(&self.state);
        state.failing = None;
        std::mem::take(&mut state.has_failed)
    }

    /// Reads all records, so that they can be compared.
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

    /// Counts an operation. Returns its failure if this operation must fail.
    fn count(&self, commits: u64) -> Option<Failure> {
        let mut state = locked(&self.state);
        state.operations += 1;
        state.commits += commits;
        let failure = Countdown::strike(&mut state.failing);
        state.has_failed |= failure.is_some();
        failure
    }
}

fn refused() -> StorageError {
    StorageError::Engine { action: "work", source: Arc::new(io::Error::other("a fault of the kit")) }
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
        yield_now().await;
        // `commit` counts its own operation, since a commit may also fail after its effect.
        if !matches!(call, Call::Commit { .. }) && self.count(0).is_some() {
            return Err(refused());
        }
        next.await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.engine.scan(range, after, limit.min(Limits::MINIMUM.page_records)).await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        batch.validate(&Limits::MINIMUM)?;
        let failure = self.count(1);
        if failure == Some(Failure::Refused) {
            return Err(refused());
        }
        let outcome = self.engine.commit(batch).await?;
        // Yields again after the effect, so that a caller can be dropped between the effect and the
        // answer.
        yield_now().await;
        if failure.is_some() {
            let source = Arc::new(io::Error::other("an interruption by the kit"));
            return Err(StorageError::Indeterminate { source });
        }
        Ok(outcome)
    }
}
