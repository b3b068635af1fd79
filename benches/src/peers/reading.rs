//! A layer that counts the records that a storage engine reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keyway_storage::{KeyRange, Layered, Page, Record, Storage, StorageError, StorageLayer};

/// Counts the records that are read, one at a time or in pages.
#[derive(Debug)]
pub struct Reading {
    inner: Arc<dyn Storage>,
    records: AtomicU32,
}

impl Reading {
    /// Wraps an engine, and counts the records that it reads.
    pub fn of(inner: Arc<dyn Storage>) -> Arc<Layered<Self>> {
        Arc::new(Layered(Self { inner, records: AtomicU32::new(0) }))
    }

    /// Returns the number of records that were read since this method was last called.
    pub fn take(&self) -> u32 {
        self.records.swap(0, Ordering::Relaxed)
    }
}

impl StorageLayer for Reading {
    type Inner = dyn Storage;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.records.fetch_add(1, Ordering::Relaxed);
        self.inner.get(key).await
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        let page = self.inner.scan(range, after, limit).await?;
        // A scan that returns an empty page counts as one record.
        let records = u32::try_from(page.entries.len().max(1)).unwrap_or(u32::MAX);
        self.records.fetch_add(records, Ordering::Relaxed);
        Ok(page)
    }
}
