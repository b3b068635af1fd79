//! New requests, signed with a stored key.
//!
//! See decision B12.

use der::asn1::{BitString, OctetString, SetOfVec};
use der::oid::AssociatedOid as _;
use der::{Decode as _, Encode as _};
use keyway_core::{Effect, ErrorKind, PluginError};
use x509_cert::attr::Attribute;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::{AlternativeName, CertificateRequest, DistinguishedName, InvalidName, PrivateKey, SigningError};

/// The error for a request that was not made. Nothing happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NewRequestError {
    /// There is neither a subject nor an alternative name.
    #[error("a request needs a subject or an alternative name")]
    Nameless,
    /// An alternative name does not have the form of its kind.
    #[error("an alternative name is not acceptable: {0}")]
    Name(#[source] InvalidName),
    /// The request would be too long.
    #[error("the request is longer than {most} bytes: use fewer alternative names")]
    TooLong {
        /// The maximum length.
        most: usize,
    },
    /// The request was not signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl PluginError for NewRequestError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Signing(_) => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        }
    }

    fn effect(&self) -> Effect {
        Effect::None
    }

    fn detail(&self) -> String {
        // The message contains the message of the source.
        self.to_string()
    }
}

impl CertificateRequest {
    /// Makes a request for a key, with a subject and alternative names, and signs it with the key.
    ///
    /// Names are kept in their order. The extension that holds them is critical exactly if the subject is empty (RFC
    /// 5280, section 4.2.1.6). The call takes the time of one signature and one verification, and does not block.
    ///
    /// ```
    /// use keyway_x509::{AlternativeName, CertificateRequest, KeyType, PrivateKey};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (key, _) = PrivateKey::generate(KeyType::EcdsaP256)?;
    /// let names = [AlternativeName::dns("door.example.com")?];
    /// let request = CertificateRequest::sign(&key, &"CN=door,O=Example".parse()?, &names)?;
    /// assert!(request.to_pem().starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"));
    /// assert_eq!(request.public_key(), key.public_key());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NewRequestError`] names the part that is not acceptable.
    pub fn sign(
        key: &PrivateKey,
        subject: &DistinguishedName,
        names: &[AlternativeName],
    ) -> Result<Self, NewRequestError> {
        if subject.is_empty() && names.is_empty() {
            return Err(NewRequestError::Nameless);
        }
        let too_long = || NewRequestError::TooLong { most: Self::MAX_BYTES };
        let names: Vec<_> = names
            .iter()
            .map(AlternativeName::to_general)
            .collect::<Result<_, _>>()
            .map_err(NewRequestError::Name)?;
        let der = encode(key, subject, names).map_err(|fault| match fault {
            Fault::Signing(error) => NewRequestError::Signing(error),
            Fault::Encoding => too_long(),
        })?;
        // Reading the request back proves that other programs can read it. Reading can fail only because the request is
        // too long.
        Self::from_der(&der).map_err(|_| too_long())
    }
}

/// The reason why a request could not be encoded or signed.
enum Fault {
    /// A part has a length that DER cannot express.
    Encoding,
    Signing(SigningError),
}

impl From<der::Error> for Fault {
    fn from(_: der::Error) -> Self {
        Self::Encoding
    }
}

fn encode(key: &PrivateKey, subject: &DistinguishedName, names: GeneralNames) -> Result<Vec<u8>, Fault> {
    let mut attributes = SetOfVec::new();
    if !names.is_empty() {
        let extension = Extension {
            extn_id: SubjectAltName::OID,
            critical: subject.is_empty(),
            extn_value: OctetString::new(SubjectAltName(names).to_der()?)?,
        };
        attributes.insert(Attribute::try_from(ExtensionReq(vec![extension]))?)?;
    }
    let info = CertReqInfo {
        version: Version::V1,
        subject: subject.as_name().clone(),
        public_key: SubjectPublicKeyInfoOwned::from_der(key.public_key().as_der())?,
        attributes,
    };
    let signature = key.sign(&info.to_der()?).map_err(Fault::Signing)?;
    let signature = BitString::from_bytes(&signature)?;
    Ok(CertReq { info, algorithm: key.signature_algorithm(), signature }.to_der()?)
}

#[cfg(test)]
mod tests;
