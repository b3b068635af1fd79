//! The issuer `ssh-ca`.

mod issuer;
mod key;
mod krl;
mod list_file;
mod pem;
mod principals;
mod record;
mod settings;

pub use issuer::{CertificateAuthority, CertificateAuthorityPlugin};
pub use key::{CertificateAuthorityKey, InvalidAuthorityKey};
pub use list_file::set_up_revocation_list;
