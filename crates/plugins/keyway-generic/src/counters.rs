//! Counters of reads and writes of a store, and an estimate of its number of secrets.
//!
//! See decision C12.
//!
//! Each handle counts in memory. From time to time, an operation that writes also adds these counts to the stored
//! numbers. So a `get` never becomes a write, and a crash loses a few counts.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keyway_core::codec::Reader;
use keyway_secrets::StoreError;
use keyway_storage::{Batch, CommitOutcome, Expectation};

use crate::handle::{Handle, View};
use crate::storage_error::from_storage;

const WHAT: &str = "the counters of the store";
/// The number of counted operations after which the counts are stored.
const FLUSH_AT: u64 = 1024;

/// The counts of reads and writes, and the number of created secrets less the destroyed ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) secrets: i64,
}

impl Counts {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            reads: self.reads.saturating_add(other.reads),
            writes: self.writes.saturating_add(other.writes),
            secrets: self.secrets.saturating_add(other.secrets),
        }
    }

    /// Encodes the counts. They reveal nothing about secrets, so they are not sealed.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [self.reads.to_le_bytes(), self.writes.to_le_bytes(), self.secrets.to_le_bytes()].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader::new(bytes);
        match (reader.u64(), reader.u64(), reader.u64(), reader.rest().is_empty()) {
            (Ok(reads), Ok(writes), Ok(secrets), true) => {
                Ok(Self { reads, writes, secrets: secrets.cast_signed() })
            }
            _ => Err(StoreError::corrupt(WHAT, "expected three numbers")),
        }
    }
}

/// The counts that one commit of secrets or environments adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tally {
    pub(crate) writes: u64,
    /// The number of created secrets, less the destroyed ones.
    pub(crate) secrets: i64,
}

impl Tally {
    pub(crate) const CREATED: Self = Self { writes: 1, secrets: 1 };
    pub(crate) const CHANGED: Self = Self { writes: 1, secrets: 0 };
    pub(crate) const DESTROYED: Self = Self { writes: 1, secrets: -1 };
}

/// The counts of a handle that are not stored yet.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    reads: AtomicU64,
    writes: AtomicU64,
    secrets: AtomicI64,
}

impl Pending {
    pub(crate) fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts writes, and returns `true` when it is time to store the counts.
    pub(crate) fn count(&self, tally: Tally) -> bool {
        self.secrets.fetch_add(tally.secrets, Ordering::Relaxed);
        let writes = self.writes.fetch_add(tally.writes, Ordering::Relaxed) + tally.writes;
        writes >= FLUSH_AT || self.reads.load(Ordering::Relaxed) >= FLUSH_AT
    }

    pub(crate) fn look(&self) -> Counts {
        Counts {
            reads: self.reads.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            secrets: self.secrets.load(Ordering::Relaxed),
        }
    }

    /// Takes the counts out, so that they can be stored.
    pub(crate) fn take(&self) -> Counts {
        Counts {
            reads: self.reads.swap(0, Ordering::Relaxed),
            writes: self.writes.swap(0, Ordering::Relaxed),
            secrets: self.secrets.swap(0, Ordering::Relaxed),
        }
    }

    /// Puts back counts that could not be stored.
    pub(crate) fn give_back(&self, counts: Counts) {
        self.reads.fetch_add(counts.reads, Ordering::Relaxed);
        self.writes.fetch_add(counts.writes, Ordering::Relaxed);
        self.secrets.fetch_add(counts.secrets, Ordering::Relaxed);
    }

    /// Corrects the number of secrets after a full count.
    pub(crate) fn correct(&self, secrets: i64) {
        self.secrets.fetch_add(secrets, Ordering::Relaxed);
    }
}

impl Handle {
    /// Reads the stored counters.
    pub(crate) async fn stored_counts(&self) -> Result<Counts, StoreError> {
        match self.storage.get(&self.prefix.counters()).await.map_err(from_storage)? {
            Some(record) => Counts::from_bytes(&record.value),
            None => Ok(Counts::default()),
        }
    }

    /// Adds the pending counts to the stored counters. If that fails, a later write tries again:
    /// counting never makes an operation fail.
    pub(crate) async fn store_counts(&self, view: &View) {
        let counted = self.pending.take();
        if counted == Counts::default() {
            return;
        }
        if !self.try_store_counts(view, counted).await.unwrap_or(false) {
            self.pending.give_back(counted);
        }
    }

    async fn try_store_counts(&self, view: &View, counted: Counts) -> Result<bool, StoreError> {
        let key = self.prefix.counters();
        let found = self.storage.get(&key).await.map_err(from_storage)?;
        let (stored, expectation) = match &found {
            Some(record) => (Counts::from_bytes(&record.value)?, Expectation::Revision(record.revision)),
            None => (Counts::default(), Expectation::Absent),
        };
        // If the store has been deleted, the check of the header fails.
        let batch = Batch::new().check(self.prefix.header(), view.loaded.revision).put(
            key,
            stored.plus(counted).to_bytes(),
            expectation,
        );
        let outcome = self.storage.commit(batch).await.map_err(from_storage)?;
        Ok(matches!(outcome, CommitOutcome::Committed(_)))
    }
}
