//! Conversion of certificates to PEM.

use keyway_x509::issuing::to_pem;
use keyway_x509::{MAX_CHAIN_BYTES, MAX_INTERMEDIATES};

/// Writes a certificate in DER as PEM.
pub(crate) fn certificate_pem(der: &[u8]) -> String {
    to_pem("CERTIFICATE", der)
}

/// Writes certificates as PEM. Returns `None` if there are none.
pub(crate) fn chain_pem(ders: &[Vec<u8>]) -> Option<String> {
    (!ders.is_empty()).then(|| ders.iter().map(|der| certificate_pem(der)).collect())
}

/// Tells whether a host accepts these certificates as the intermediate ones of another certificate.
pub(crate) fn is_acceptable_chain(ders: &[Vec<u8>]) -> bool {
    ders.len() <= MAX_INTERMEDIATES && chain_pem(ders).is_none_or(|pem| pem.len() <= MAX_CHAIN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_has_as_many_certificates_and_bytes_as_a_host_accepts() {
        assert!(is_acceptable_chain(&[]));
        assert!(is_acceptable_chain(&vec![vec![7; 500]; MAX_INTERMEDIATES]));
        assert!(!is_acceptable_chain(&vec![vec![7; 500]; MAX_INTERMEDIATES + 1]));
        assert!(is_acceptable_chain(&[vec![7; 48_000]]));
        assert!(!is_acceptable_chain(&[vec![7; 25_000], vec![7; 25_000]]));
    }
}
