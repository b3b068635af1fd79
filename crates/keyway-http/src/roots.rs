//! The root certificates for checking the certificate of a service.

use std::fmt;

use ureq::tls::{Certificate, PemItem, parse_pem};

/// The error for a text that is not a list of certificates in PEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCertificates;

impl fmt::Display for NotCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it must be certificates in PEM")
    }
}

impl std::error::Error for NotCertificates {}

/// Reads certificates in PEM.
///
/// # Errors
/// [`NotCertificates`] if the text has no certificate, or contains something else.
pub fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, NotCertificates> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        let Ok(PemItem::Certificate(certificate)) = item else { return Err(NotCertificates) };
        certificates.push(certificate);
    }
    if certificates.is_empty() { Err(NotCertificates) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_certificates() {
        for wrong in ["", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(certificates(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(pem.repeat(2).as_bytes()).map(|read| read.len()), Ok(2));
    }
}
