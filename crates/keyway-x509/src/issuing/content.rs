//! The content of a new certificate, and its signature.

use der::{Decode as _, Encode as _};
use keyway_core::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder, Error};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::Validity;

use super::signer::{KeySigner, Signature};
use super::to_encoded;
use crate::{DistinguishedName, PrivateKey, PublicKey};

/// The content of a certificate of version 3, apart from its serial number.
///
/// ```
/// use keyway_x509::core::{Clock, SystemClock};
/// use keyway_x509::issuing::{CertificateContent, extensions, to_pem};
/// use keyway_x509::{Expected, KeyType, PrivateKey, check_issued};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (key, _) = PrivateKey::generate(KeyType::EcdsaP256)?;
/// let (name, now) = ("CN=Example Root", SystemClock.now());
/// let identifier = extensions::key_identifier(key.public_key())?;
/// let root = CertificateContent {
///     subject: name.parse()?,
///     issuer: name.parse()?,
///     public_key: key.public_key().clone(),
///     not_before: now,
///     not_after: now.plus(std::time::Duration::from_secs(86_400)),
///     extensions: extensions::of_authority(&identifier, Some(0))?,
/// };
/// let pem = to_pem("CERTIFICATE", &root.sign(&key)?);
///
/// let expected = Expected::new().with_authority().with_public_key(key.public_key().clone());
/// let facts = check_issued(&pem, None, &expected, now)?;
/// assert_eq!(facts.serial_bytes().len(), CertificateContent::SERIAL_BYTES);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CertificateContent {
    /// The subject, which may be empty.
    pub subject: DistinguishedName,
    /// The name of the authority.
    pub issuer: DistinguishedName,
    /// The key that is certified.
    pub public_key: PublicKey,
    /// The beginning of the validity. Milliseconds are dropped.
    pub not_before: Timestamp,
    /// The last second of the validity.
    pub not_after: Timestamp,
    /// All extensions of the certificate. Signing adds none.
    pub extensions: Vec<Extension>,
}

/// The error for a certificate that was not made. Nothing happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NewCertificateError {
    /// The random source of the system failed.
    #[error("nothing was signed: the random source of the system failed")]
    Random,
    /// A part cannot be encoded.
    #[error("nothing was signed: {reason}")]
    Encoding {
        /// The part and its fault.
        reason: String,
    },
}

impl CertificateContent {
    /// The length of a random serial number in bytes.
    pub const SERIAL_BYTES: usize = 16;

    /// Makes the certificate in DER, with a new serial number of 16 random bytes, and signs it with the key of the
    /// authority. The call takes the time of one signature, and does not block.
    ///
    /// # Errors
    /// [`NewCertificateError`]: the random source failed, or a part cannot be encoded, such as a year after 9999.
    pub fn sign(&self, signer: &PrivateKey) -> Result<Vec<u8>, NewCertificateError> {
        self.sign_with_serial(&Self::random_serial()?, signer)
    }

    /// Makes the certificate with a given serial number of at most 20 bytes. The first byte must not be zero.
    ///
    /// An authority must never use a number twice, and its next number must not be predictable. [`sign`](Self::sign)
    /// draws such a number.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn sign_with_serial(
        &self,
        serial: &[u8],
        signer: &PrivateKey,
    ) -> Result<Vec<u8>, NewCertificateError> {
        let made = || {
            let validity = Validity::new(to_encoded(self.not_before)?, to_encoded(self.not_after)?);
            let key = SubjectPublicKeyInfoOwned::from_der(self.public_key.as_der())?;
            let builder = CertificateBuilder::new(Profile(self), SerialNumber::new(serial)?, validity, key)?;
            Ok(builder.build::<_, Signature>(&KeySigner(signer))?.to_der()?)
        };
        made().map_err(|error: Error| match error {
            // With a key that Keyway has read or made, a signature fails only if the random source fails.
            Error::Signature(_) => NewCertificateError::Random,
            other => NewCertificateError::Encoding { reason: other.to_string() },
        })
    }

    /// Draws a serial number of [16 bytes](Self::SERIAL_BYTES). Its first two bits are 0 and 1, so that the number is
    /// positive and its first byte is not zero. The other 126 bits are random.
    ///
    /// # Errors
    /// [`NewCertificateError::Random`].
    pub fn random_serial() -> Result<[u8; Self::SERIAL_BYTES], NewCertificateError> {
        let mut serial = [0; Self::SERIAL_BYTES];
        SystemRandom::new().fill(&mut serial).map_err(|_| NewCertificateError::Random)?;
        serial[0] = serial[0] & 0x7f | 0x40;
        Ok(serial)
    }
}

/// A profile that makes the builder add nothing to the content.
struct Profile<'a>(&'a CertificateContent);

impl BuilderProfile for Profile<'_> {
    fn get_issuer(&self, _: &Name) -> Name {
        self.0.issuer.as_name().clone()
    }

    fn get_subject(&self) -> Name {
        self.0.subject.as_name().clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(self.0.extensions.clone())
    }
}
