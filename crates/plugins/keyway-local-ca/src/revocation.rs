//! Revocation of certificates.

use keyway_certificates::{CaId, CertificateError, CertificateRevocation, Pem, RevocationReason};
use keyway_core::Timestamp;
use keyway_storage::{Batch, CommitOutcome, Expectation, Revision, Turn};
use keyway_x509::check_issuer;

use crate::list_record::{ListRecord, RevocationRecord};
use crate::local_ca::{BASE, LocalCa, MAX_ATTEMPTS};
use crate::pem::certificate_pem;
use crate::records::Kind;
use crate::storage_error::{busy, corrupt, from_storage};

impl LocalCa {
    /// Revokes a certificate that an authority signed.
    pub(crate) async fn revoked(&self, request: &CertificateRevocation) -> Result<(), CertificateError> {
        let (ca, serial) = self.signed(&request.certificate, request.ca.as_ref()).await?;
        let list = self.records.key(Kind::List, &ca);
        let mut turn = Turn::new(&self.records.storage);
        turn.yields_at(&list).await;
        for _ in 0..MAX_ATTEMPTS {
            let now = self.clock.now();
            let Ok(batch) = self.with_revocation(Batch::new(), &ca, &serial, request.reason, now).await?
            else {
                return Ok(());
            };
            let outcome = self.records.storage.commit(batch).await.map_err(from_storage)?;
            if let CommitOutcome::Committed(_) = outcome {
                return Ok(());
            }
            turn.lost_at(&list).await;
        }
        Err(busy())
    }

    /// Tells whether a certificate is revoked.
    pub(crate) async fn is_revoked(
        &self,
        certificate: &Pem,
        ca: Option<&CaId>,
    ) -> Result<bool, CertificateError> {
        let (ca, serial) = self.signed(certificate, ca).await?;
        let key = self.records.revocation(&ca, &serial);
        Ok(self.records.storage.get(&key).await.map_err(from_storage)?.is_some())
    }

    /// Returns the id of the authority that signed a certificate, and the serial number of the certificate as the
    /// certificate encodes it. Fails if the authority did not sign it.
    async fn signed(
        &self,
        certificate: &Pem,
        ca: Option<&CaId>,
    ) -> Result<(String, Vec<u8>), CertificateError> {
        let id = ca.map_or(BASE, CaId::as_str);
        let authority = self.authority(ca).await?;
        let issuer = certificate_pem(&authority.record.certificate);
        let facts = check_issuer(certificate.as_str(), &issuer)
            .map_err(|fault| CertificateError::invalid("the certificate", fault.to_string()))?;
        Ok((id.to_owned(), facts.serial_der))
    }

    /// Adds a revocation to a batch. Returns the unchanged batch as the inner error if the certificate is revoked
    /// already.
    pub(crate) async fn with_revocation(
        &self,
        batch: Batch,
        ca: &str,
        serial: &[u8],
        reason: RevocationReason,
        now: Timestamp,
    ) -> Result<Result<Batch, Batch>, CertificateError> {
        let key = self.records.revocation(ca, serial);
        if self.records.storage.get(&key).await.map_err(from_storage)?.is_some() {
            return Ok(Err(batch));
        }
        let (mut list, expectation) = self.list(ca).await?;
        list.changes += 1;
        let record = RevocationRecord::new(serial, now, reason)
            .map_err(|error| CertificateError::system("make the entry of the revocation list", error))?;
        Ok(Ok(batch.put(key, record.encode(), Expectation::Absent).put(
            self.records.key(Kind::List, ca),
            list.encode(),
            expectation,
        )))
    }

    /// Reads the state of a revocation list. Also returns the expectation with which a writer must change it.
    pub(crate) async fn list(&self, ca: &str) -> Result<(ListRecord, Expectation), CertificateError> {
        let key = self.records.key(Kind::List, ca);
        let Some(record) = self.records.storage.get(&key).await.map_err(from_storage)? else {
            return Ok((ListRecord::default(), Expectation::Absent));
        };
        let list = ListRecord::decode(&record.value)
            .map_err(|error| corrupt("the record of a revocation list", error.to_string()))?;
        let revision: Revision = record.revision;
        Ok((list, Expectation::Revision(revision)))
    }
}
