//! The parser of a certificate in DER.

use std::fmt::Write as _;

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::oid::AssociatedOid;
use der::{Decode, Reader as _, Sequence, SliceReader, Tag, Tagged as _};
use keyway_core::Timestamp;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use x509_cert::time::Validity;

use crate::AlternativeName;
use crate::encoded_time::from_encoded;
use crate::signature::{self, SignatureFault};

/// A certificate in DER, with its parts as they were read.
#[derive(Debug)]
pub(crate) struct Certificate<'a> {
    pub(crate) der: &'a [u8],
    body: Body<'a>,
    signed: &'a [u8],
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
    pub(crate) constraints: Option<BasicConstraints>,
    pub(crate) usage: Option<KeyUsage>,
    pub(crate) names: Vec<AlternativeName>,
}

/// The signed part of a certificate (RFC 5280, section 4.1).
#[derive(Debug, Sequence)]
struct Body<'a> {
    #[asn1(context_specific = "0", default = "Default::default")]
    version: Version,
    serial: SerialNumber,
    signature: AlgorithmIdentifierRef<'a>,
    issuer: AnyRef<'a>,
    validity: Validity,
    subject: AnyRef<'a>,
    public_key: SubjectPublicKeyInfoRef<'a>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    issuer_unique_id: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    subject_unique_id: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension<'a>>>,
}

/// An extension whose value is not read yet.
#[derive(Debug, Sequence)]
struct Extension<'a> {
    id: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    critical: bool,
    value: &'a OctetStringRef,
}

/// An attribute of a name.
#[derive(Sequence)]
struct Attribute<'a> {
    id: ObjectIdentifier,
    value: AnyRef<'a>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate without trailing bytes. The error names the part that cannot be read.
    pub(crate) fn from_der(der: &'a [u8]) -> Result<Self, &'static str> {
        let outer = |der| {
            let mut reader = SliceReader::new(der)?;
            let parts = reader.sequence(|inner| {
                let signed = inner.tlv_bytes()?;
                Ok::<_, der::Error>((signed, inner.decode()?, inner.decode()?))
            })?;
            reader.finish()?;
            Ok::<_, der::Error>(parts)
        };
        let (signed, algorithm, signature) = outer(der).map_err(|_| "outermost sequence")?;
        let body = Body::from_der(signed).map_err(|_| "signed part")?;
        for name in [body.issuer, body.subject] {
            check_name(name).map_err(|_| "signed part")?;
        }
        if body.signature != algorithm {
            return Err("algorithm of the signature, which it names twice,");
        }
        let constraints = extension(&body, "basic constraints")?;
        let usage = extension(&body, "key usage")?;
        let names: Option<SubjectAltName> = extension(&body, "alternative names")?;
        let names = names.map(|names| names.0.iter().map(AlternativeName::from_general).collect());
        let names = names.unwrap_or_default();
        Ok(Self { der, body, signed, algorithm, signature, constraints, usage, names })
    }

    /// Returns the name of the issuer. Two names are equal if their encodings in DER are equal.
    pub(crate) fn issuer(&self) -> AnyRef<'a> {
        self.body.issuer
    }

    /// Returns the name of the subject.
    pub(crate) fn subject(&self) -> AnyRef<'a> {
        self.body.subject
    }

    pub(crate) fn public_key(&self) -> &SubjectPublicKeyInfoRef<'a> {
        &self.body.public_key
    }

    /// Tells whether the certificate belongs to an authority.
    pub(crate) fn is_authority(&self) -> bool {
        self.constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// Tells whether the certificate has a version before 3, which introduced extensions.
    pub(crate) fn is_version_1(&self) -> bool {
        self.body.version != Version::V3
    }

    pub(crate) fn not_before(&self) -> Timestamp {
        from_encoded(&self.body.validity.not_before)
    }

    pub(crate) fn not_after(&self) -> Timestamp {
        from_encoded(&self.body.validity.not_after)
    }

    /// Returns the extension of type `T`. Returns `None` if the certificate does not have it, or if it cannot be read.
    pub(crate) fn extension<T>(&self) -> Option<T>
    where
        T: for<'b> Decode<'b, Error = der::Error> + AssociatedOid,
    {
        extension(&self.body, "extension").ok().flatten()
    }

    /// Returns the identifier of the certified key, if the certificate has this identifier.
    pub(crate) fn key_identifier(&self) -> Option<Vec<u8>> {
        Some(self.extension::<SubjectKeyIdentifier>()?.0.into_bytes().into())
    }

    /// Returns the identifier of the key that signed the certificate, if the certificate has this identifier.
    pub(crate) fn issuer_key_identifier(&self) -> Option<Vec<u8>> {
        Some(self.extension::<AuthorityKeyIdentifier>()?.key_identifier?.into_bytes().into())
    }

    /// Tells whether the certificate names `issuer` as its issuer. The named issuer must be the subject of `issuer`. If
    /// both certificates have the identifier of the issuer's key, the two identifiers must be equal, too.
    pub(crate) fn names_issuer(&self, issuer: &Certificate<'_>) -> bool {
        let keys = self.issuer_key_identifier().zip(issuer.key_identifier());
        self.issuer() == issuer.subject() && keys.is_none_or(|(named, own)| named == own)
    }

    /// Returns the content of the INTEGER that is the serial number.
    pub(crate) fn serial_content(&self) -> &[u8] {
        self.body.serial.as_bytes()
    }

    /// Returns the serial number in hexadecimal.
    pub(crate) fn serial(&self) -> String {
        let positive = match self.serial_content() {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        let mut text = String::with_capacity(2 * positive.len());
        for byte in positive {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Verifies that the key of `issuer` signed this certificate.
    pub(crate) fn verify_signed_by(&self, issuer: &Certificate<'_>) -> Result<(), SignatureFault> {
        let signature = self.signature.as_bytes().ok_or(SignatureFault::Bad)?;
        signature::verify(issuer.public_key(), self.algorithm, self.signed, signature)
    }
}

/// Reads the extension of type `T`. Returns `None` if there is none, and `part` as the error if the extension is
/// malformed or occurs twice.
fn extension<T>(body: &Body<'_>, part: &'static str) -> Result<Option<T>, &'static str>
where
    T: for<'a> Decode<'a, Error = der::Error> + AssociatedOid,
{
    let mut found = body.extensions.iter().flatten().filter(|extension| extension.id == T::OID);
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(extension), None) => T::from_der(extension.value.as_bytes()).map(Some).map_err(|_| part),
        (Some(_), Some(_)) => Err(part),
    }
}

/// Checks that a name is a sequence of sets of attributes.
fn check_name(name: AnyRef<'_>) -> der::Result<()> {
    name.tag().assert_eq(Tag::Sequence)?;
    let mut sets = SliceReader::new(name.value())?;
    while !sets.is_finished() {
        let set: AnyRef<'_> = sets.decode()?;
        set.tag().assert_eq(Tag::Set)?;
        let mut attributes = SliceReader::new(set.value())?;
        while !attributes.is_finished() {
            attributes.decode::<Attribute<'_>>()?;
        }
    }
    Ok(())
}
