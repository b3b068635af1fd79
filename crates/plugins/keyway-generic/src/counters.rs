//! How often a store was read and written (decision C12).
//!
//! Each handle counts in memory and adds what it counted to the stored numbers now and then,
//! when it writes anyway. So a `get` never becomes a write, and a crash loses a few counts.

use std::sync::atomic::{AtomicU64, Ordering};

use keyway_secrets::StoreError;

use keyway_core::codec::Reader;

const WHAT: &str = "the counters of the store";
/// How many operations are counted before they are added to the stored numbers.
const FLUSH_AT: u64 = 1024;

/// Reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

impl Counts {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            reads: self.reads.saturating_add(other.reads),
            writes: self.writes.saturating_add(other.writes),
        }
    }

    /// Counters say nothing about secrets, so they are not sealed.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        [self.reads.to_le_bytes(), self.writes.to_le_bytes()].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader::new(bytes);
        match (reader.u64(), reader.u64(), reader.rest().is_empty()) {
            (Ok(reads), Ok(writes), true) => Ok(Self { reads, writes }),
            _ => Err(StoreError::corrupt(WHAT, "expected two numbers")),
        }
    }
}

/// What a handle has counted and not stored yet.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Pending {
    pub(crate) fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a write; `true` when it is time to store the counts.
    pub(crate) fn count_write(&self) -> bool {
        let writes = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        writes >= FLUSH_AT || self.reads.load(Ordering::Relaxed) >= FLUSH_AT
    }

    pub(crate) fn look(&self) -> Counts {
        Counts { reads: self.reads.load(Ordering::Relaxed), writes: self.writes.load(Ordering::Relaxed) }
    }

    /// Takes the counts out, to be stored.
    pub(crate) fn take(&self) -> Counts {
        Counts {
            reads: self.reads.swap(0, Ordering::Relaxed),
            writes: self.writes.swap(0, Ordering::Relaxed),
        }
    }

    /// Puts back what could not be stored.
    pub(crate) fn give_back(&self, counts: Counts) {
        self.reads.fetch_add(counts.reads, Ordering::Relaxed);
        self.writes.fetch_add(counts.writes, Ordering::Relaxed);
    }
}
