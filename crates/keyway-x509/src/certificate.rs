//! A certificate in DER, with its parts.

use std::fmt::Write as _;

use der::asn1::{Any, BitString};
use der::oid::AssociatedOid;
use der::{Decode, Encode, Sequence};
use keyway_core::Timestamp;
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::AlternativeName;
use crate::encoded_time::from_encoded;
use crate::signature::{self, SignatureFault};

/// A certificate whose signed part is kept as it was signed.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) body: TbsCertificate,
    signed: Vec<u8>,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
    pub(crate) constraints: Option<BasicConstraints>,
    pub(crate) usage: Option<KeyUsage>,
    pub(crate) names: Vec<AlternativeName>,
}

/// The outermost sequence of a certificate.
#[derive(Sequence)]
struct Signed {
    body: Any,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

impl Certificate {
    /// Reads a certificate without trailing bytes. The error names the part that cannot be read.
    pub(crate) fn from_der(der: Vec<u8>) -> Result<Self, &'static str> {
        let outer = Signed::from_der(&der).map_err(|_| "outermost sequence")?;
        let signed = outer.body.to_der().map_err(|_| "signed part")?;
        let body = TbsCertificate::from_der(&signed).map_err(|_| "signed part")?;
        if *body.signature() != outer.algorithm {
            return Err("algorithm of the signature, which it names twice,");
        }
        let constraints = extension(&body, "basic constraints")?;
        let usage = extension(&body, "key usage")?;
        let names: Option<SubjectAltName> = extension(&body, "alternative names")?;
        let names = names.map(|names| names.0.iter().map(AlternativeName::from_general).collect());
        Ok(Self {
            body,
            signed,
            algorithm: outer.algorithm,
            signature: outer.signature,
            constraints,
            usage,
            names: names.unwrap_or_default(),
            der,
        })
    }

    /// Tells whether the certificate is that of an authority.
    pub(crate) fn is_authority(&self) -> bool {
        self.constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// Tells whether the certificate is older than extensions.
    pub(crate) fn is_version_1(&self) -> bool {
        self.body.version() != Version::V3
    }

    pub(crate) fn not_before(&self) -> Timestamp {
        from_encoded(&self.body.validity().not_before)
    }

    pub(crate) fn not_after(&self) -> Timestamp {
        from_encoded(&self.body.validity().not_after)
    }

    /// Returns an extension, if the certificate has it and it can be read.
    pub(crate) fn extension<T>(&self) -> Option<T>
    where
        T: for<'a> Decode<'a, Error = der::Error> + AssociatedOid,
    {
        extension(&self.body, "extension").ok().flatten()
    }

    /// Returns the serial number in hexadecimal.
    pub(crate) fn serial(&self) -> String {
        let bytes = self.body.serial_number().as_bytes();
        let positive = match bytes {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        let mut text = String::with_capacity(2 * positive.len());
        for byte in positive {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Verifies that the key of another certificate signed this one.
    pub(crate) fn verify_signed_by(&self, issuer: &Self) -> Result<(), SignatureFault> {
        let signature = self.signature.as_bytes().ok_or(SignatureFault::Bad)?;
        signature::verify(issuer.body.subject_public_key_info(), &self.algorithm, &self.signed, signature)
    }
}

fn extension<T>(body: &TbsCertificate, part: &'static str) -> Result<Option<T>, &'static str>
where
    T: for<'a> Decode<'a, Error = der::Error> + AssociatedOid,
{
    Ok(body.get_extension::<T>().map_err(|_| part)?.map(|(_, value)| value))
}
