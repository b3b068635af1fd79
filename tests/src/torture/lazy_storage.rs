//! A defective storage engine, which shows that the torture detects errors.

use std::sync::mpsc;
use std::time::Duration;
use std::{fmt, thread};

use keyway_storage::{
    Batch, CommitOutcome, Expectation, ItemAction, KeyRange, Layered, Memory, Sqlite, Storage, StorageError,
    StorageLayer,
};

/// The delay of a commit.
const LAZINESS: Duration = Duration::from_millis(25);

/// A storage engine that answers from memory, and writes commits to the disk later.
///
/// It is correct only as long as its process is not killed and no other process writes.
pub(super) struct LazyStorage {
    memory: Memory,
    later: mpsc::Sender<Batch>,
}

impl LazyStorage {
    pub(super) async fn over(below: Sqlite) -> Result<Layered<Self>, StorageError> {
        let memory = Memory::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = below.scan(&KeyRange::all(), after.as_deref(), 100).await?;
            after = page.entries.last().map(|entry| entry.key.clone());
            for entry in page.entries {
                let _ = memory.commit(Batch::new().put(entry.key, entry.value, Expectation::Any)).await?;
            }
            if !page.more {
                break;
            }
        }
        let (later, batches) = mpsc::channel::<Batch>();
        let runtime = tokio::runtime::Handle::current();
        thread::spawn(move || {
            for batch in batches {
                thread::sleep(LAZINESS);
                // The caller already has its answer and cannot receive an error. That is the defect.
                let _ = runtime.block_on(below.commit(batch));
            }
        });
        Ok(Layered(Self { memory, later }))
    }
}

impl fmt::Debug for LazyStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LazyStorage")
    }
}

impl StorageLayer for LazyStorage {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.memory
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        let mut copy = Batch::new();
        for item in batch.items() {
            copy = match item.action() {
                ItemAction::Put { value } => copy.put(item.key(), value.clone(), Expectation::Any),
                ItemAction::Delete => copy.delete(item.key(), Expectation::Any),
                _ => copy,
            };
        }
        let outcome = self.memory.commit(batch).await?;
        if matches!(outcome, CommitOutcome::Committed(_)) && !copy.is_empty() {
            let _ = self.later.send(copy);
        }
        Ok(outcome)
    }
}
