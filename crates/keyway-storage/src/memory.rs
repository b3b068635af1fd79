//! Implements the storage engine that keeps its records in memory until the process ends.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use crate::revision::Revisions;
use crate::{
    Batch, CommitOutcome, Entry, Expectation, ItemAction, KeyRange, Limits, Pace, Page, Record, Storage,
    StorageError,
};

/// A store in memory: for tests, and for data that may be lost when the process ends.
///
/// A clone is a handle to the same records. Memory grows with the stored data.
///
/// # Blocking
/// Calls wait for each other on a lock, which is held while a batch or a page is copied.
///
/// ```
/// use keyway_storage::{Batch, Expectation, Memory, CommitOutcome, Storage};
///
/// # pollster::block_on(async {
/// let store = Memory::new();
/// let create = Batch::new().put("greeting", "hello", Expectation::Absent);
/// assert!(matches!(store.commit(create.clone()).await?, CommitOutcome::Committed(_)));
/// assert_eq!(store.commit(create).await?, CommitOutcome::Conflict { item: 0 });
/// assert_eq!(store.get(b"greeting").await?.unwrap().value, b"hello");
/// # Ok::<(), keyway_storage::StorageError>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Memory {
    shared: Arc<Shared>,
}

struct Shared {
    records: RwLock<BTreeMap<Vec<u8>, Record>>,
    revisions: Revisions,
}

impl Memory {
    /// Creates a store without records.
    pub fn new() -> Self {
        let shared = Shared { records: RwLock::default(), revisions: Revisions::new() };
        Self { shared: Arc::new(shared) }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.shared.records.read().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("Memory").field("records", &records).finish()
    }
}

// A poisoned lock is used again, because a panic never leaves a batch half applied. While the lock is held, only a
// failed allocation can panic. Between its first and its last change, a batch allocates only tree nodes, and if such an
// allocation fails, the process aborts.
#[async_trait]
impl Storage for Memory {
    fn limits(&self) -> Limits {
        Limits::LOCAL
    }

    fn pace(&self) -> Pace {
        Pace::Prompt
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        let records = self.shared.records.read().unwrap_or_else(PoisonError::into_inner);
        Ok(records.get(key).cloned())
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        let limits = self.limits();
        let limit = limit.clamp(1, limits.page_records);
        let start = match after {
            Some(after) if after >= range.start() => Bound::Excluded(after),
            _ => Bound::Included(range.start()),
        };
        let mut page = Page::default();
        let mut bytes = 0;
        let records = self.shared.records.read().unwrap_or_else(PoisonError::into_inner);
        // The end is checked by hand: a tree range panics if its end is before its start.
        for (key, record) in records.range::<[u8], _>((start, Bound::Unbounded)) {
            if !range.contains(key) {
                break;
            }
            bytes += key.len() + record.value.len();
            if page.entries.len() == limit || (bytes > limits.page_bytes && !page.entries.is_empty()) {
                page.more = true;
                break;
            }
            page.entries.push(Entry {
                key: key.clone(),
                value: record.value.clone(),
                revision: record.revision,
            });
        }
        Ok(page)
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        batch.validate(&self.limits())?;
        let mut records = self.shared.records.write().unwrap_or_else(PoisonError::into_inner);
        let conflict = batch.items().iter().position(|item| {
            let expected = item.expectation();
            // Most items have no expectation, and skip the look-up.
            expected != Expectation::Any
                && !expected.is_met_by(records.get(item.key()).map(|record| record.revision))
        });
        if let Some(item) = conflict {
            return Ok(CommitOutcome::Conflict { item });
        }
        let revision = self.shared.revisions.next();
        for item in batch.into_items() {
            let (key, action) = item.into_parts();
            match action {
                ItemAction::Put { value } => {
                    records.insert(key, Record { value, revision });
                }
                ItemAction::Delete => {
                    records.remove(&key);
                }
                ItemAction::Check => {}
            }
        }
        Ok(CommitOutcome::Committed(revision))
    }
}
