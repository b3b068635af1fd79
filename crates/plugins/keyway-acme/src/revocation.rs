//! Revocation, and the record of it. The record is needed because ACME has no request that tells whether a certificate
//! is revoked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyway_certificates::{CertificateError, CertificateRevocation, Pem, RevocationReason};
use keyway_storage::Expectation;
use serde_json::json;

use crate::acme::Acme;
use crate::certificate;
use crate::failure::Failure;
use crate::problem::ProblemKind;
use crate::records::Kind;

impl Acme {
    /// Revokes a certificate. Revoking it again succeeds.
    pub(crate) async fn revoked(&self, request: &CertificateRevocation) -> Result<(), CertificateError> {
        let der = certificate::der(&request.certificate)?;
        if self.is_revoked(&request.certificate).await? {
            return Ok(());
        }
        let until = self.until();
        let mut payload = json!({ "certificate": URL_SAFE_NO_PAD.encode(&der) });
        if request.reason != RevocationReason::Unspecified {
            payload["reason"] = request.reason.code().into();
        }
        let url = self.client.directory(until).map_err(Failure::into_error)?.revoke_cert;
        match self.post(&url, Some(&payload), until).await {
            Ok(_) => {}
            Err(failure) if failure.is(&ProblemKind::AlreadyRevoked) => {}
            Err(failure) => return Err(failure.into_error()),
        }
        let key = self.records.key(Kind::Revocation, &der);
        self.records.put(&[(&key, &[], Expectation::Any)]).await.map(drop)
    }

    /// Tells whether this connection revoked a certificate.
    pub(crate) async fn is_revoked(&self, pem: &Pem) -> Result<bool, CertificateError> {
        let key = self.records.key(Kind::Revocation, &certificate::der(pem)?);
        Ok(self.records.get(&key).await?.is_some())
    }
}
