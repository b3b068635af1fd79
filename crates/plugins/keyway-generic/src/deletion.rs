//! Deleting a store, resumable at every point (decision C13).

use keyway_secrets::StoreError;
use keyway_storage::{Batch, Expectation, KeyRange, Outcome};

use crate::handle::{Handle, MAX_ATTEMPTS};
use crate::storage_error::from_storage;

impl Handle {
    /// First the header says that the store is being deleted, which shuts out all writers;
    /// then the records go, and last the header itself.
    pub(crate) async fn delete_all(&self) -> Result<(), StoreError> {
        if self.is_deleted() {
            return Ok(());
        }
        if !self.mark_deleting().await? {
            self.set_deleted();
            return Ok(());
        }
        for range in [self.prefix.secrets(), self.prefix.environments()] {
            self.delete_range(&range).await?;
        }
        let last = Batch::new()
            .delete(self.prefix.counters(), Expectation::Any)
            .delete(self.prefix.header(), Expectation::Any);
        // Without expectations there is no conflict: another handle may be deleting too.
        let _ = self.storage.commit(last).await.map_err(from_storage)?;
        self.set_deleted();
        Ok(())
    }

    /// `false` if there is no store.
    async fn mark_deleting(&self) -> Result<bool, StoreError> {
        for _ in 0..MAX_ATTEMPTS {
            let Some((mut header, revision)) = self.read_header().await? else { return Ok(false) };
            self.metadata.check(&header.text.written_by)?;
            if header.text.deleting {
                return Ok(true);
            }
            header.text.deleting = true;
            let note = header.seal(&self.keys())?;
            let batch = Batch::new().put(self.prefix.header(), note, Expectation::Revision(revision));
            if let Outcome::Committed(_) = self.storage.commit(batch).await.map_err(from_storage)? {
                return Ok(true);
            }
        }
        Err(StoreError::Conflict { attempts: MAX_ATTEMPTS })
    }

    async fn delete_range(&self, range: &KeyRange) -> Result<(), StoreError> {
        loop {
            let limit = self.storage.limits().items_per_batch;
            let page = self.storage.scan(range, None, limit).await.map_err(from_storage)?;
            if page.entries.is_empty() {
                return Ok(());
            }
            let batch = page
                .entries
                .into_iter()
                .fold(Batch::new(), |batch, entry| batch.delete(entry.key, Expectation::Any));
            let _ = self.storage.commit(batch).await.map_err(from_storage)?;
        }
    }
}
