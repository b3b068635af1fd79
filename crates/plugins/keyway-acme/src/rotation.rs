//! Resealing of the records with a new key.

use keyway_certificates::CertificateError;

use crate::acme::Acme;

impl Acme {
    /// Reseals every record that is not sealed with the first of the keys that the host passed: the account, the open
    /// orders with their claims, and the revocations. Returns the number of these records.
    ///
    /// To change keys, open the connection with the new key before the old ones, call this function until it returns 0,
    /// and then remove the old keys. Other handles continue to work if they have the new key, too. The function makes
    /// one commit for each record and no request to the server. It may be dropped and called again at any time.
    ///
    /// # Errors
    /// The errors of the storage, and [`NotReady`](CertificateError::NotReady) for a record that is damaged or that
    /// none of the keys opens. All other records are resealed nevertheless.
    pub async fn reseal(&self) -> Result<u64, CertificateError> {
        self.records.reseal().await
    }
}
