//! A key and its name.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use keyway_core::SecretText;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::KeyError;
use crate::key_text::{self, TEXT_LEN};

/// The text that a key signs to make its name. A new scheme needs a new text.
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

    /// Reads a key from its text: exactly 44 characters of URL-safe Base64 with padding (decision C8). No part of the
    /// key is used as an index into a table.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] gives the position and the expected form, and quotes nothing.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut key = Self::zero();
        key_text::decode(text.as_bytes(), &mut key.bytes)
            .map_err(|(at, expected)| KeyError::Malformed { at, expected })?;
        Ok(key)
    }

    /// Takes 32 bytes as a key, and wipes the array that held them.
    pub fn from_bytes(bytes: &mut [u8; 32]) -> Self {
        let mut key = Self::zero();
        key.bytes.copy_from_slice(bytes);
        bytes.zeroize();
        key
    }

    /// Returns the key as text for a key file. [`parse`](Self::parse) reads it.
    pub fn expose_text(&self) -> SecretText {
        let mut text = String::with_capacity(TEXT_LEN);
        key_text::encode(&self.bytes, &mut text);
        SecretText::from(text)
    }

    /// Returns the name of this key. It reveals nothing about the key, so it may be stored and shown.
    pub fn id(&self) -> KeyId {
        let mac = mac(&self.bytes[..]).chain_update(ID_LABEL).finalize().into_bytes();
        let mut id = [0; 8];
        id.copy_from_slice(&mac[..8]);
        KeyId(id)
    }

    /// Returns the half that signs.
    pub(crate) fn signing(&self) -> &[u8] {
        &self.bytes[..16]
    }

    /// Returns the half that encrypts.
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

/// Starts an HMAC-SHA256 with a key.
pub(crate) fn mac(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length, so this cannot fail.
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// The name of a key: the first eight bytes of an HMAC-SHA256 of a fixed label under the key.
///
/// The key cannot be derived from its name, so the name may appear in logs, errors and stored records. Two different
/// keys share a name with a probability of one in 2^64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// Makes a name from the bytes of [`to_bytes`](Self::to_bytes), for instance from a stored record.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Returns the eight bytes.
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

    /// Reads the form that `Display` writes: 16 lower-case hexadecimal digits.
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

/// A text that is not the name of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a key: wrong at byte {at}; it is 16 digits of `0-9 a-f`")]
pub struct KeyIdError {
    /// The position in the text, in bytes from 0.
    pub at: usize,
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::Expected;

    /// The key of the Fernet specification's examples.
    const TEXT: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

    #[test]
    fn a_key_reads_as_it_writes() {
        assert_eq!(Key::parse(TEXT).unwrap().expose_text().expose(), TEXT);
        let key = Key::generate().unwrap();
        let again = Key::parse(key.expose_text().expose()).unwrap();
        assert_eq!(*again.bytes, *key.bytes);
        assert_ne!(*Key::generate().unwrap().bytes, *key.bytes);
    }

    #[test]
    fn the_halves_are_those_of_the_specification() {
        let key = Key::parse(TEXT).unwrap();
        assert_eq!((key.signing()[0], key.encryption()[15]), (0x73, 0xee));
    }

    #[test]
    fn a_text_that_is_no_key_is_refused_with_the_position() {
        let unpadded = &TEXT[..43];
        let cases = [
            (String::new(), 0, Expected::More),
            (unpadded.to_owned(), 43, Expected::Padding),
            (TEXT[..20].to_owned(), 20, Expected::More),
            (format!("{TEXT}\n"), 44, Expected::End),
            (format!("{TEXT}="), 44, Expected::End),
            (format!(" {TEXT}"), 0, Expected::Symbol),
            (format!("{unpadded} "), 43, Expected::Padding),
            (format!("{unpadded}A"), 43, Expected::Padding),
            // This text decodes to 31 bytes.
            (format!("{}==", &TEXT[..42]), 42, Expected::Symbol),
            (TEXT.replace('_', "/"), 2, Expected::Symbol),
            (TEXT.replace('-', "+"), 11, Expected::Symbol),
            (TEXT.replacen("4e4=", "4e5=", 1), 42, Expected::CanonicalEnd),
            ("\u{e9}".repeat(22), 0, Expected::Symbol),
            ("ab".repeat(32), 43, Expected::Padding),
        ];
        for (text, at, expected) in cases {
            let error = Key::parse(&text).unwrap_err();
            assert_eq!(error, KeyError::Malformed { at, expected }, "{text:?}");
        }
    }

    #[test]
    fn no_output_shows_a_key() {
        let key = Key::parse(TEXT).unwrap();
        let shown = format!("{key:?} {:?} {}", key.id(), key.id());
        let broken = Key::parse(&TEXT.replace('_', "*")).unwrap_err();
        let shown = format!("{shown} {broken:?} {broken}");
        // The output holds neither four consecutive characters of the key nor its bytes as a decimal or hexadecimal
        // list.
        for part in TEXT.as_bytes().windows(4) {
            assert!(!shown.contains(std::str::from_utf8(part).unwrap()), "{shown}");
        }
        assert!(!shown.contains("115, 15") && !shown.contains("730ff4"), "{shown}");
        assert!(format!("{:?}", key.expose_text()).contains("REDACTED"));
    }

    #[test]
    fn a_name_is_stable_and_reads_as_it_writes() {
        let id = Key::parse(TEXT).unwrap().id();
        assert_eq!(id, Key::parse(TEXT).unwrap().id());
        assert_ne!(id, Key::generate().unwrap().id());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(KeyId::from_bytes(id.to_bytes()), id);
        // Names are stored beside tokens, so the name of a key must never change.
        assert_eq!(id.to_string(), "5f656527fc6749b5");
        for (text, at) in
            [("", 0), ("0123", 4), ("0123456789abcdeF", 15), ("0123456789abcdef0", 16), ("xyz", 0)]
        {
            assert_eq!(text.parse::<KeyId>(), Err(KeyIdError { at }), "{text}");
        }
    }

    #[test]
    fn the_source_of_the_bytes_is_wiped() {
        let mut bytes = [7; 32];
        let key = Key::from_bytes(&mut bytes);
        assert_eq!((bytes, **key.bytes), ([0; 32], [7; 32]));
    }
}
