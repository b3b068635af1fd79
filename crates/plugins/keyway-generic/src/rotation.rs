//! Rotation: moves a store to new keys in batches, while reads and writes continue.
//!
//! See decision C7.
//!
//! 1. The handle adds the new keys to the old ones, and reads with both.
//! 2. The header is sealed with the new key and marked as rotating. From here on every writer seals with the new key,
//!    because every writer uses the key of the header, and each commit checks that the header is unchanged.
//! 3. One record after another is resealed, on the condition that it is unchanged. A record that a writer has changed
//!    already has the new key.
//! 4. The header is marked as no longer rotating, and the handle discards the old keys.
//!
//! After a crash all steps are repeated; records that already have the new key are only read. Rotations are numbered in
//! the header. A rotation that finds a later one ends with an error.

use keyway_seal::{KeyId, KeyRing};
use keyway_secrets::{Progress, RotationListener, StoreError};
use keyway_storage::{Batch, CommitOutcome, Entry, Expectation, KeyRange, let_others_run};

use crate::environment_record::EnvironmentRecord;
use crate::handle::{Handle, MAX_ATTEMPTS, View};
use crate::record::SealedRecord;
use crate::sealed_note;
use crate::storage_error::from_storage;

/// The number of records that are resealed in one commit, if the engine accepts a batch of that size.
pub(crate) const BATCH_RECORDS: usize = 1000;

/// The kind of the records in a range. It decides how they are resealed.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Secrets,
    Environments,
}

impl Handle {
    /// Rotates the store. The caller ensures that one handle runs only one rotation at a time.
    pub(crate) async fn rotate_to(
        &self,
        new: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<(), StoreError> {
        let both = new.with_retiring(&self.keys());
        // The header is checked first, so that the handle keeps its keys if it must not read the store.
        let found = self.read_header_with(&both).await?.ok_or(StoreError::NotInitialized)?;
        if found.header.text.deleting {
            return Err(StoreError::Deleted);
        }
        self.metadata.check(&found.header.text.written_by)?;
        self.set_keys(both);
        let mut view = self.begin_rotation(new.primary_id()).await?;

        let ranges =
            [(Kind::Environments, self.prefix.environments()), (Kind::Secrets, self.prefix.secrets())];
        let mut progress = Progress { done: 0, total: 0 };
        for (_, range) in &ranges {
            // Counting a large store takes long, and a host ends a rotation that reports nothing for too long.
            let before = progress.total;
            let tell = |count| {
                progress.total = before + count;
                listener.progressed(progress);
            };
            self.count_records(range, tell).await?;
        }
        for (kind, range) in &ranges {
            self.reseal_range(*kind, range, &mut view, &mut progress, listener).await?;
        }

        self.end_rotation(&view).await?;
        self.set_keys(new.clone());
        progress.total = progress.done;
        listener.progressed(progress);
        Ok(())
    }

    /// Counts the records of a range. Calls `tell` with the number of records so far after each page.
    pub(crate) async fn count_records(
        &self,
        range: &KeyRange,
        mut tell: impl FnMut(u64),
    ) -> Result<u64, StoreError> {
        let mut count = 0;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self
                .storage
                .scan(range, after.as_deref(), self.storage.limits().page_records)
                .await
                .map_err(from_storage)?;
            count += page.entries.len() as u64;
            tell(count);
            if !page.more {
                return Ok(count);
            }
            after = page.entries.last().map(|entry| entry.key.clone());
            let_others_run().await;
        }
    }

