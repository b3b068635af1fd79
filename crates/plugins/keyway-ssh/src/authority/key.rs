//! The key of a certificate authority.

use std::fmt;
use std::sync::Arc;

use keyway_issuers::IssuerError;
use ssh_key::{Algorithm, HashAlg, PrivateKey};

use super::pem::with_usual_layout;
use crate::file::IssuerFile;
use crate::key::LoginKey;

/// The key of a certificate authority, for a host that does not keep it in a file. Pass it to the issuer with
/// [`OpenContext::with_resources`](keyway_issuers::OpenContext::with_resources).
///
/// `Debug` shows the fingerprint. The key is zeroized when the last clone is dropped.
#[derive(Clone)]
pub struct CertificateAuthorityKey(Arc<PrivateKey>);

/// The reason why a text is not a key for signing certificates. The error does not contain the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAuthorityKey {
    /// The key is not in OpenSSH's format.
    #[error("it is not a private key in the format of OpenSSH: make one with `ssh-keygen -t ed25519`")]
    Format,
    /// The key is encrypted with a passphrase.
    #[error(
        "it is encrypted, and no user can enter a passphrase here: remove the passphrase with `ssh-keygen -p`"
    )]
    Encrypted,
    /// The key is not an Ed25519 key.
    #[error("it is no Ed25519 key: make one with `ssh-keygen -t ed25519`")]
    Type,
}

impl CertificateAuthorityKey {
    /// Reads an Ed25519 key in OpenSSH's format, as `ssh-keygen -t ed25519` makes it without a passphrase. As in
    /// OpenSSH, lines may have any length and any line break, and text after the key is ignored.
    ///
    /// # Errors
    /// [`InvalidAuthorityKey`].
    pub fn from_openssh(text: impl AsRef<[u8]>) -> Result<Self, InvalidAuthorityKey> {
        let text = with_usual_layout(text.as_ref()).ok_or(InvalidAuthorityKey::Format)?;
        let key = PrivateKey::from_openssh(&*text).map_err(|_| InvalidAuthorityKey::Format)?;
        if key.is_encrypted() {
            return Err(InvalidAuthorityKey::Encrypted);
        }
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(InvalidAuthorityKey::Type);
        }
        Ok(Self(Arc::new(key)))
    }

    /// Makes a new key, for an authority that lives no longer than the host. After each start of the host, give the
    /// [public half](Self::public_key) to the machines that trust the authority.
    ///
    /// # Errors
    /// [`Unavailable`](IssuerError::Unavailable) if the system's random source fails.
    pub fn generate() -> Result<Self, IssuerError> {
        let key = LoginKey::made("certificate authority")?;
        let text = key.private_text().unwrap_or_default();
        Self::from_openssh(text).map_err(|fault| IssuerError::system("make a key", fault))
    }

    /// Returns the public half in OpenSSH's format, for `TrustedUserCAKeys`.
    pub fn public_key(&self) -> String {
        self.0.public_key().to_string()
    }

    pub(super) fn private_key(&self) -> &PrivateKey {
        &self.0
    }

    /// Reads the file of a key. Blocks.
    pub(super) fn read(file: &IssuerFile) -> Result<Self, IssuerError> {
        let unfit = |reason| IssuerError::not_ready("the key of the certificate authority", reason);
        let path = file.path();
        let path = path.display();
        let text = file.read_secret()?.ok_or_else(|| {
            unfit(format!(
                "there is no file {path}: make it with `ssh-keygen -t ed25519 -f {path}`, or correct the \
                 setting `ca_key_file`"
            ))
        })?;
        Self::from_openssh(text.as_slice()).map_err(|fault| unfit(format!("{path}: {fault}")))
    }
}

impl fmt::Debug for CertificateAuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateAuthorityKey({})", self.0.fingerprint(HashAlg::Sha256))
    }
}

#[cfg(test)]
mod tests {
    use ssh_key::LineEnding;
    use ssh_key::private::{Ed25519Keypair, KeypairData};

    use super::*;

    #[test]
    fn a_key_is_read_in_every_layout_that_openssh_reads() {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[7; 32]));
        let text = PrivateKey::new(pair, "ca").unwrap().to_openssh(LineEnding::LF).unwrap();
        let public = CertificateAuthorityKey::from_openssh(&*text).unwrap().public_key();
        let (begin, rest) = text.split_once('\n').unwrap();
        let body: String = rest.lines().filter(|line| !line.starts_with('-')).collect();
        let end = text.lines().last().unwrap();
        let wide = |width: usize, line_end: &str| {
            let lines = body.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap());
            let lines: Vec<_> = [begin].into_iter().chain(lines).chain([end, ""]).collect();
            lines.join(line_end)
        };
        for text in [
            wide(64, "\n"),
            wide(76, "\n"),
            wide(1000, "\n"),
            wide(64, "\r\n"),
            wide(70, "\n\n"),
            wide(70, " \n\t"),
            format!("{}\n", &*text),
            format!("{} \r\n# the key of the door\n", &*text),
            text.trim_end().to_owned(),
            text.replacen('\n', "\n\n", 1),
        ] {
            let read = CertificateAuthorityKey::from_openssh(&text);
            assert_eq!(read.map(|key| key.public_key()).as_deref(), Ok(&*public), "{text}");
        }
    }

    #[test]
    fn only_a_plain_ed25519_key_signs() {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[7; 32]));
        let text = PrivateKey::new(pair, "ca").unwrap().to_openssh(LineEnding::LF).unwrap();
        let key = CertificateAuthorityKey::from_openssh(&*text).unwrap();
        assert!(key.public_key().starts_with("ssh-ed25519 "));
        assert!(format!("{key:?}").starts_with("CertificateAuthorityKey(SHA256:"));
        assert_ne!(CertificateAuthorityKey::generate().unwrap().public_key(), key.public_key());
        let public = CertificateAuthorityKey::from_openssh(key.public_key());
        assert_eq!(public.unwrap_err(), InvalidAuthorityKey::Format);
    }
}
