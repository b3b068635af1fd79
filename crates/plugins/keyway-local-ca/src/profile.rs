//! The certificates that the authority makes.

use std::time::Duration;

use der::asn1::{GeneralizedTime, UtcTime};
use keyway_certificates::CertificateError;
use keyway_core::Timestamp;
use keyway_x509::PrivateKey;
use x509_cert::Certificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

use crate::signer::{KeySigner, Signature};

/// The content of a certificate, apart from its serial number.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) subject: Name,
    pub(crate) issuer: Name,
    pub(crate) key: SubjectPublicKeyInfoOwned,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// All extensions: no code adds others.
    pub(crate) extensions: Vec<Extension>,
}

impl Content {
    /// Makes the certificate, with a new serial number of 16 random bytes.
    pub(crate) fn sign(self, signer: &PrivateKey) -> Result<Certificate, CertificateError> {
        let serial = serial_number()?;
        let made = || {
            let validity = Validity::new(time(self.not_before)?, time(self.not_after)?);
            let key = self.key.clone();
            let profile = Profile { content: &self };
            let builder = CertificateBuilder::new(profile, SerialNumber::new(&serial)?, validity, key)?;
            builder.build::<_, Signature>(&KeySigner(signer))
        };
        made().map_err(|error: x509_cert::builder::Error| {
            CertificateError::system("sign the certificate", error)
        })
    }
}

/// Draws a serial number of 16 bytes, of which the first is neither zero nor negative.
fn serial_number() -> Result<[u8; 16], CertificateError> {
    let drawn = keyway_seal::random_bytes::<16>();
    let mut serial =
        drawn.map_err(|error| CertificateError::not_ready("the random source", error.to_string()))?;
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

/// Converts a moment to whole seconds, in the form of RFC 5280: two digits of the year until 2049.
pub(crate) fn time(moment: Timestamp) -> der::Result<Time> {
    const YEAR_2050: u64 = 2_524_608_000;
    let since_epoch = Duration::from_secs(moment.as_seconds());
    Ok(if moment.as_seconds() < YEAR_2050 {
        Time::UtcTime(UtcTime::from_unix_duration(since_epoch)?)
    } else {
        Time::GeneralTime(GeneralizedTime::from_unix_duration(since_epoch)?)
    })
}

/// Converts the time in a certificate.
pub(crate) fn moment(time: &Time) -> Timestamp {
    Timestamp::default().plus(time.to_unix_duration())
}

struct Profile<'a> {
    content: &'a Content,
}

impl BuilderProfile for Profile<'_> {
    fn get_issuer(&self, _: &Name) -> Name {
        self.content.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.content.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(self.content.extensions.clone())
    }
}
