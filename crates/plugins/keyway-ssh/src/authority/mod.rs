//! The issuer `ssh-ca`.

mod issuer;
mod key;
mod krl;
mod pem;
mod principals;
mod settings;

pub use issuer::{CertificateAuthority, CertificateAuthorityPlugin};
pub use key::{CertificateAuthorityKey, InvalidAuthorityKey};
