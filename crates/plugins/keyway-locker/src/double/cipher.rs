//! The cryptography of the service's clients, reconstructed from the recorded vectors.
//!
//! It shares no code with the plugin, because the double checks the plugin's cryptography.

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The size of a block of AES, and of an initialization vector, in bytes.
const BLOCK: usize = 16;
/// The size of each key, in bytes.
const KEY: usize = 32;

/// The reason why a text cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The text is not a cipher string of type 2.
    #[error("the text is not a cipher string of type 2")]
    Form,
    /// The text was changed, or sealed with other keys.
    #[error("the text was changed, or sealed with other keys")]
    Mac,
    /// The plaintext has no valid padding.
    #[error("the plaintext has no valid padding")]
    Padding,
    /// The plaintext is not UTF-8.
    #[error("the plaintext is not UTF-8")]
    Utf8,
}

/// A key of AES-256 and one of HMAC-SHA256.
#[derive(Clone, Debug)]
pub struct Keys {
    cipher: [u8; KEY],
    mac: [u8; KEY],
}

impl Keys {
    /// Returns the keys that open the key of the profile. They are derived from the bytes of a secret access key.
    pub fn of_access_key(secret_access_key: &[u8]) -> Self {
        // The first step of HKDF-Expand, which is enough for 32 bytes.
        let expanded = |info: &[u8]| hmac(secret_access_key, &[info, &[1]]);
        Self { cipher: expanded(b"enc"), mac: expanded(b"mac") }
    }

    /// Returns the keys in the first 64 bytes of the opened key of a profile. Returns `None` if it is shorter.
    pub fn of_project(opened: &[u8]) -> Option<Self> {
        let cipher = opened.first_chunk::<KEY>()?;
        let mac = opened[KEY..].first_chunk::<KEY>()?;
        Some(Self { cipher: *cipher, mac: *mac })
    }

    /// Seals a plaintext. Returns a cipher string.
    pub fn seal(&self, plaintext: &[u8], iv: [u8; BLOCK]) -> String {
        let padding = BLOCK - plaintext.len() % BLOCK;
        let mut bytes = plaintext.to_vec();
        bytes.resize(plaintext.len() + padding, u8::try_from(padding).unwrap_or_default());
        let mut encryptor = cbc::Encryptor::<Aes256>::new(&self.cipher.into(), &iv.into());
        encryptor.encrypt_blocks(Array::slice_as_chunks_mut(&mut bytes).0);
        let mac = hmac(&self.mac, &[&iv, &bytes]);
        let [iv, bytes, mac] = [&iv[..], &bytes, &mac].map(|part| STANDARD.encode(part));
        format!("2.{iv}|{bytes}|{mac}")
    }

    /// Opens a cipher string, and returns its text.
    ///
    /// # Errors
    /// Each case of [`OpenError`].
    pub fn open(&self, text: &str) -> Result<String, OpenError> {
        String::from_utf8(self.open_bytes(text)?).map_err(|_| OpenError::Utf8)
    }

    /// Opens a cipher string, and returns its bytes.
    ///
    /// # Errors
    /// Each case of [`OpenError`] except `Utf8`.
    pub fn open_bytes(&self, text: &str) -> Result<Vec<u8>, OpenError> {
        let mut bytes = self.open_blocks(text)?;
        let padding = usize::from(*bytes.last().ok_or(OpenError::Padding)?);
        let kept = bytes.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding));
        let kept = kept.ok_or(OpenError::Padding)?;
        if bytes[kept..].iter().any(|byte| usize::from(*byte) != padding) {
            return Err(OpenError::Padding);
        }
        bytes.truncate(kept);
        Ok(bytes)
    }

    /// Opens a cipher string, and returns its blocks, with their padding.
    pub(super) fn open_blocks(&self, text: &str) -> Result<Vec<u8>, OpenError> {
        let mut parts = text.strip_prefix("2.").ok_or(OpenError::Form)?.split('|');
        let mut part = || STANDARD.decode(parts.next()?).ok();
        let (Some(iv), Some(mut bytes), Some(mac), None) = (part(), part(), part(), parts.next()) else {
            return Err(OpenError::Form);
        };
        let iv = <[u8; BLOCK]>::try_from(iv).map_err(|_| OpenError::Form)?;
        if bytes.len() % BLOCK != 0 {
            return Err(OpenError::Form);
        }
        if hmac(&self.mac, &[&iv, &bytes]) != *mac {
            return Err(OpenError::Mac);
        }
        let mut decryptor = cbc::Decryptor::<Aes256>::new(&self.cipher.into(), &iv.into());
        decryptor.decrypt_blocks(Array::slice_as_chunks_mut(&mut bytes).0);
        Ok(bytes)
    }
}

