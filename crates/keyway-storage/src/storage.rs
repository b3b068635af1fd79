//! The trait [`Storage`], on which all stores are built.

use std::fmt;

use async_trait::async_trait;

use crate::{Batch, KeyRange, Revision, StorageError};

/// An ordered map from keys to values with atomic conditional batches.
///
/// Keys and values are bytes. Every record carries the [`Revision`] of its last write, and a [`Batch`] is applied as a
/// whole or not at all. A caller can read a record, decide, and write on the condition that the record is unchanged.
/// This is safe against every other caller, in this process or another.
///
/// An engine is a handle: share it in an `Arc<dyn Storage>`.
///
/// # Blocking
/// An engine of this crate does its work inside the call, and needs no runtime. The call is short; the engine's
/// documentation says how short (decision R1).
///
/// # Implementing an engine
/// Call [`Batch::validate`] first in `commit`. Keep every method free of panics. To wrap another engine, implement
/// [`StorageLayer`](crate::StorageLayer) instead of this trait.
#[async_trait]
pub trait Storage: fmt::Debug + Send + Sync {
    /// Returns the limits of a batch, a value and a page.
    ///
    /// The limits do not change during the life of the engine. The call does not block.
    fn limits(&self) -> Limits;

    /// Returns the time that a poll of the engine's futures takes. The default is [`Pace::Unknown`].
    fn pace(&self) -> Pace {
        Pace::Unknown
    }

    /// Returns the record at `key`, or `None` if there is none.
    ///
    /// The result is also `None` for a key that no record can have (empty, or longer than [`Limits::key_bytes`]).
    ///
    /// The call sees every commit that was acknowledged before it, by any handle or process.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when the record is damaged, [`StorageError::Unavailable`] when the store cannot be
    /// reached in time, [`StorageError::Closed`], [`StorageError::Engine`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError>;

    /// Returns one page of the records of `range` in the order of their keys, beginning after `after` if that is given.
    ///
    /// A page has at most `limit` records (0 is taken as 1), and at most [`Limits::page_records`]. Its keys and values
    /// together have at most [`Limits::page_bytes`], but a page is never empty while there is a record. To continue,
    /// pass the last key of a page as `after`: no record is returned twice or skipped, and concurrent writes to later
    /// keys are seen. One page is a snapshot; two pages are not.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError>;

    /// Applies all items of `batch`, or none.
    ///
    /// [`CommitOutcome::Committed`] means that the batch is as durable as the engine promises. Every record that the
    /// batch wrote has the returned revision. [`CommitOutcome::Conflict`] means that nothing was written, and names the
    /// first item whose expectation was not met.
    ///
    /// # Errors
    /// [`StorageError::Indeterminate`] when the system failed while the batch was made durable. All other errors mean
    /// that nothing was written: the errors of [`Batch::validate`]; [`StorageError::Unavailable`] when the store could
    /// not be locked in time; [`StorageError::Corrupt`], [`StorageError::Closed`], [`StorageError::Engine`].
    ///
    /// # Cancel safety
    /// A dropped future does not undo a commit in progress: the batch is then applied as a whole or not at all. A
    /// dropped future does not hold up other callers.
    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError>;
}

/// The time that a poll of a storage engine's futures takes. A plugin on a fast engine can declare that its own polls
/// are short, and the host then polls the plugin's futures on the caller's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pace {
    /// A poll may take any time.
    Unknown,
    /// A poll of `get` returns within a millisecond; `commit` may wait for a disk.
    PromptReads,
    /// Every poll of `get` and `commit` returns within a millisecond.
    Prompt,
}

/// A value and the revision of its last write.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The value.
    pub value: Vec<u8>,
    /// The revision of the value's last write.
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
    /// The value.
    pub value: Vec<u8>,
    /// The revision of the value's last write.
    pub revision: Revision,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, {} bytes, {:?})", self.key.escape_ascii(), self.value.len(), self.revision)
    }
}

/// One page of the result of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, in the order of their keys.
    pub entries: Vec<Entry>,
    /// True if the range has more records after the last entry.
    pub more: bool,
}

/// The outcome of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a conflict means that nothing was written"]
pub enum CommitOutcome {
    /// The whole batch was applied, and its records carry this revision.
    Committed(Revision),
    /// Nothing was applied.
    Conflict {
        /// The first item, counted from 0, whose expectation was not met.
        item: usize,
    },
}

/// The limits of an engine. All sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of items in one batch.
    pub items_per_batch: usize,
    /// The maximum size of a batch: the bytes of all its keys and values together.
    pub batch_bytes: usize,
    /// The maximum length of a key.
    pub key_bytes: usize,
    /// The maximum length of a value.
    pub value_bytes: usize,
    /// The maximum size of a page: the bytes of all its keys and values together. A page with a single record may be
    /// larger.
    pub page_bytes: usize,
    /// The maximum number of records on one page.
    pub page_records: usize,
}

impl Limits {
    /// The limits that every engine supports. A caller that stays within them need not ask an engine for its limits.
    ///
    /// A batch has room for one value and one key of the largest size.
    pub const MINIMUM: Self = Self {
        items_per_batch: 128,
        batch_bytes: (1 << 20) + 1024,
        key_bytes: 1024,
        value_bytes: 1 << 20,
        page_bytes: 1 << 20,
        page_records: 128,
    };

    /// The limits of both engines of this crate.
    pub(crate) const LOCAL: Self = Self {
        items_per_batch: 4096,
        batch_bytes: 16 << 20,
        key_bytes: 1024,
        value_bytes: 8 << 20,
        page_bytes: 4 << 20,
        page_records: 4096,
    };

    /// Tells whether every limit is at least as large as that of `other`.
    pub fn cover(&self, other: &Self) -> bool {
        self.items_per_batch >= other.items_per_batch
            && self.batch_bytes >= other.batch_bytes
            && self.key_bytes >= other.key_bytes
            && self.value_bytes >= other.value_bytes
            && self.page_bytes >= other.page_bytes
            && self.page_records >= other.page_records
    }
}
