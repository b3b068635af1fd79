//! The one primitive that everything above is built on.

use std::fmt;

use async_trait::async_trait;

use crate::{Batch, KeyRange, Revision, StorageError};

/// An ordered map from keys to values with atomic conditional batches.
///
/// Keys and values are bytes. Every record carries the [`Revision`] of its last write, and
/// a [`Batch`] is applied all or none, so a read, a decision and a write that expects
/// what was read are safe against every other caller, in this process or another.
///
/// An engine is a handle: share it in an `Arc<dyn Storage>`.
///
/// # Blocking
/// An engine of this crate does its work inside the call, which is short (its
/// documentation says how short), and needs no runtime (decision R1).
///
/// # For those who write an engine
/// Call [`Batch::validate`] first in `commit`. Keep every method free of panics. To wrap another engine,
/// implement [`StorageLayer`](crate::StorageLayer) instead of this trait.
#[async_trait]
pub trait Storage: fmt::Debug + Send + Sync {
    /// How much goes into one batch, one value and one page. Does not change during the
    /// life of the engine, does not block.
    fn limits(&self) -> Limits;

    /// How long a poll of its futures takes. By default it says nothing.
    fn pace(&self) -> Pace {
        Pace::Unknown
    }

    /// The record at `key`, or `None`. A key that no record can have (empty, or longer than
    /// [`Limits::key_bytes`]) has none.
    ///
    /// It sees every commit that was acknowledged before the call, by any handle or
    /// process.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when the record is damaged, [`StorageError::Unavailable`]
    /// when the store cannot be reached in time, [`StorageError::Closed`],
    /// [`StorageError::Engine`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError>;

    /// The records of `range` in the order of their keys, only those behind `after` when
    /// that is given, as one page.
    ///
    /// A page has at most `limit` records (0 is taken as 1), at most
    /// [`Limits::page_records`] and, keys and values together, at most
    /// [`Limits::page_bytes`], except that a page is never empty while there is a
    /// record. To go on, pass the last key of a page as `after`: what others write
    /// meanwhile is seen when it lies ahead, and nothing comes twice or is left out. One
    /// page is a snapshot; two pages are not.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError>;

    /// Applies all items of `batch`, or none.
    ///
    /// [`CommitOutcome::Committed`] comes only when the batch is durable as far as the engine
    /// promises it. Then the returned revision is on every record that the batch put.
    /// With [`CommitOutcome::Conflict`] nothing was written; it names the first item whose
    /// expectation did not hold.
    ///
    /// # Errors
    /// What [`Batch::validate`] refuses, before anything is touched;
    /// [`StorageError::Unavailable`] when the store could not be locked in time (nothing
    /// was written); [`StorageError::Indeterminate`] when the system failed while the batch
    /// was made durable; [`StorageError::Corrupt`], [`StorageError::Closed`],
    /// [`StorageError::Engine`] (nothing was written).
    ///
    /// # Cancel safety
    /// A dropped future does not undo a commit that is under way: the batch is then either
    /// there as a whole or not at all. Other callers are not held up by it.
    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError>;
}

/// How long a poll of a storage engine's futures takes. A host polls prompt ones on the caller's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pace {
    /// It may take any time.
    Unknown,
    /// A poll of `get` returns within a millisecond; `commit` may wait for a disk.
    PromptReads,
    /// Every poll of `get` and `commit` returns within a millisecond.
    Prompt,
}

/// A value and the mark of its last write.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// What was put.
    pub value: Vec<u8>,
    /// The mark of the write.
    pub revision: Revision,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} bytes, {:?})", self.value.len(), self.revision)
    }
}

/// One record of a [`Page`].
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// What was put.
    pub value: Vec<u8>,
    /// The mark of the write.
    pub revision: Revision,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, {} bytes, {:?})", self.key.escape_ascii(), self.value.len(), self.revision)
    }
}

/// A part of what a scan visits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, in the order of their keys.
    pub entries: Vec<Entry>,
    /// Whether at least one record of the range lies behind the last entry.
    pub more: bool,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a conflict means that nothing was written"]
pub enum CommitOutcome {
    /// All of it was applied, and what it put carries this revision.
    Committed(Revision),
    /// None of it was applied.
    Conflict {
        /// The first item, counted from 0, whose expectation did not hold.
        item: usize,
    },
}

/// How much an engine takes at once. All sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Items in one batch.
    pub items_per_batch: usize,
    /// Bytes of all keys and values in one batch.
    pub batch_bytes: usize,
    /// Bytes of one key.
    pub key_bytes: usize,
    /// Bytes of one value.
    pub value_bytes: usize,
    /// Bytes of all keys and values on one page (a single larger record still comes).
    pub page_bytes: usize,
    /// Records on one page.
    pub page_records: usize,
}

impl Limits {
    /// What every engine takes: who stays below needs not ask. A batch has room for one
    /// value and one key of the largest size.
    pub const MINIMUM: Self = Self {
        items_per_batch: 128,
        batch_bytes: (1 << 20) + 1024,
        key_bytes: 1024,
        value_bytes: 1 << 20,
        page_bytes: 1 << 20,
        page_records: 128,
    };

    /// What both engines of this crate take.
    pub(crate) const LOCAL: Self = Self {
        items_per_batch: 4096,
        batch_bytes: 16 << 20,
        key_bytes: 1024,
        value_bytes: 8 << 20,
        page_bytes: 4 << 20,
        page_records: 4096,
    };

    /// Whether every limit is at least as wide as in `other`.
    pub fn cover(&self, other: &Self) -> bool {
        self.items_per_batch >= other.items_per_batch
            && self.batch_bytes >= other.batch_bytes
            && self.key_bytes >= other.key_bytes
            && self.value_bytes >= other.value_bytes
            && self.page_bytes >= other.page_bytes
            && self.page_records >= other.page_records
    }
}
