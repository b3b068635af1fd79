//! The records that keep the subjects of authorities unique.
//!
//! A verifier finds a revocation list by the name of its issuer, so two authorities with one name would hide each
//! other's lists (decision H342).

use std::collections::BTreeSet;

use der::Decode as _;
use keyway_certificates::CertificateError;
use keyway_x509::DistinguishedName;
use x509_cert::Certificate;

use crate::authority::WHAT;
use crate::authority_record::AuthorityRecord;
use crate::local_ca::LocalCa;
use crate::records::Kind;
use crate::storage_error::corrupt;

impl LocalCa {
    /// Returns the key of the record of a subject. Subjects that differ only in upper and lower case have one key,
    /// because verifiers take them for one name.
    pub(crate) fn subject_key(&self, subject: &DistinguishedName) -> Vec<u8> {
        self.records.key(Kind::Subject, &subject.to_string().to_lowercase())
    }

    /// Returns the keys for the subjects of the base authority and of all its issuers, including the root.
    pub(crate) fn subject_keys(&self, base: &AuthorityRecord) -> Result<BTreeSet<Vec<u8>>, CertificateError> {
        let mut keys = BTreeSet::new();
        for der in std::iter::once(&base.certificate).chain(&base.issuers) {
            let certificate =
                Certificate::from_der(der).map_err(|_| corrupt(WHAT, "its chain cannot be read"))?;
            let body = certificate.tbs_certificate();
            for name in [body.subject(), body.issuer()] {
                keys.insert(self.subject_key(&DistinguishedName::from(name.clone())));
            }
        }
        Ok(keys)
    }
}
