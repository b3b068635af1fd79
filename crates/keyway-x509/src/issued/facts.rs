//! The facts about an issued certificate that a host logs.

use der::Encode as _;
use der::asn1::AnyRef;
use keyway_core::Timestamp;
use x509_cert::name::Name;

use super::Place;
use crate::certificate::Certificate;
use crate::{AlternativeName, DistinguishedName, IssuedFault, KeyType, PublicKey};

/// The facts about a certificate that passed the check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedFacts {
    /// The serial number in lower hexadecimal digits, two for each byte, without a leading zero byte.
    pub serial: String,
    /// The serial number as the certificate encodes it: the content of an INTEGER of DER, which has a sign. A
    /// revocation list repeats it.
    pub serial_der: Vec<u8>,
    /// The name of the authority that signed the certificate.
    pub issuer: DistinguishedName,
    /// The subject, which may be empty.
    pub subject: DistinguishedName,
    /// The subject as the certificate encodes it. It differs from the DER of `subject` if the certificate is not in
    /// DER, and then the certificates that name it as their issuer do not fit.
    pub subject_der: Vec<u8>,
    /// The beginning of the validity.
    pub not_before: Timestamp,
    /// The last second of the validity.
    pub not_after: Timestamp,
    /// The alternative names, in the order of the certificate.
    pub names: Vec<AlternativeName>,
    /// The identifier of the key, if the certificate has one.
    pub key_identifier: Option<Vec<u8>>,
    /// The identifier of the key that signed the certificate, if the certificate has this identifier.
    pub issuer_key_identifier: Option<Vec<u8>>,
    /// The type of the key. `None` for a type that is refused in requests.
    pub key_type: Option<KeyType>,
}

impl IssuedFacts {
    /// Returns the serial number as bytes, without leading zeros.
    pub fn serial_bytes(&self) -> Vec<u8> {
        let digit =
            |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
        self.serial
            .as_bytes()
            .chunks(2)
            .map(|pair| digit(pair[0]) << 4 | pair.get(1).map_or(0, |low| digit(*low)))
            .collect()
    }

    /// Reads the facts about a certificate that was checked before. The call does not block.
    ///
    /// # Errors
    /// [`IssuedFault`] when the text is not one certificate in PEM.
    pub fn read(certificate: &str) -> Result<Self, IssuedFault> {
        let ders = super::decode(certificate, None)?;
        Self::of(&super::read(&ders)?[0])
    }

    pub(super) fn of(certificate: &Certificate<'_>) -> Result<Self, IssuedFault> {
        let malformed = |_| IssuedFault::Malformed { place: Place::of(0), part: "signed part" };
        let name =
            |name: AnyRef<'_>| name.decode_as::<Name>().map(DistinguishedName::from).map_err(malformed);
        Ok(Self {
            serial: certificate.serial(),
            serial_der: certificate.serial_content().to_vec(),
            issuer: name(certificate.issuer())?,
            subject: name(certificate.subject())?,
            subject_der: certificate.subject().to_der().map_err(malformed)?,
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            names: certificate.names.clone(),
            key_identifier: certificate.key_identifier(),
            issuer_key_identifier: certificate.issuer_key_identifier(),
            key_type: PublicKey::from_info(certificate.public_key()).ok().map(|key| key.key_type()),
        })
    }
}
