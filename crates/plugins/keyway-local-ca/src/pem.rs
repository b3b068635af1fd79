//! Conversion of certificates to PEM.

use keyway_x509::issuing::to_pem;

/// Writes a certificate in DER as PEM.
pub(crate) fn certificate_pem(der: &[u8]) -> String {
    to_pem("CERTIFICATE", der)
}

/// Writes certificates as PEM. Returns `None` if there are none.
pub(crate) fn chain_pem(ders: &[Vec<u8>]) -> Option<String> {
    (!ders.is_empty()).then(|| ders.iter().map(|der| certificate_pem(der)).collect())
}
