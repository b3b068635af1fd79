//! One key, and the name by which it can be spoken of.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::KeyError;
use crate::key_text::{self, TEXT_LEN};

/// What the fingerprint of a key is computed over; a new scheme would need a new label.
const ID_LABEL: &[u8] = b"keyway-seal key id, version 1";

/// A Fernet key: 16 bytes that sign and 16 that encrypt.
///
/// It is wiped when dropped, has no `Clone` and no `Display`, and its `Debug` shows the
/// [`KeyId`] only.
pub struct Key {
    // Boxed, so that moving a key does not leave copies of it behind.
    bytes: Box<Zeroizing<[u8; 32]>>,
}

impl Key {
    /// Draws a new key from the system's random source. Blocks only while the system has not
    /// gathered enough randomness since it was started.
    ///
    /// # Errors
    /// [`KeyError::Random`] when that source fails.
    pub fn generate() -> Result<Self, KeyError> {
        let mut key = Self::zero();
        getrandom::fill(&mut key.bytes[..]).map_err(KeyError::Random)?;
        Ok(key)
    }

    /// Reads a key from its text: 44 characters of URL-safe Base64, padding included, nothing
    /// before or after (decision C8). No table is looked up with the secret as index.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] says where and what was expected, and quotes nothing.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut key = Self::zero();
        key_text::decode(text.as_bytes(), &mut key.bytes)
            .map_err(|(at, expected)| KeyError::Malformed { at, expected })?;
        Ok(key)
    }

    /// Takes 32 bytes as they are, and wipes where they came from.
    pub fn from_bytes(bytes: &mut [u8; 32]) -> Self {
        let mut key = Self::zero();
        key.bytes.copy_from_slice(bytes);
        bytes.zeroize();
        key
    }

    /// The key as text, for [`parse`](Self::parse): for whoever has to write it to a key file.
    pub fn expose_text(&self) -> SecretString {
        let mut text = String::with_capacity(TEXT_LEN);
        key_text::encode(&self.bytes, &mut text);
        SecretString::from(text)
    }

    /// The name of this key. It says nothing about the key, so it may be stored and shown.
    pub fn id(&self) -> KeyId {
        let mac = mac(&self.bytes[..]).chain_update(ID_LABEL).finalize().into_bytes();
        let mut id = [0; 8];
        id.copy_from_slice(&mac[..8]);
        KeyId(id)
    }

    /// The half that signs.
    pub(crate) fn signing(&self) -> &[u8] {
        &self.bytes[..16]
    }

    /// The half that encrypts.
    pub(crate) fn encryption(&self) -> &[u8] {
        &self.bytes[16..]
    }

    fn zero() -> Self {
        Self { bytes: Box::new(Zeroizing::new([0; 32])) }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl std::str::FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse(text)
    }
}

/// The keyed state of HMAC-SHA256.
pub(crate) fn mac(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length, so this cannot fail.
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// The name of a key: eight bytes of an HMAC-SHA256 under it over a fixed label.
///
/// The key cannot be found from it, so it may stand in logs, errors and stored records. Two
/// different keys share a name with a chance of one in 2^64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// From what [`to_bytes`](Self::to_bytes) gave, for instance out of a stored record.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The eight bytes.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl std::str::FromStr for KeyId {
    type Err = KeyIdError;

    /// Reads what `Display` writes: 16 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let digits = text.as_bytes();
        let mut id = [0; 8];
        for at in 0..digits.len().max(16) {
            let digit = match digits.get(at) {
                Some(digit @ b'0'..=b'9') => digit - b'0',
                Some(digit @ b'a'..=b'f') => digit - b'a' + 10,
                _ => return Err(KeyIdError { at }),
            };
            let byte = id.get_mut(at / 2).ok_or(KeyIdError { at })?;
            *byte = *byte << 4 | digit;
        }
        Ok(Self(id))
    }
}

/// A text is not the name of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a key: wrong at byte {at}; it is 16 digits of `0-9 a-f`")]
pub struct KeyIdError {
    /// The position in the text, in bytes from 0.
    pub at: usize,
}
