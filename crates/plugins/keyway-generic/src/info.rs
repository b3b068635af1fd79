//! Describes a store.
//!
//! See decision C12.

use keyway_secrets::{Count, StoreError, StoreInfo};

use crate::handle::Handle;
use crate::storage_error::from_storage;

/// The maximum number of secrets that are counted if `counted` is not set.
const QUICK: usize = 1000;

impl Handle {
    /// Describes the store. If it has more than [`QUICK`] secrets and `counted` is not set, the number is an estimate
    /// from the handles' counts of created and destroyed secrets, and so is the progress of a rotation.
    pub(crate) async fn describe(&self, counted: bool) -> Result<StoreInfo, StoreError> {
        let view = self.fresh_view().await?;
        let number =
            if counted { Some(self.count_records(&self.prefix.secrets(), |_| ()).await?) } else { None };
        let few = self.storage.scan(&self.prefix.secrets(), None, QUICK).await.map_err(from_storage)?;
        let known = number.or_else(|| (!few.more).then_some(few.entries.len() as u64));
        if let Some(known) = known {
            let tallied = self.stored_counts().await?.plus(self.pending.look()).secrets;
            self.pending.correct(i64::try_from(known).unwrap_or(i64::MAX).saturating_sub(tallied));
        }
        // Pending counts of reads and writes are stored, so that the answer stays true after a restart. After a full
        // count, the result is stored, too. Otherwise, a corrected number of secrets waits for the next write, because
        // a correction alone must not turn this read into a write.
        let pending = self.pending.look();
        if counted || pending.reads > 0 || pending.writes > 0 {
            self.store_counts(&view).await;
        }
        let counts = self.stored_counts().await?.plus(self.pending.look());
        let tallied = u64::try_from(counts.secrets).unwrap_or(0).max(few.entries.len() as u64);
        let secrets = known.map_or(Count::about(tallied), Count::exact);
        let rotation = if few.more && !counted {
            self.estimated_progress(&view, secrets.number).await?
        } else {
            self.rotation_progress(&view).await?
        };
        let written_by = Some(view.loaded.header.text.written_by.clone());
        Ok(StoreInfo::new(self.metadata.clone(), written_by, secrets)
            .with_counters(counts.reads, counts.writes)
            .with_rotation(rotation))
    }
}
