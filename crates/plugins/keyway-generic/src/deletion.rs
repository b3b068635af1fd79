//! Deletes a store. A deletion can be interrupted at any point, and resumed later.
//!
//! See decision C13.

use keyway_secrets::StoreError;
use keyway_storage::{Batch, CommitOutcome, Expectation, Revision, let_others_run};

use crate::handle::{Handle, MAX_ATTEMPTS, Seen};
use crate::header::StoredHeader;
use crate::storage_error::from_storage;

impl Handle {
    /// Deletes the store. First the header is marked as deleting, which shuts out all writers. Then the records are
    /// deleted, and last the header.
    ///
    /// Each commit succeeds only if the header is unchanged. If the store has been replaced since this handle last saw
    /// it, nothing is deleted: another handle has finished the deletion and made a new store of the same name, which
    /// must stay.
    pub(crate) async fn delete_all(&self) -> Result<(), StoreError> {
        if self.is_deleted() {
            return Ok(());
        }
        if let Some(marked) = self.mark_deleting().await? {
            self.delete_records(marked).await?;
        }
        self.set_deleted();
        Ok(())
    }

    /// Marks the header as deleting and returns its revision. Returns `None` if the store is gone or has been replaced.
    async fn mark_deleting(&self) -> Result<Option<Revision>, StoreError> {
        let mut turn = self.turn();
        for _ in 0..MAX_ATTEMPTS {
            let keys = self.keys();
            let Some(found) = self.read_header_with(&keys).await? else { return Ok(None) };
            let StoredHeader { mut header, revision, sealed_by } = found;
            let seen = self.seen();
            // From here on the handle deletes exactly this store.
            self.set_seen(Some(&header));
            match seen {
                Seen::Store(mark) if mark != header.store_mark() => return Ok(None),
                // The store was made after this handle last looked, so the caller must repeat the deletion if the new
                // store is meant.
                Seen::Nothing => return Err(StoreError::Conflict { attempts: 1 }),
                Seen::Store(_) | Seen::Unknown => {}
            }
            self.metadata.check(&header.text.written_by)?;
            if header.text.deleting {
                return Ok(Some(revision));
            }
            header.text.deleting = true;
            let note = header.seal(&keys.led_by(sealed_by).unwrap_or(keys))?;
            let batch = Batch::new().put(self.prefix.header(), note, Expectation::Revision(revision));
            if let CommitOutcome::Committed(marked) =
                self.storage.commit(batch).await.map_err(from_storage)?
            {
                return Ok(Some(marked));
            }
            turn.lost_at(&self.prefix.header()).await;
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    async fn delete_records(&self, marked: Revision) -> Result<(), StoreError> {
        for range in [self.prefix.secrets(), self.prefix.environments()] {
            loop {
                // One item of each batch checks the header.
                let limit = self.storage.limits().items_per_batch - 1;
                let page = self.storage.scan(&range, None, limit).await.map_err(from_storage)?;
                if page.entries.is_empty() {
                    break;
                }
                let check = Batch::new().check(self.prefix.header(), marked);
                let batch = page
                    .entries
                    .into_iter()
                    .fold(check, |batch, entry| batch.delete(entry.key, Expectation::Any));
                if let CommitOutcome::Conflict { .. } =
                    self.storage.commit(batch).await.map_err(from_storage)?
                {
                    return Ok(());
                }
                let_others_run().await;
            }
        }
        let last = Batch::new()
            .delete(self.prefix.header(), Expectation::Revision(marked))
            .delete(self.prefix.counters(), Expectation::Any);
        match self.storage.commit(last).await.map_err(from_storage)? {
            CommitOutcome::Committed(_) | CommitOutcome::Conflict { .. } => Ok(()),
        }
    }
}
