//! Reseals the host's records after its keys changed.
//!
//! See decision K1.

use keyway_core::PluginError;
use keyway_storage::{Batch, CommitOutcome, Entry, Expectation, KeyRange};
use tracing::warn;

use super::error::RecordError;
use super::journal::{LENGTH, split};
use super::key::{INDEX_KEY, PREFIX, Room};
use super::sealed::SealedRecords;

/// Counts the host's records that were resealed, and names the stores that need older keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resealed {
    /// The number of records that were under an older key, and are now under the first key of the ring.
    pub resealed: u64,
    /// The number of all records that were read.
    pub total: u64,
    /// The names of the stores that need an older key of the host's ring. Rotate them before this key goes.
    pub stores_to_rotate: Vec<String>,
}

impl SealedRecords {
    /// Reseals every record under the first key of the ring. An interrupted run can be continued by another call:
    /// records that are already under the first key are only read. A damaged record is an error at the end, after all
    /// others.
    pub(crate) async fn reseal(&self) -> Result<Resealed, RecordError> {
        let (mut done, mut damage) = (Resealed::default(), Ok(()));
        let (all, limit) = (KeyRange::prefix(PREFIX), self.storage().limits().page_records);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.storage().scan(&all, after.as_deref(), limit).await?;
            for found in &page.entries {
                let is_record = found.key.get(PREFIX.len() + 1) == Some(&(Room::Record as u8));
                if found.key != INDEX_KEY && !is_record {
                    continue;
                }
                done.total += 1;
                match self.reseal_record(found).await {
                    Ok(resealed) => done.resealed += u64::from(resealed),
                    Err(error) if error.is_damage() => {
                        warn!(error = %error.detail(), "a damaged record is not resealed");
                        damage = damage.and(Err(error));
                    }
                    Err(error) => return Err(error),
                }
            }
            after = page.entries.last().map(|found| found.key.clone());
            if !page.more {
                return damage.map(|()| done);
            }
        }
    }

    /// Reseals a record. Returns false if the record is under the first key already, or is gone.
    async fn reseal_record(&self, found: &Entry) -> Result<bool, RecordError> {
        // A concurrent writer uses the first key, too, or makes this commit fail, so that the record is read again.
        let mut value = self.resealed_value(&found.key, &found.value)?;
        let mut revision = found.revision;
        while let Some(sealed) = value.take() {
            let batch = Batch::new().put(found.key.as_slice(), sealed, Expectation::Revision(revision));
            if let CommitOutcome::Committed(_) = self.commit(batch).await? {
                return Ok(true);
            }
            if let Some(current) = self.storage().get(&found.key).await? {
                value = self.resealed_value(&found.key, &current.value)?;
                revision = current.revision;
            }
        }
        Ok(false)
    }

    fn resealed_value(&self, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
        if key == INDEX_KEY {
            return self.resealed(value);
        }
        let (fixed, state) = split(value)?;
        let (new_fixed, new_state) = (self.resealed(fixed)?, self.resealed(state)?);
        if new_fixed.is_none() && new_state.is_none() {
            return Ok(None);
        }
        let (fixed, state) = (new_fixed.as_deref().unwrap_or(fixed), new_state.as_deref().unwrap_or(state));
        let mut sealed = Vec::with_capacity(LENGTH + fixed.len() + state.len());
        // A resealed token has the length of the old one.
        sealed.extend_from_slice(&value[..LENGTH]);
        sealed.extend_from_slice(fixed);
        sealed.extend_from_slice(state);
        Ok(Some(sealed))
    }
}
