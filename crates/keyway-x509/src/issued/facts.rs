//! The facts about an issued certificate that a host logs.

use keyway_core::Timestamp;
use x509_cert::name::Name;

use crate::certificate::Certificate;
use crate::{AlternativeName, DistinguishedName};

/// The facts about a certificate that passed the check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedFacts {
    /// The serial number in lower hexadecimal digits, two for each byte, without a leading zero byte.
    pub serial: String,
    /// The name of the authority that signed it.
    pub issuer: DistinguishedName,
    /// The subject, which may be empty.
    pub subject: DistinguishedName,
    /// The beginning of the validity.
    pub not_before: Timestamp,
    /// The last second of the validity.
    pub not_after: Timestamp,
    /// The alternative names, in the order of the certificate.
    pub names: Vec<AlternativeName>,
}

impl IssuedFacts {
    pub(super) fn of(certificate: &Certificate) -> Self {
        let name = |name: &Name| DistinguishedName::from(name.clone());
        Self {
            serial: certificate.serial(),
            issuer: name(certificate.body.issuer()),
            subject: name(certificate.body.subject()),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            names: certificate.names.clone(),
        }
    }
}
