//! A layer that records the batches of a storage engine.

use std::sync::{Arc, Mutex, PoisonError};

use keyway_storage::{Batch, CommitOutcome, ItemAction, Layered, Storage, StorageError, StorageLayer};

/// The rows that one batch writes. A row without a value is removed.
pub type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Records the batches that are committed.
#[derive(Debug)]
pub struct Recording {
    inner: Arc<dyn Storage>,
    /// The recorded batches, or `None` when recording has stopped.
    batches: Mutex<Option<Vec<Changes>>>,
}

impl Recording {
    /// Wraps an engine, and records its batches.
    pub fn of(inner: Arc<dyn Storage>) -> Arc<Layered<Self>> {
        Arc::new(Layered(Self { inner, batches: Mutex::new(Some(Vec::new())) }))
    }

    /// Returns the batches that were recorded since this method was last called.
    pub fn take(&self) -> Vec<Changes> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Returns the batches that [`take`](Self::take) has not returned, and stops recording, so that the time of the
    /// copies is not measured.
    pub fn stop(&self) -> Vec<Changes> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }
}

fn changes(batch: &Batch) -> Changes {
    let changed = batch.items().iter().filter_map(|item| match item.action() {
        ItemAction::Put { value } => Some((item.key().to_vec(), Some(value.clone()))),
        ItemAction::Delete => Some((item.key().to_vec(), None)),
        _ => None,
    });
    changed.collect()
}

impl StorageLayer for Recording {
    type Inner = dyn Storage;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        if let Some(batches) = &mut *self.batches.lock().unwrap_or_else(PoisonError::into_inner) {
            batches.push(changes(&batch));
        }
        self.inner.commit(batch).await
    }
}