/// Returns the hash by which the service looks up the name of a secret or an environment.
pub fn lookup_hash(project_id: u64, name: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{project_id}{name}")))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; KEY] {
    let mut mac = <Hmac<Sha256>>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::vectors;

    fn vector(id: &str) -> Value {
        vectors::of(id).into_iter().find(|vector| vector["id"] == id).expect("the vector is there")
    }

    fn text(value: &Value) -> &str {
        value.as_str().expect("a text")
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    fn stored(name: &str) -> (String, Value) {
        let vector = vector(&format!("go.crypto.{name}"));
        (text(&vector["input"]["stored"]).to_owned(), vector["expected"].clone())
    }

    fn access_keys() -> Keys {
        let params = vector("go.crypto.params");
        let encoded = text(&params["input"]["secret_access_key_b64"]);
        Keys::of_access_key(&STANDARD.decode(encoded).expect("base64"))
    }

    fn project_keys() -> Keys {
        let params = vector("go.crypto.params");
        let opened = access_keys().open_bytes(text(&params["input"]["profile_key"]));
        Keys::of_project(&opened.expect("the profile's key opens")).expect("64 bytes")
    }

    #[test]
    fn the_key_schedule_is_the_recorded_one() {
        let expected = &vector("go.crypto.params")["expected"];
        let (access, project) = (access_keys(), project_keys());
        assert_eq!(hex(&access.cipher), text(&expected["enc_key_hex"]));
        assert_eq!(hex(&access.mac), text(&expected["mac_key_hex"]));
        assert_eq!(hex(&project.cipher), text(&expected["sym_key_hex"]));
        assert_eq!(hex(&project.mac), text(&expected["sym_mac_hex"]));
    }

    #[test]
    fn the_lookup_hashes_are_the_recorded_ones() {
        let params = vector("go.crypto.params");
        let project_id = params["input"]["project_id"].as_u64().expect("a number");
        let hashes = params["expected"]["hash"].as_object().expect("an object");
        assert_eq!(hashes.len(), 4);
        for (name, hash) in hashes {
            assert_eq!(lookup_hash(project_id, name), text(hash), "{name:?}");
        }
    }

    #[test]
    fn a_recorded_text_of_two_blocks_opens_and_is_sealed_the_same() {
        let (stored, expected) = stored("two_blocks");
        let opened = project_keys().open(&stored).expect("it opens");
        assert_eq!(opened, text(&expected["ok"]["value"]));
        let iv = STANDARD.decode(&stored[2..26]).expect("base64").try_into().expect("16 bytes");
        assert_eq!(project_keys().seal(opened.as_bytes(), iv), stored);
    }

    #[test]
    fn recorded_texts_that_upstream_refuses_do_not_open() {
        for name in ["bad_mac", "truncated"] {
            let (stored, expected) = stored(name);
            assert_eq!(text(&expected["error"]), "decrypting: MAC check failed");
            assert_eq!(project_keys().open(&stored), Err(OpenError::Mac), "{name}");
        }
    }

    #[test]
    fn recorded_texts_that_upstream_tolerates_do_not_open() {
        for (name, error) in [
            ("plaintext_passthrough", OpenError::Form),
            ("type3", OpenError::Form),
            ("dotinside", OpenError::Form),
            ("bad_padding_0", OpenError::Padding),
            ("bad_padding_big", OpenError::Padding),
            ("nonutf8", OpenError::Utf8),
        ] {
            let (stored, expected) = stored(name);
            assert!(expected["ok"].is_object(), "{name}");
            assert_eq!(project_keys().open(&stored), Err(error), "{name}");
        }
    }

    /// Tests plaintexts with bad padding or bad UTF-8, which upstream tolerates. Upstream removes as many bytes from
    /// the end as the last byte says, if there are enough, and replaces bytes that are not UTF-8.
    #[test]
    fn the_blocks_of_tolerated_texts_are_those_that_upstream_read() {
        for name in ["bad_padding_0", "bad_padding_big", "nonutf8", "two_blocks"] {
            let (stored, expected) = stored(name);
            let mut blocks = project_keys().open_blocks(&stored).expect("the MAC is right");
            let last = usize::from(*blocks.last().expect("a block"));
            blocks.truncate(blocks.len().checked_sub(last).unwrap_or(blocks.len()));
            assert_eq!(String::from_utf8_lossy(&blocks), text(&expected["ok"]["value"]), "{name}");
        }
    }

    #[test]
    fn a_wrong_secret_access_key_does_not_open_the_recorded_profile() {
        let params = vector("go.crypto.params");
        let wrong = Keys::of_access_key(&[7; KEY]);
        assert_eq!(wrong.open_bytes(text(&params["input"]["profile_key"])), Err(OpenError::Mac));
    }

    proptest! {
        #[test]
        fn a_sealed_text_opens_to_the_same(
            plaintext in proptest::collection::vec(any::<u8>(), 0..200),
            key in any::<[u8; KEY]>(),
            iv in any::<[u8; BLOCK]>(),
        ) {
            let keys = Keys::of_access_key(&key);
            prop_assert_eq!(keys.open_bytes(&keys.seal(&plaintext, iv)), Ok(plaintext));
        }

        #[test]
        fn a_text_with_one_changed_byte_does_not_open(
            plaintext in proptest::collection::vec(any::<u8>(), 0..40),
            place in any::<proptest::sample::Index>(),
            bit in 0_u8..7,
        ) {
            let keys = Keys::of_access_key(b"key");
            let sealed = keys.seal(&plaintext, [5; BLOCK]);
            let mut bytes = sealed.into_bytes();
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            let changed = String::from_utf8(bytes).expect("ASCII");
            prop_assert!(keys.open_bytes(&changed).is_err(), "{}", changed);
        }
    }
}
