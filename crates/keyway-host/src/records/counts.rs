//! Counts records. Each count is a record of its own, and changes in the batch that adds or removes a counted record.
//!
//! A count is signed and bound to its names. It is not encrypted: whoever can read the storage can also count the keys
//! of the records (decision H45).

use std::collections::BTreeMap;

use keyway_storage::{Batch, Expectation, Revision};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::error::{RecordError, corrupt};
use super::key::{NameTag, RecordKind, Room, key};
use super::sealed::{SealedRecords, TagOf};
use super::turns::LONGEST_WAIT;

/// How many locks the counts share. A lock is held for two look-ups in the storage engine and one
/// commit, never while a plugin runs.
const STRIPES: usize = 64;
/// The maximum number of counts that are cached under each lock. A cache only saves look-ups, and is cleared when it is
/// full.
const MOST_REMEMBERED: usize = 64;

/// A count as it was read from its record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub(super) number: u64,
    /// The revision of the count's record; `None` without a record, which counts as 0.
    revision: Option<Revision>,
}

/// The counts of one kind of record.
#[derive(Debug)]
pub(super) struct Counts {
    kind: RecordKind,
    /// Keeps callers of one process from making each other's commits fail. Conflicts with other processes, and with
    /// callers that have waited too long for a lock, are found by the revision.
    stripes: Vec<Mutex<BTreeMap<NameTag, Count>>>,
}

/// Permits its holder to change one count.
pub(super) struct Turn<'a> {
    kind: RecordKind,
    tag: NameTag,
    /// The cache, unless the caller waited too long for its lock (decision H308).
    remembered: Option<MutexGuard<'a, BTreeMap<NameTag, Count>>>,
}

impl Counts {
    pub(super) fn new(kind: RecordKind) -> Self {
        Self { kind, stripes: (0..STRIPES).map(|_| Mutex::default()).collect() }
    }

    /// Waits until the other callers of this process have changed the count. The wait is limited, because the future of
    /// the caller that has the lock may not be polled.
    pub(super) async fn turn(&self, tag: NameTag) -> Turn<'_> {
        let stripe = &self.stripes[usize::from(tag[0]) % STRIPES];
        // The lock is usually free, and then `try_lock` is cheaper than waiting.
        let remembered = match stripe.try_lock() {
            Ok(remembered) => Some(remembered),
            Err(_) => timeout(LONGEST_WAIT, stripe.lock()).await.ok(),
        };
        Turn { kind: self.kind, tag, remembered }
    }
}

impl Turn<'_> {
    /// Reads the count, from the cache unless `fresh` is set.
    pub(super) async fn read(&mut self, records: &SealedRecords, fresh: bool) -> Result<Count, RecordError> {
        if !fresh && let Some(count) = self.remembered.as_ref().and_then(|cache| cache.get(&self.tag)) {
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

    /// Adds the new count to a batch.
    pub(super) fn put(&mut self, records: &SealedRecords, batch: Batch, old: Count, number: u64) -> Batch {
        // If the commit fails or its caller is dropped, the count may be the old or the new one, so it is removed from
        // the cache.
        if let Some(cache) = &mut self.remembered {
            cache.remove(&self.tag);
        }
        let expectation = old.revision.map_or(Expectation::Absent, Expectation::Revision);
        if number == 0 && old.revision.is_some() {
            return batch.delete(self.key(), expectation);
        }
        let number = number.to_le_bytes();
        let tag = records.tag(TagOf::Count, self.kind, &[&self.tag, &number]);
        batch.put(self.key(), [&number[..], &tag].concat(), expectation)
    }

    /// Caches a committed count.
    pub(super) fn committed(&mut self, number: u64, revision: Revision) {
        self.remember(Count { number, revision: (number > 0).then_some(revision) });
    }

    fn key(&self) -> Vec<u8> {
        key(self.kind, Room::Count, &[&self.tag])
    }

    fn remember(&mut self, count: Count) {
        let Some(cache) = &mut self.remembered else { return };
        if cache.len() >= MOST_REMEMBERED {
            cache.clear();
        }
        cache.insert(self.tag, count);
    }
}
