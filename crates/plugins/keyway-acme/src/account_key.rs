//! The key of an account: ECDSA on P-256, for signatures of the type ES256.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyway_core::Wiped;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

/// The length of one coordinate of the public key.
const COORDINATE_BYTES: usize = 32;

/// The key that signs the requests of an account. `Debug` shows only its thumbprint.
///
/// `ring` holds the key in memory that it does not wipe. This crate wipes every buffer in which it passes the key to
/// `ring`.
pub(crate) struct AccountKey {
    pair: EcdsaKeyPair,
    x: String,
    y: String,
}

/// The error for a key that cannot be made, read or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account key cannot be {attempt}: {reason}")]
pub(crate) struct AccountKeyError {
    attempt: &'static str,
    reason: &'static str,
}

const NO_RANDOMNESS: &str = "the system gives no random numbers";

impl AccountKey {
    /// Makes a random key, and returns it as PKCS#8.
    pub(crate) fn generate() -> Result<Wiped<Vec<u8>>, AccountKeyError> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let made = made.map_err(|_| AccountKeyError { attempt: "made", reason: NO_RANDOMNESS })?;
        Ok(Wiped::new(made.as_ref().to_vec()))
    }

    /// Reads a key in PKCS#8.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, AccountKeyError> {
        let unread = |reason| AccountKeyError { attempt: "read", reason };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new())
            .map_err(|_| unread("it is not a key on P-256 in PKCS#8"))?;
        let [4, point @ ..] = pair.public_key().as_ref() else {
            return Err(unread("its public half has another form"));
        };
        let (x, y) = point
            .split_at_checked(COORDINATE_BYTES)
            .ok_or_else(|| unread("its public half has another form"))?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Ok(Self { pair, x, y })
    }

    /// Signs a message with ES256 (RFC 7518, section 3.4).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, AccountKeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        let signature = signature.map_err(|_| AccountKeyError { attempt: "used", reason: NO_RANDOMNESS })?;
        Ok(signature.as_ref().to_vec())
    }

    /// Returns the public key as a JSON web key.
    pub(crate) fn jwk(&self) -> Value {
        json!({ "crv": "P-256", "kty": "EC", "x": self.x, "y": self.y })
    }

    /// Returns the thumbprint of the public key (RFC 7638).
    pub(crate) fn thumbprint(&self) -> String {
        Self::thumbprint_of(&self.x, &self.y)
    }

    /// Returns the thumbprint of a public key on P-256.
    pub(crate) fn thumbprint_of(x: &str, y: &str) -> String {
        // The thumbprint is the digest of this exact text: the members in the order of their names, without white
        // space.
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccountKey").field(&self.thumbprint()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made() {
        let der = AccountKey::generate().unwrap();
        let (one, other) = (AccountKey::from_pkcs8(&der).unwrap(), AccountKey::from_pkcs8(&der).unwrap());
        assert_eq!(one.thumbprint(), other.thumbprint());
        assert_eq!(one.sign(b"message").unwrap().len(), 2 * COORDINATE_BYTES);
        let another = AccountKey::from_pkcs8(&AccountKey::generate().unwrap()).unwrap();
        assert_ne!(one.thumbprint(), another.thumbprint());
        assert!(AccountKey::from_pkcs8(&der[1..]).is_err());
        assert!(!format!("{one:?}").contains(one.x.as_str()));
    }

    #[test]
    fn the_thumbprint_is_that_of_the_sorted_members() {
        let key = AccountKey::from_pkcs8(&AccountKey::generate().unwrap()).unwrap();
        // `serde_json` sorts the members of an object.
        let expected = URL_SAFE_NO_PAD.encode(digest(&SHA256, key.jwk().to_string().as_bytes()));
        assert_eq!(key.thumbprint(), expected);
    }
}
