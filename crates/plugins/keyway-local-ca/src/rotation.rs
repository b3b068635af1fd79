//! Resealing of the records with a new key.

use keyway_certificates::CertificateError;
use keyway_storage::{Entry, rewrite};

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
    /// The errors of the storage, and [`NotReady`](CertificateError::NotReady) for a record that is damaged or that
    /// none of the keys opens. All other records are resealed nevertheless.
    pub async fn reseal(&self) -> Result<u64, CertificateError> {
        const WHAT: &str = "a sealed record of the authority";
        let (mut resealed, mut failed) = (0, None);
        for kind in [Kind::Authority, Kind::Order] {
            let change = |entry: &Entry| {
                if self.records.is_sealed_with_first(&entry.value) {
                    return Ok(None);
                }
                let content = self.records.open(WHAT, &entry.key, &entry.value)?;
                self.records.seal(&entry.key, &content).map(Some)
            };
            let all = self.records.all(kind);
            match rewrite(&*self.records.storage, &all, change).await.map_err(from_storage)? {
                Ok(count) => resealed += count,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(resealed), Err)
    }
}