    /// Makes `target` the key of the store, unless an interrupted rotation has already done so.
    async fn begin_rotation(&self, target: KeyId) -> Result<View, StoreError> {
        let target_name = target.to_string();
        let mut turn = self.turn();
        for _ in 0..MAX_ATTEMPTS {
            let view = self.fresh_view().await?;
            if view.loaded.header.text.rotating_to.as_ref() == Some(&target_name) {
                return Ok(view);
            }
            let mut header = view.loaded.header.clone();
            header.text.rotating_to = Some(target_name.clone());
            // The number only needs to differ from that of the next rotation, so it may wrap.
            header.text.rotations = header.text.rotations.wrapping_add(1);
            if !self.replace_header(&view, header, Some(target)).await? {
                turn.lost_at(&self.prefix.header()).await;
            }
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    async fn end_rotation(&self, view: &View) -> Result<(), StoreError> {
        let mut turn = self.turn();
        for _ in 0..MAX_ATTEMPTS {
            let view = self.check_still_ours(view).await?;
            if view.loaded.header.text.rotating_to.is_none() {
                return Ok(());
            }
            let mut header = view.loaded.header.clone();
            header.text.rotating_to = None;
            if self.replace_header(&view, header, None).await? {
                return Ok(());
            }
            turn.lost_at(&self.prefix.header()).await;
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    async fn reseal_range(
        &self,
        kind: Kind,
        range: &KeyRange,
        view: &mut View,
        progress: &mut Progress,
        listener: &dyn RotationListener,
    ) -> Result<(), StoreError> {
        // One item of each batch checks the header.
        let most = BATCH_RECORDS.min(self.storage.limits().items_per_batch - 1);
        let mut records = most;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let mut page = self.storage.scan(range, after.as_deref(), records).await.map_err(from_storage)?;
            let fitting = self.fitting(&page.entries);
            page.more |= fitting < page.entries.len();
            page.entries.truncate(fitting);
            let last = page.entries.last().map(|entry| entry.key.clone());

            let batch = self.reseal_entries(kind, page.entries, view)?;
            let outcome = match batch.items().len() {
                // The batch contains only the check of the header, because no record needs resealing.
                1 => None,
                _ => Some(self.storage.commit(batch).await.map_err(from_storage)?),
            };
            match outcome {
                None | Some(CommitOutcome::Committed(_)) => {
                    records = most.min(records * 2);
                    progress.done += fitting as u64;
                    progress.total = progress.total.max(progress.done);
                    if fitting > 0 {
                        listener.progressed(*progress);
                    }
                    if !page.more {
                        return Ok(());
                    }
                    after = last;
                }
                Some(CommitOutcome::Conflict { item: 0 }) => *view = self.check_still_ours(view).await?,
                // A writer has changed or destroyed a record of the batch. Smaller batches make such a conflict less
                // likely. The changed record itself needs no second attempt, because its writer has sealed it with the
                // new key.
                Some(CommitOutcome::Conflict { .. }) => records = records.div_ceil(4),
            }
            let_others_run().await;
        }
    }

    /// Counts how many of the entries fit into one batch.
    fn fitting(&self, entries: &[Entry]) -> usize {
        let limit = self.storage.limits().batch_bytes;
        let mut bytes = HEADER_ROOM;
        let fitting = entries.iter().take_while(|entry| {
            // A new token is as long as the old one.
            bytes += entry.key.len() + entry.value.len();
            bytes <= limit
        });
        fitting.count().max(1).min(entries.len())
    }

    /// Makes a batch that reseals every entry that is not sealed with the key of the store.
    fn reseal_entries(&self, kind: Kind, entries: Vec<Entry>, view: &View) -> Result<Batch, StoreError> {
        let keys = view.keys();
        let mut batch =
            Batch::with_capacity(entries.len() + 1).check(self.prefix.header(), view.loaded.revision);
        for Entry { key, value, revision } in entries {
            if sealed_by(kind, &value)? != keys.ring.primary_id() {
                let sealed = match kind {
                    Kind::Secrets => SealedRecord::parse(&value)?.reseal(keys)?,
                    Kind::Environments => EnvironmentRecord::open(&value, keys)?.seal(keys)?,
                };
                batch = batch.put(key, sealed, Expectation::Revision(revision));
            }
        }
        Ok(batch)
    }

    /// Reads the new header after it changed during a rotation. The change is harmless unless another rotation or a
    /// deletion has started.
    async fn check_still_ours(&self, view: &View) -> Result<View, StoreError> {
        let fresh = self.fresh_view().await?;
        if fresh.loaded.header.text.rotations == view.loaded.header.text.rotations
            && fresh.is_same_store(view)
        {
            Ok(fresh)
        } else {
            Err(StoreError::Conflict { attempts: 1 })
        }
    }
}

/// Space for the key of the header in a batch.
const HEADER_ROOM: usize = 1024;

/// Returns the id of the key that sealed a record.
pub(crate) fn sealed_by(kind: Kind, bytes: &[u8]) -> Result<KeyId, StoreError> {
    match kind {
        Kind::Secrets => SealedRecord::parse(bytes).map(|record| record.sealed_by),
        Kind::Environments => sealed_note::sealed_by("the record of an environment", bytes),
    }
}
