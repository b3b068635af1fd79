//! Certificate requests of PKCS#10, whose signatures are verified (RFC 2986).

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::{Any, BitString, ObjectIdentifier};
use der::oid::AssociatedOid as _;
use der::oid::db::rfc5280::{ID_CE_BASIC_CONSTRAINTS, ID_CE_SUBJECT_ALT_NAME};
use der::referenced::OwnedToRef as _;
use der::{Decode, Encode, Sequence};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::name::RelativeDistinguishedName;
use x509_cert::request::{CertReqInfo, ExtensionReq};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::signature::{self, SignatureFault, object_name};
use crate::{AlternativeName, DistinguishedName, PublicKey, RequestError, pem};

/// The attribute in which old programs of Microsoft put the extensions of a request.
const MICROSOFT_EXTENSIONS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.14");

/// The labels of a request. Old programs write the second one.
const LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

/// A PKCS#10 request whose signature was verified with its own key.
///
/// A value of this type proves that the signature was verified, so a function that takes a `CertificateRequest` need
/// not verify it again. The attribute `challengePassword` and unknown attributes are ignored, but no extension is
/// ignored (decision B12).
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    der: Vec<u8>,
    subject: DistinguishedName,
    public_key: PublicKey,
    extensions: Vec<RequestedExtension>,
    names: Vec<AlternativeName>,
    asks_for_authority: bool,
}

/// An extension that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestedExtension {
    /// The object identifier, with dots.
    pub id: String,
    /// Whether a reader that does not know the extension must refuse the certificate.
    pub critical: bool,
    /// The value in DER.
    pub value: Vec<u8>,
}

impl RequestedExtension {
    /// Tells whether the extension has a given object identifier.
    pub fn is(&self, id: ObjectIdentifier) -> bool {
        ObjectIdentifier::new(&self.id).is_ok_and(|own| own == id)
    }
}

impl CertificateRequest {
    /// The maximum length of a request in bytes, as PEM.
    pub const MAX_BYTES: usize = 64 << 10;

    /// Reads exactly one PEM block, and verifies the signature of the request.
    ///
    /// The label must be `CERTIFICATE REQUEST` or `NEW CERTIFICATE REQUEST`, and the text must hold nothing else. The
    /// call takes the time of one verification, about 0.1 ms, and does not block (decision B20).
    ///
    /// # Errors
    /// [`RequestError`] names the faulty part of the request, or the algorithm that is not accepted.
    ///
    /// ```
    /// use keyway_x509::{CertificateRequest, RequestError};
    ///
    /// let refused = CertificateRequest::from_pem("hello").unwrap_err();
    /// assert!(matches!(refused, RequestError::Pem(_)));
    /// ```
    pub fn from_pem(text: &str) -> Result<Self, RequestError> {
        if text.len() > Self::MAX_BYTES {
            return Err(RequestError::TooLong { most: Self::MAX_BYTES });
        }
        Self::from_der(&pem::one(text, &LABELS).map_err(RequestError::Pem)?)
    }

    /// Reads a request from the base64 of its PEM text. Orders hold requests in this form, in the field `request_data`.
    ///
    /// The base64 is in the standard alphabet, with padding, and may have line breaks.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), and [`NotBase64`](RequestError::NotBase64).
    pub fn from_request_data(base64: &str) -> Result<Self, RequestError> {
        // Base64 takes four characters for three bytes, and at most two more for the line break after 64 characters.
        if base64.len() > Self::MAX_BYTES * 3 / 2 {
            return Err(RequestError::TooLong { most: Self::MAX_BYTES });
        }
        let compact: String = base64.split_ascii_whitespace().collect();
        let pem = STANDARD.decode(compact).map_err(|_| RequestError::NotBase64)?;
        Self::from_pem(std::str::from_utf8(&pem).map_err(|_| RequestError::NotBase64)?)
    }

