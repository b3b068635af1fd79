//! The base authority: a root that the plugin makes, or an authority that an operator imports.

use std::time::Duration;

use der::Decode as _;
use keyway_certificates::CertificateError;
use keyway_x509::issuing::CertificateContent;
use keyway_x509::issuing::extensions::{key_identifier, of_authority};
use keyway_x509::{Expected, PrivateKey, certificates_of_pem, check_issued};
use x509_cert::Certificate;

use crate::authority::{Authority, signed};
use crate::authority_record::AuthorityRecord;
use crate::local_ca::{BASE, LocalCa};

const DAY: u64 = 86_400;

/// Converts a number of days to a duration.
pub(crate) const fn days(days: u32) -> Duration {
    Duration::from_secs(days as u64 * DAY)
}

/// A new key of an authority.
pub(crate) struct NewKey {
    pub(crate) key: PrivateKey,
    pub(crate) stored: keyway_core::Wiped<Vec<u8>>,
    pub(crate) identifier: Vec<u8>,
}

impl LocalCa {
    /// Makes a key of the configured type.
    pub(crate) fn new_key(&self) -> Result<NewKey, CertificateError> {
        let key_type =
            self.configuration.root.as_ref().map_or_else(Default::default, |root| root.key).key_type();
        let not_ready = |error: String| CertificateError::not_ready("a new key", error);
        let (key, stored) = PrivateKey::generate(key_type).map_err(|error| not_ready(error.to_string()))?;
        let identifier = key_identifier(key.public_key()).map_err(|error| not_ready(error.to_string()))?;
        Ok(NewKey { key, stored, identifier })
    }

    /// Makes the configured root. If another handle has stored a base authority first, returns that one.
    pub(crate) async fn make_root(&self) -> Result<Option<Authority>, CertificateError> {
        let Some((root, subject)) = self.configuration.root.as_ref().zip(self.configuration.root_subject()?)
        else {
            let reason = "there is none yet: configure `root`, or import one";
            return Err(CertificateError::not_ready("the base authority", reason));
        };
        let encoding = |error: der::Error| CertificateError::system("make the root", error);
        let NewKey { key, stored, identifier } = self.new_key()?;
        let now = self.clock.now();
        let content = CertificateContent {
            subject: subject.clone(),
            issuer: subject,
            public_key: key.public_key().clone(),
            not_before: self.backdated(now),
            not_after: now.plus(days(root.days)),
            extensions: of_authority(&identifier, Some(root.path_length)).map_err(encoding)?,
        };
        let certificate = signed(&content, &key)?;
        let record = AuthorityRecord {
            id: BASE.to_owned(),
            name: self.configuration.name.clone(),
            description: None,
            parent: None,
            key: Some(stored),
            certificate,
            issuers: Vec::new(),
        };
        Ok(Some(self.store_base(record).await?.0))
    }

    /// Imports an authority with its key, as the base authority of the connection.
    ///
    /// The key is PKCS#8 in PEM. With the feature `encrypted-keys` it may be encrypted with a passphrase. It is ECDSA
    /// on P-256 or P-384, Ed25519, or RSA with 2048 to 4096 bits. The certificate is that of an authority. If it is not
    /// a root, `intermediates` has the certificates between it and the root, its issuer first. Importing the same
    /// authority again succeeds. The call makes one commit. Reading an encrypted key blocks for up to a second.
    ///
    /// # Errors
    /// [`Invalid`](CertificateError::Invalid) names the part that is not acceptable, and
    /// [`Refused`](CertificateError::Refused) says that the connection has another base authority already.
    pub async fn import(
        &self,
        key: &str,
        passphrase: Option<&[u8]>,
        certificate: &str,
        intermediates: Option<&str>,
    ) -> Result<(), CertificateError> {
        let unfit = |what, reason: String| Err(CertificateError::invalid(what, reason));
        let read = PrivateKey::pkcs8_of_pem(key, passphrase)
            .and_then(|stored| PrivateKey::from_pkcs8(&stored).map(|key| (key, stored)));
        let (key, stored) = match read {
            Ok(key) => key,
            Err(error) => return unfit("the key of the authority", error.to_string()),
        };
        let expected = Expected::new().with_authority().with_public_key(key.public_key().clone());
        if let Err(fault) = check_issued(certificate, intermediates, &expected, self.clock.now()) {
            return unfit("the certificate of the authority", fault.to_string());
        }
        let record = AuthorityRecord {
            id: BASE.to_owned(),
            name: self.configuration.name.clone(),
            description: None,
            parent: None,
            key: Some(stored),
            certificate: certificates(Some(certificate)).swap_remove(0),
            issuers: without_root(certificates(intermediates)),
        };
        if let Err(reason) = record.check_chain() {
            return unfit("the certificate of the authority", reason);
        }
        let certificate = record.certificate.clone();
        let (found, is_new) = self.store_base(record).await?;
        if is_new || found.record.certificate == certificate {
            self.forget(BASE);
            return Ok(());
        }
        let client = "The connection has another base authority already: import into another connection.";
        Err(CertificateError::refused(client, "an authority was imported where there is another one"))
    }
}

/// Returns the certificates of a PEM text that was checked before, as DER.
fn certificates(pem: Option<&str>) -> Vec<Vec<u8>> {
    pem.and_then(|pem| certificates_of_pem(pem).ok()).unwrap_or_default()
}

/// Removes a root from the end of a chain, because a verifier has its own copy.
fn without_root(mut chain: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let is_root = |der: &Vec<u8>| {
        Certificate::from_der(der)
            .is_ok_and(|read| read.tbs_certificate().issuer() == read.tbs_certificate().subject())
    };
    if chain.last().is_some_and(is_root) {
        chain.pop();
    }
    chain
}
