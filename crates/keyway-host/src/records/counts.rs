//! Counts of records, each a record of its own that changes in the batch that makes or removes what
//! it counts.
//!
//! A count is signed and bound to its names, not encrypted: the number of keys shows it anyway
//! (decision H45).

use std::collections::BTreeMap;

use keyway_storage::{Batch, Expectation, Revision};
use tokio::sync::{Mutex, MutexGuard};

use super::error::{RecordError, corrupt};
use super::key::{NameTag, RecordKind, Room, key};
use super::sealed::{SealedRecords, TagOf};

/// How many locks the counts share. A lock is held for two look-ups in the storage engine and one
/// commit, never while a plugin runs.
const STRIPES: usize = 64;
/// How many counts a lock remembers. They only save a look-up; too many are forgotten together.
const REMEMBERED: usize = 64;

/// A number of records, and the record that says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub(super) number: u64,
    /// `None` when there is no such record, which counts as 0.
    revision: Option<Revision>,
}

/// The counts of one kind of record.
#[derive(Debug)]
pub(super) struct Counts {
    kind: RecordKind,
    /// Keeps callers of one process from making each other's commits fail. Other processes are met at
    /// the revision.
    stripes: Vec<Mutex<BTreeMap<NameTag, Count>>>,
}

/// The right to change one count.
pub(super) struct Turn<'a> {
    kind: RecordKind,
    tag: NameTag,
    remembered: MutexGuard<'a, BTreeMap<NameTag, Count>>,
}

impl Counts {
    pub(super) fn new(kind: RecordKind) -> Self {
        Self { kind, stripes: (0..STRIPES).map(|_| Mutex::default()).collect() }
    }

    pub(super) async fn turn(&self, tag: NameTag) -> Turn<'_> {
        let stripe = &self.stripes[usize::from(tag[0]) % STRIPES];
        // Usually uncontended, and then waiting costs more than the lock.
        let remembered = match stripe.try_lock() {
            Ok(remembered) => remembered,
            Err(_) => stripe.lock().await,
        };
        Turn { kind: self.kind, tag, remembered }
    }
}

impl Turn<'_> {
    /// Reads the count, or remembers it. A `fresh` one is read.
    pub(super) async fn read(&mut self, records: &SealedRecords, fresh: bool) -> Result<Count, RecordError> {
        if !fresh && let Some(count) = self.remembered.get(&self.tag) {
            return Ok(*count);
        }
        let count = match records.storage().get(&self.key()).await? {
            None => Count { number: 0, revision: None },
            Some(found) => {
                let (number, tag) = found.value.split_first_chunk().ok_or_else(|| corrupt("a count"))?;
                if !records.is_tag(tag, TagOf::Count, self.kind, &[&self.tag, number]) {
                    return Err(corrupt("a count"));
                }
                Count { number: u64::from_le_bytes(*number), revision: Some(found.revision) }
            }
        };
        self.remember(count);
        Ok(count)
    }

    /// Adds to a batch that the count becomes `number`.
    pub(super) fn put(&mut self, records: &SealedRecords, batch: Batch, old: Count, number: u64) -> Batch {
        // If the commit fails or its caller is dropped, either count may hold.
        self.remembered.remove(&self.tag);
        let expectation = old.revision.map_or(Expectation::Absent, Expectation::Revision);
        if number == 0 && old.revision.is_some() {
            return batch.delete(self.key(), expectation);
        }
        let number = number.to_le_bytes();
        let tag = records.tag(TagOf::Count, self.kind, &[&self.tag, &number]);
        batch.put(self.key(), [&number[..], &tag].concat(), expectation)
    }

    /// Remembers what was committed.
    pub(super) fn committed(&mut self, number: u64, revision: Revision) {
        self.remember(Count { number, revision: (number > 0).then_some(revision) });
    }

    fn key(&self) -> Vec<u8> {
        key(self.kind, Room::Count, &[&self.tag])
    }

    fn remember(&mut self, count: Count) {
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(self.tag, count);
    }
}
