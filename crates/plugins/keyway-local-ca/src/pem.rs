//! Certificates and revocation lists as PEM.

use der::pem::{LineEnding, encode_string};

/// Writes a certificate in DER as PEM.
pub(crate) fn certificate_pem(der: &[u8]) -> String {
    block("CERTIFICATE", der)
}

/// Writes certificates as PEM, if there are any.
pub(crate) fn chain_pem(ders: &[Vec<u8>]) -> Option<String> {
    (!ders.is_empty()).then(|| ders.iter().map(|der| certificate_pem(der)).collect())
}

/// Writes a block of PEM.
pub(crate) fn block(label: &str, der: &[u8]) -> String {
    // It fails for labels and lengths that no caller has.
    encode_string(label, LineEnding::LF, der).unwrap_or_default()
}
