//! Moving a store to new keys, in batches, while reads and writes go on (decision C7).
//!
//! 1. The handle takes the new keys beside the old ones, and reads both.
//! 2. The header is sealed with the new key and says that a rotation is under way. From here on
//!    everybody seals with the new key, because everybody seals with the key of the header,
//!    and each commit checks that the header is still the one that was seen.
//! 3. Record after record is sealed anew, each on the condition that it was not changed
//!    meanwhile; one that was has the new keys already.
//! 4. The header says that the rotation is over, and the handle gives up the old keys.
//!
//! After a crash all of it is done again; what has the new keys already is only looked at.
//! Rotations are numbered in the header: one that finds that another has begun since gives
//! up, and does not say that it is done.

use std::future::poll_fn;
use std::task::Poll;

use keyway_seal::{KeyId, KeyRing};
use keyway_secrets::{Progress, RotationListener, StoreError};
use keyway_storage::{Batch, CommitOutcome, Entry, Expectation, KeyRange};

use crate::environment_record::EnvironmentRecord;
use crate::handle::{Handle, MAX_ATTEMPTS, View};
use crate::record::SealedRecord;
use crate::sealed_note;
use crate::storage_error::from_storage;

/// How many records are sealed anew in one commit, where the engine takes that many.
const BATCH_RECORDS: usize = 1000;

/// What a range holds, and so how its records are sealed anew.
#[derive(Clone, Copy)]
enum Kind {
    Secrets,
    Environments,
}

impl Handle {
    /// The caller makes sure that one handle runs one rotation at a time.
    pub(crate) async fn rotate_to(
        &self,
        new: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<(), StoreError> {
        let both = new.with_retiring(&self.keys());
        // Looked at first, so that a store that may not be read does not get new keys.
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
            progress.total += self.count_records(range).await?;
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

    /// Whether a rotation to other keys is under way, and how far it is.
    pub(crate) async fn rotation_progress(&self, view: &View) -> Result<Option<Progress>, StoreError> {
        let Some(target) = &view.loaded.header.text.rotating_to else { return Ok(None) };
        let mut progress = Progress { done: 0, total: 0 };
        for (kind, range) in
            [(Kind::Environments, self.prefix.environments()), (Kind::Secrets, self.prefix.secrets())]
        {
            let mut after = None;
            loop {
                let page =
                    self.storage.scan(&range, after.as_deref(), BATCH_RECORDS).await.map_err(from_storage)?;
                for entry in &page.entries {
                    progress.total += 1;
                    progress.done += u64::from(sealed_by(kind, &entry.value)?.to_string() == *target);
                }
                after = page.entries.last().map(|entry| entry.key.clone());
                if !page.more {
                    break;
                }
                let_others_run().await;
            }
        }
        Ok(Some(progress))
    }

    /// How many records a range has.
    pub(crate) async fn count_records(&self, range: &KeyRange) -> Result<u64, StoreError> {
        let mut count = 0;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self
                .storage
                .scan(range, after.as_deref(), self.storage.limits().page_records)
                .await
                .map_err(from_storage)?;
            count += page.entries.len() as u64;
            if !page.more {
                return Ok(count);
            }
            after = page.entries.last().map(|entry| entry.key.clone());
            let_others_run().await;
        }
    }

    /// Makes `target` the key of the store, unless an interrupted rotation has done so.
    async fn begin_rotation(&self, target: KeyId) -> Result<View, StoreError> {
        let target_name = target.to_string();
        for _ in 0..MAX_ATTEMPTS {
            let view = self.fresh_view().await?;
            if view.loaded.header.text.rotating_to.as_ref() == Some(&target_name) {
                return Ok(view);
            }
            let mut header = view.loaded.header.clone();
            header.text.rotating_to = Some(target_name.clone());
            // The next one must differ from this one, and no more.
            header.text.rotations = header.text.rotations.wrapping_add(1);
            self.replace_header(&view, header, Some(target)).await?;
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    async fn end_rotation(&self, view: &View) -> Result<(), StoreError> {
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
                // The check of the header alone: nothing needs to be sealed anew.
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
                // Changed or destroyed meanwhile, by a writer that has the new key. The fewer
                // records in a batch, the fewer writers come between; and a single record
                // needs nothing more when its writer has sealed it.
                Some(CommitOutcome::Conflict { .. }) => records = records.div_ceil(4),
            }
            let_others_run().await;
        }
    }

    /// How many of the entries go into one batch.
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

    /// A batch that seals anew whatever does not have the key of the store.
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

    /// The header changed during a rotation. That is harmless unless another rotation took
    /// over, or the store's deletion.
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

/// Room for the key of the header in a batch.
const HEADER_ROOM: usize = 1024;

fn sealed_by(kind: Kind, bytes: &[u8]) -> Result<KeyId, StoreError> {
    match kind {
        Kind::Secrets => SealedRecord::parse(bytes).map(|record| record.sealed_by),
        Kind::Environments => sealed_note::sealed_by("the record of an environment", bytes),
    }
}

/// Gives the other tasks of the thread a turn: between two batches nothing else would,
/// because an engine may answer without ever waiting.
pub(crate) async fn let_others_run() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
