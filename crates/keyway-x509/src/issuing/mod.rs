//! Making of new certificates, for plugins that are an authority.

mod content;
pub mod extensions;
mod signer;

pub use content::{CertificateContent, NewCertificateError};

pub use crate::encoded_time::{from_encoded, to_encoded};

/// Writes DER as a PEM block, such as one with the label `CERTIFICATE` or `X509 CRL`.
pub fn to_pem(label: &'static str, der: &[u8]) -> String {
    crate::pem::write(label, der)
}
