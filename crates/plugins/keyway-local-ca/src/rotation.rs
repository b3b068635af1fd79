//! Resealing of the records with a new key.

use keyway_certificates::CertificateError;
use keyway_storage::{Batch, CommitOutcome, Expectation};

use crate::local_ca::LocalCa;
use crate::records::Kind;
use crate::storage_error::from_storage;

impl LocalCa {
    /// Reseals every record that is not sealed with the first of the keys that the host passed. Returns the number of
    /// these records.
    ///
    /// To change keys, open the authority with the new key before the old ones, call this function until it returns 0,
    /// and then remove the old keys. Other handles continue to work if they have the new key, too. The function makes
    /// one commit for each record. It may be dropped and called again at any time.
    ///
    /// # Errors
    /// The errors of the storage, and [`NotReady`](CertificateError::NotReady) for a record that none of the keys
    /// opens.
    pub async fn reseal(&self) -> Result<u64, CertificateError> {
        const WHAT: &str = "a sealed record of the authority";
        let mut resealed = 0;
        for kind in [Kind::Authority, Kind::Order] {
            let (range, mut after) = (self.records.all(kind), None);
            loop {
                let page =
                    self.records.storage.scan(&range, after.as_deref(), 128).await.map_err(from_storage)?;
                for entry in &page.entries {
                    if self.records.is_sealed_with_first(&entry.value) {
                        continue;
                    }
                    let content = self.records.open(WHAT, &entry.key, &entry.value)?;
                    let value = self.records.seal(&entry.key, &content)?;
                    let expected = Expectation::Revision(entry.revision);
                    let batch = Batch::new().put(entry.key.clone(), value, expected);
                    match self.records.storage.commit(batch).await.map_err(from_storage)? {
                        // A record that another writer has changed is counted, too, so that the caller calls this
                        // function again.
                        CommitOutcome::Committed(_) | CommitOutcome::Conflict { .. } => resealed += 1,
                    }
                }
                after = page.entries.last().map(|entry| entry.key.clone());
                if !page.more {
                    break;
                }
            }
        }
        Ok(resealed)
    }
}
