//! Public keys for which a certificate can be made.

use std::fmt;

use der::asn1::UintRef;
use der::oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use der::oid::db::rfc8410::ID_ED_25519;
use der::{Decode, Encode, Sequence, asn1::ObjectIdentifier};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::signature::algorithm_name;

/// The lengths in bits that an RSA key of a request may have.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The type of a key, for a policy and for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyType {
    /// An elliptic curve key on P-256.
    EcdsaP256,
    /// An elliptic curve key on P-384.
    EcdsaP384,
    /// An Ed25519 key.
    Ed25519,
    /// An RSA key.
    Rsa {
        /// The length of its modulus.
        bits: usize,
    },
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
        }
    }
}

/// The error for a public key for which no certificate is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// The algorithm or the curve is not one of the four accepted ones.
    #[error("its algorithm is {algorithm}: use ECDSA P-256 or P-384, Ed25519, or RSA from 2048 to 4096 bits")]
    Algorithm {
        /// The name or the object identifier of the algorithm.
        algorithm: String,
    },
    /// The RSA key is too short or too long.
    #[error("it is an RSA key of {bits} bits: use 2048 to 4096")]
    RsaBits {
        /// The length of the modulus.
        bits: usize,
    },
    /// The key is not a `SubjectPublicKeyInfo` in DER.
    #[error("it is not a SubjectPublicKeyInfo in DER")]
    Malformed,
}

/// A public key of a known [`KeyType`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    der: Vec<u8>,
    key_type: KeyType,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` in DER.
    ///
    /// # Errors
    /// [`PublicKeyError`] names the algorithm, or the number of bits.
    pub fn from_der(der: &[u8]) -> Result<Self, PublicKeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| PublicKeyError::Malformed)?;
        Self::from_info(&info)
    }

    /// Returns the `SubjectPublicKeyInfo` in DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the type of the key.
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    pub(crate) fn from_info(info: &SubjectPublicKeyInfoRef<'_>) -> Result<Self, PublicKeyError> {
        let der = info.to_der().map_err(|_| PublicKeyError::Malformed)?;
        Ok(Self { der, key_type: key_type(info)? })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.key_type)
    }
}

fn key_type(info: &SubjectPublicKeyInfoRef<'_>) -> Result<KeyType, PublicKeyError> {
    let algorithm = &info.algorithm;
    let unknown = || PublicKeyError::Algorithm { algorithm: algorithm_name(algorithm) };
    let curve = || algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    match algorithm.oid {
        ID_EC_PUBLIC_KEY if curve() == Some(SECP_256_R_1) => Ok(KeyType::EcdsaP256),
        ID_EC_PUBLIC_KEY if curve() == Some(SECP_384_R_1) => Ok(KeyType::EcdsaP384),
        ID_ED_25519 if algorithm.parameters.is_none() => Ok(KeyType::Ed25519),
        RSA_ENCRYPTION => {
            let bits = rsa_bits(info).ok_or(PublicKeyError::Malformed)?;
            if RSA_BITS.contains(&bits) {
                Ok(KeyType::Rsa { bits })
            } else {
                Err(PublicKeyError::RsaBits { bits })
            }
        }
        _ => Err(unknown()),
    }
}

/// An RSA public key (RFC 8017, appendix A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn rsa_bits(info: &SubjectPublicKeyInfoRef<'_>) -> Option<usize> {
    let key = RsaPublicKey::from_der(info.subject_public_key.as_bytes()?).ok()?;
    let [first, rest @ ..] = key.modulus.as_bytes() else { return None };
    (!key.exponent.as_bytes().is_empty()).then_some(())?;
    Some(rest.len() * 8 + (u8::BITS - first.leading_zeros()) as usize)
}
