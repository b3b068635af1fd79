//! Making the certificate of an order, at most once.

use std::time::Duration;

use der::oid::db::rfc5280::ID_CE_SUBJECT_ALT_NAME;
use keyway_certificates::{CertificateError, IssuedCertificate, OrderId, RequestContext};
use keyway_core::Timestamp;
use keyway_storage::{Batch, CommitOutcome, Expectation};
use keyway_x509::issuing::{CertificateContent, extensions};

use crate::authority::{Authority, signed};
use crate::base::days;
use crate::client_request::ClientRequest;
use crate::local_ca::{LocalCa, MAX_ATTEMPTS};
use crate::order_record::OrderRecord;
use crate::records::Kind;
use crate::storage_error::{busy, corrupt, from_storage};

impl LocalCa {
    /// Reads the record of an order whose certificate was made.
    pub(crate) async fn order(&self, id: &OrderId) -> Result<Option<OrderRecord>, CertificateError> {
        const WHAT: &str = "the record of an order";
        let key = self.records.key(Kind::Order, id.as_str());
        let Some((content, _)) = self.records.get(WHAT, &key).await? else { return Ok(None) };
        OrderRecord::decode(&content).map(Some).map_err(|error| corrupt(WHAT, error.to_string()))
    }

    /// Makes the certificate of an order, or returns the one that was made before.
    ///
    /// A certificate is returned only if its record is stored, so an order never has two certificates.
    pub(crate) async fn made(
        &self,
        id: &OrderId,
        request: &ClientRequest,
        context: &RequestContext,
    ) -> Result<IssuedCertificate, CertificateError> {
        let key = self.records.key(Kind::Order, id.as_str());
        for _ in 0..MAX_ATTEMPTS {
            let authority = self.authority(context.ca.as_ref()).await?;
            let record = self.certified(&authority, request)?;
            let issued = record.issued().map_err(|_| {
                let reason =
                    "its certificate would be too long: ask for fewer names, or for a shorter subject";
                CertificateError::invalid("the certificate request", reason)
            })?;
            let batch = Batch::new()
                .put(key.clone(), self.records.seal(&key, &record.encode())?, Expectation::Absent)
                .check(self.records.key(Kind::Authority, &authority.record.id), authority.revision);
            match self.records.storage.commit(batch).await.map_err(from_storage)? {
                CommitOutcome::Committed(_) => return Ok(issued),
                CommitOutcome::Conflict { item: 0 } => {
                    if let Some(other) = self.order(id).await? {
                        return other.issued();
                    }
                }
                CommitOutcome::Conflict { .. } => self.forget(&authority.record.id),
            }
        }
        Err(busy())
    }

    /// Signs a certificate for a request.
    fn certified(
        &self,
        authority: &Authority,
        request: &ClientRequest,
    ) -> Result<OrderRecord, CertificateError> {
        let (not_before, not_after) = self.validity(authority, request.days)?;
        let read = &request.request;
        let (subject, public_key) = (read.subject().clone(), read.public_key().clone());
        let content = || {
            let mut extensions = authority.pointers(&self.configuration)?;
            extensions.push(extensions::subject_key(&extensions::key_identifier(&public_key)?)?);
            extensions.push(extensions::no_authority()?);
            extensions.push(extensions::key_usage(request.usage)?);
            extensions.push(extensions::extended_key_usage(&request.purposes)?);
            if let Some(names) = &request.names {
                extensions.push(extensions::raw(subject.is_empty(), ID_CE_SUBJECT_ALT_NAME, names)?);
            }
            let issuer = authority.subject();
            Ok(CertificateContent { subject, issuer, public_key, not_before, not_after, extensions })
        };
        let content =
            content().map_err(|error: der::Error| CertificateError::system("make the certificate", error))?;
        if content.subject == content.issuer {
            let reason = "its subject is that of the authority";
            return Err(CertificateError::invalid("the certificate request", reason));
        }
        let certificate = signed(&content, &authority.key)?;
        Ok(OrderRecord { ca: authority.record.id.clone(), certificate, chain: authority.chain() })
    }

    /// Returns the validity of a new certificate. It ends with the validity of its authority at the latest.
    fn validity(
        &self,
        authority: &Authority,
        asked: Option<u32>,
    ) -> Result<(Timestamp, Timestamp), CertificateError> {
        let (now, end) = (self.clock.now(), authority.not_after());
        authority.check_validity("the authority", now)?;
        // The last second belongs to the validity, so the duration is one second shorter.
        let lasts = days(asked.unwrap_or(self.configuration.days)).saturating_sub(Duration::from_secs(1));
        let last = now.plus(lasts);
        if asked.is_some() && last > end {
            let reason = "the certificate would outlive its authority: ask for fewer days";
            return Err(CertificateError::invalid("the field days of the order", reason));
        }
        Ok((self.backdated(now).max(authority.not_before()), last.min(end)))
    }

    /// Returns the beginning of the validity of a certificate or a revocation list that is issued at `now`.
    pub(crate) fn backdated(&self, now: Timestamp) -> Timestamp {
        let minutes = u64::from(self.configuration.backdate_minutes);
        Timestamp::from_milliseconds(now.as_milliseconds().saturating_sub(minutes * 60_000))
    }
}
