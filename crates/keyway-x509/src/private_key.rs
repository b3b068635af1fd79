//! Private keys that sign requests and certificates.

use std::fmt;

use der::Decode as _;
use der::asn1::{Any, BitString, ObjectIdentifier};
use der::oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1,
    SHA_256_WITH_RSA_ENCRYPTION,
};
use der::oid::db::rfc8410::ID_ED_25519;
use der::referenced::OwnedToRef as _;
use keyway_core::Wiped;
use pkcs8::PrivateKeyInfoRef;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::signature::algorithm_name;
use crate::{KeyType, PrivateKeyError, PublicKey, PublicKeyError, encrypted_key, pem};

/// The label of a key without encryption.
const PLAIN: &str = "PRIVATE KEY";
/// The label of an encrypted key.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// A private key of a known [`KeyType`]. `Debug` shows only its type.
///
/// `ring` holds the key in memory that it does not wipe. This crate wipes every buffer in which it passes a key to
/// `ring`.
pub struct PrivateKey {
    pair: Pair,
    public_key: PublicKey,
}

enum Pair {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// The error for a signature that could not be made, because the random source of the system failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing was signed: the random source of the system failed")]
pub struct SigningError;

impl PrivateKey {
    /// The maximum length of a key in bytes, as PEM.
    pub const MAX_BYTES: usize = 16 << 10;

    /// Reads one PEM block of PKCS#8, `PRIVATE KEY` or `ENCRYPTED PRIVATE KEY`.
    ///
    /// A key without encryption needs no passphrase, and a given one is ignored. Decryption takes as long as the key
    /// demands, at most about a second. Call this function only where blocking is allowed.
    ///
    /// # Errors
    /// [`PrivateKeyError`] says what is wrong with the key or the passphrase. The error holds neither of them.
    pub fn from_pem(text: &str, passphrase: Option<&[u8]>) -> Result<Self, PrivateKeyError> {
        Self::from_pkcs8(&Self::pkcs8_of_pem(text, passphrase)?)
    }

    /// Reads the PEM of a key, and returns its unencrypted PKCS#8 in DER, to be stored elsewhere. The call blocks as
    /// [`from_pem`](Self::from_pem) does.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), but the content of a key without encryption is not checked.
    pub fn pkcs8_of_pem(text: &str, passphrase: Option<&[u8]>) -> Result<Wiped<Vec<u8>>, PrivateKeyError> {
        if text.len() > Self::MAX_BYTES {
            return Err(PrivateKeyError::TooLong { most: Self::MAX_BYTES });
        }
        let (label, der) = pem::one_of(text, &[PLAIN, ENCRYPTED]).map_err(PrivateKeyError::Pem)?;
        if label == PLAIN {
            return Ok(der);
        }
        encrypted_key::decrypt(&der, passphrase.ok_or(PrivateKeyError::PassphraseMissing)?)
    }

    /// Reads an unencrypted key of PKCS#8 in DER.
    ///
    /// # Errors
    /// [`PrivateKeyError`] names the algorithm, or the fault of the key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, PrivateKeyError> {
        let key = PrivateKeyInfoRef::from_der(der).map_err(|_| PrivateKeyError::Malformed)?;
        let curve = || key.algorithm.parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
        let rejected =
            |fault: ring::error::KeyRejected| PrivateKeyError::Rejected { reason: fault.to_string() };
        let random = SystemRandom::new();
        let pair = match key.algorithm.oid {
            ID_EC_PUBLIC_KEY if curve() == Some(SECP_256_R_1) => {
                let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
                Pair::P256(EcdsaKeyPair::from_pkcs8(algorithm, der, &random).map_err(rejected)?)
            }
            ID_EC_PUBLIC_KEY if curve() == Some(SECP_384_R_1) => {
                let algorithm = &ECDSA_P384_SHA384_ASN1_SIGNING;
                Pair::P384(EcdsaKeyPair::from_pkcs8(algorithm, der, &random).map_err(rejected)?)
            }
            // OpenSSL writes version 1 of PKCS#8, which has no public key that `ring` could check.
            ID_ED_25519 => Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(rejected)?),
            RSA_ENCRYPTION => Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(der).map_err(rejected)?)),
            _ => {
                let algorithm = algorithm_name(&key.algorithm);
                return Err(PrivateKeyError::Algorithm(PublicKeyError::Algorithm { algorithm }));
            }
        };
        Self::new(pair)
    }

    /// Makes a new key, and returns it together with its PKCS#8 in DER, to be stored.
    ///
    /// # Errors
    /// [`PrivateKeyError::Unmakeable`] for RSA, whose keys must be made elsewhere; [`PrivateKeyError::Random`] if the
    /// random source of the system fails.
    pub fn generate(key_type: KeyType) -> Result<(Self, Wiped<Vec<u8>>), PrivateKeyError> {
        let random = SystemRandom::new();
        let document = match key_type {
            KeyType::EcdsaP256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random),
            KeyType::EcdsaP384 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, &random),
            KeyType::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random),
            KeyType::Rsa { .. } => return Err(PrivateKeyError::Unmakeable),
        };
        let document = document.map_err(|_| PrivateKeyError::Random)?;
        let der = Wiped::new(document.as_ref().to_vec());
        Ok((Self::from_pkcs8(&der)?, der))
    }

    /// Returns the public key.
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Signs a message.
    ///
    /// The algorithm follows from the key: SHA-256 with P-256 and RSA (PKCS#1), SHA-384 with P-384, or Ed25519.
    ///
    /// # Errors
    /// [`SigningError`] if the random source of the system fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) | Pair::P384(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SigningError),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(|_| SigningError)?;
                Ok(signature)
            }
        }
    }

    /// Returns the algorithm of the key's signatures, as an `AlgorithmIdentifier`.
    pub fn signature_algorithm(&self) -> AlgorithmIdentifierOwned {
        let (oid, parameters) = match &self.pair {
            Pair::P256(_) => (ECDSA_WITH_SHA_256, None),
            Pair::P384(_) => (ECDSA_WITH_SHA_384, None),
            Pair::Ed25519(_) => (ID_ED_25519, None),
            Pair::Rsa(_) => (SHA_256_WITH_RSA_ENCRYPTION, Some(Any::null())),
        };
        AlgorithmIdentifierOwned { oid, parameters }
    }

    fn new(pair: Pair) -> Result<Self, PrivateKeyError> {
        let curve = |curve: ObjectIdentifier| (ID_EC_PUBLIC_KEY, Some(Any::from(curve)));
        let ((oid, parameters), bits) = match &pair {
            Pair::P256(pair) => (curve(SECP_256_R_1), pair.public_key().as_ref()),
            Pair::P384(pair) => (curve(SECP_384_R_1), pair.public_key().as_ref()),
            Pair::Ed25519(pair) => ((ID_ED_25519, None), pair.public_key().as_ref()),
            Pair::Rsa(pair) => ((RSA_ENCRYPTION, Some(Any::null())), pair.public_key().as_ref()),
        };
        let algorithm = AlgorithmIdentifierOwned { oid, parameters };
        let subject_public_key = BitString::from_bytes(bits).map_err(|_| PrivateKeyError::Malformed)?;
        let info = SubjectPublicKeyInfoOwned { algorithm, subject_public_key };
        let public_key = PublicKey::from_info(&info.owned_to_ref()).map_err(PrivateKeyError::Algorithm)?;
        Ok(Self { pair, public_key })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, [REDACTED])", self.public_key.key_type())
    }
}

#[cfg(test)]
mod tests;