    /// Reads a request in DER without trailing bytes, and verifies its signature.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn from_der(der: &[u8]) -> Result<Self, RequestError> {
        if der.len() > Self::MAX_BYTES {
            return Err(RequestError::TooLong { most: Self::MAX_BYTES });
        }
        let malformed = |part| RequestError::Malformed { part };
        let signed = Signed::from_der(der).map_err(|_| malformed("outermost sequence"))?;
        let information = signed.information.to_der().map_err(|_| malformed("information"))?;
        let read = CertReqInfo::from_der(&information).map_err(|_| malformed("information"))?;
        let key = read.public_key.owned_to_ref();
        // The key is read before the signature: for an unsupported key, the error of the key says more than that of the
        // signature.
        let public_key = PublicKey::from_info(&key).map_err(RequestError::PublicKey)?;
        let signature = signed.signature.as_bytes().ok_or_else(|| malformed("signature"))?;
        signature::verify(&key, signed.algorithm.owned_to_ref(), &information, signature).map_err(
            |fault| match fault {
                SignatureFault::Unsupported { algorithm } => RequestError::SignatureAlgorithm { algorithm },
                SignatureFault::Bad => RequestError::Signature,
            },
        )?;
        // Such a name would be a subject, but would name nothing.
        if read.subject.iter_rdn().any(RelativeDistinguishedName::is_empty) {
            return Err(malformed("subject"));
        }
        let extensions = extensions(&read)?;
        Ok(Self {
            der: der.to_vec(),
            subject: DistinguishedName::from(read.subject),
            public_key,
            names: names(&extensions)?,
            asks_for_authority: asks_for_authority(&extensions)?,
            extensions,
        })
    }

    /// Returns the request in DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the request as PEM, with the label `CERTIFICATE REQUEST`.
    pub fn to_pem(&self) -> String {
        pem::write(LABELS[0], &self.der)
    }

    /// Returns the subject, which may be empty.
    pub const fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// Returns the public key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Returns the requested alternative names, in the order of the request.
    pub fn names(&self) -> &[AlternativeName] {
        &self.names
    }

    /// Returns the requested extensions, including the extension of the alternative names.
    pub fn extensions(&self) -> &[RequestedExtension] {
        &self.extensions
    }

    /// Tells whether the request asks for the certificate of an authority. No ordinary order gets such a certificate
    /// (decision B15).
    pub const fn asks_for_authority(&self) -> bool {
        self.asks_for_authority
    }
}

impl fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateRequest")
            .field("subject", &self.subject)
            .field("public_key", &self.public_key)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// The outer structure of a request. `information` keeps its bytes, because the signature covers exactly these bytes.
#[derive(Sequence)]
struct Signed {
    information: Any,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

fn extensions(information: &CertReqInfo) -> Result<Vec<RequestedExtension>, RequestError> {
    let malformed = || RequestError::Malformed { part: "extensions" };
    // OpenSSL also reads the extensions of this attribute, so a certificate could get names that were not checked.
    if information.attributes.iter().any(|attribute| attribute.oid == MICROSOFT_EXTENSIONS) {
        return Err(malformed());
    }
    let mut requests = information.attributes.iter().filter(|attribute| attribute.oid == ExtensionReq::OID);
    let Some(attribute) = requests.next() else { return Ok(Vec::new()) };
    if requests.next().is_some() || attribute.values.len() != 1 {
        return Err(malformed());
    }
    let value = attribute.values.get(0).ok_or_else(malformed)?;
    let requested: ExtensionReq = value.decode_as().map_err(|_| malformed())?;
    let mut seen = BTreeSet::new();
    for extension in &requested.0 {
        if !seen.insert(extension.extn_id) {
            return Err(RequestError::RepeatedExtension { extension: object_name(&extension.extn_id) });
        }
    }
    Ok(requested
        .0
        .into_iter()
        .map(|extension| RequestedExtension {
            id: extension.extn_id.to_string(),
            critical: extension.critical,
            value: extension.extn_value.into_bytes().into(),
        })
        .collect())
}

/// Reads the value of the extension with this object identifier. Returns `None` if the request does not have the
/// extension.
fn value<T>(
    extensions: &[RequestedExtension],
    id: ObjectIdentifier,
    part: &'static str,
) -> Result<Option<T>, RequestError>
where
    T: for<'a> Decode<'a>,
{
    let Some(extension) = extensions.iter().find(|extension| extension.is(id)) else { return Ok(None) };
    T::from_der(&extension.value).map(Some).map_err(|_| RequestError::Malformed { part })
}

fn names(extensions: &[RequestedExtension]) -> Result<Vec<AlternativeName>, RequestError> {
    const PART: &str = "alternative names";
    let Some(names) = value::<GeneralNames>(extensions, ID_CE_SUBJECT_ALT_NAME, PART)? else {
        return Ok(Vec::new());
    };
    if names.is_empty() {
        return Err(RequestError::Malformed { part: PART });
    }
    names
        .iter()
        .map(|name| AlternativeName::from_general(name).checked().map_err(RequestError::Name))
        .collect()
}

fn asks_for_authority(extensions: &[RequestedExtension]) -> Result<bool, RequestError> {
    let constraints: Option<BasicConstraints> =
        value(extensions, ID_CE_BASIC_CONSTRAINTS, "basic constraints")?;
    Ok(constraints.is_some_and(|constraints| constraints.ca))
}

#[cfg(test)]
mod tests;
