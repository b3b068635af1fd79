//! The format in which the service holds names, values and descriptions.
//!
//! ```text
//! 2.<IV, 16 bytes>|<AES-256-CBC of the plaintext, PKCS #7>|<HMAC-SHA256 of IV and ciphertext>
//! ```
//! Each of the three parts is Base64 with padding.

use std::fmt;

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use keyway_core::Wiped;
use keyway_secrets::StoreError;
use sha2::Sha256;
use zeroize::Zeroizing;

const BLOCK: usize = 16;
const TAG: usize = 32;
/// The number of bytes decrypted at once.
const PIECE: usize = 1024;

/// The labels from which the keys for the cache file are derived. The tag of an item never covers an input of the same
/// length as a label, so no tag equals one of these keys.
const ENCRYPTION: &[u8] = b"keyway kept answers, encryption";
const AUTHENTICATION: &[u8] = b"keyway kept answers, authentication";

/// A key for encryption and one for authentication, with their key schedules.
///
/// Both wipe themselves when dropped (feature `zeroize` of their crates).
pub(crate) struct ItemKey {
    cipher: Aes256,
    mac: Hmac<Sha256>,
}

/// The reason why a text cannot be decrypted. It contains no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CipherFault {
    /// The text is not `2.` and three parts in strict Base64 of the right lengths.
    #[error("it is not encrypted in the service's format")]
    Malformed,
    /// The text was changed, or encrypted with another key.
    #[error("it was changed, or encrypted with another key")]
    NotAuthentic,
    /// The plaintext has no valid padding.
    #[error("its padding is wrong")]
    Padding,
    /// The text was decrypted, but its plaintext is not valid in this place, for example because it is not UTF-8.
    #[error("its content is not of the kind that belongs there")]
    Content,
}

impl ItemKey {
    pub(crate) fn new(encryption: &[u8; 32], authentication: &[u8; 32]) -> Self {
        Self { cipher: Aes256::new(encryption.into()), mac: mac(authentication) }
    }

    /// Returns the key for the cache file.
    pub(crate) fn of_kept_answers(&self) -> Self {
        Self::new(&self.derived(ENCRYPTION), &self.derived(AUTHENTICATION))
    }

    fn derived(&self, label: &[u8]) -> Zeroizing<[u8; TAG]> {
        let mut bytes = Zeroizing::new([0; TAG]);
        bytes.copy_from_slice(&self.mac.clone().chain_update(label).finalize().into_bytes());
        bytes
    }

    /// Encrypts a plaintext under a new IV.
    pub(crate) fn seal(&self, plaintext: &[u8]) -> Result<String, StoreError> {
        let iv =
            keyway_seal::random_bytes().map_err(|error| StoreError::system("draw random bytes", error))?;
        Ok(self.seal_with(plaintext, &iv))
    }

    pub(crate) fn seal_with(&self, plaintext: &[u8], iv: &[u8; BLOCK]) -> String {
        let padding = BLOCK - plaintext.len() % BLOCK;
        let mut bytes = Wiped::new(Vec::with_capacity(plaintext.len() + padding));
        bytes.extend_from_slice(plaintext);
        bytes.resize(plaintext.len() + padding, u8::try_from(padding).unwrap_or(0));
        // Encrypts in place, so that no copy of the plaintext stays in memory.
        cbc::Encryptor::<&Aes256>::inner_iv_init(&self.cipher, iv.into())
            .encrypt_blocks(Array::slice_as_chunks_mut(&mut bytes).0);
        keyway_seal::overwrite_stack();
        self.authenticated(iv, &bytes)
    }

    /// Makes a text of an IV and a ciphertext.
    pub(crate) fn authenticated(&self, iv: &[u8; BLOCK], ciphertext: &[u8]) -> String {
        let tag = self.mac.clone().chain_update(iv).chain_update(ciphertext).finalize().into_bytes();
        format!("2.{}|{}|{}", STANDARD.encode(iv), STANDARD.encode(ciphertext), STANDARD.encode(tag))
    }

    /// Verifies a text, then decrypts it in place (decision L9).
    pub(crate) fn open(&self, text: &str) -> Result<Wiped<Vec<u8>>, CipherFault> {
        let mut parts = text.strip_prefix("2.").ok_or(CipherFault::Malformed)?.split('|');
        let (Some(iv), Some(content), Some(tag), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(CipherFault::Malformed);
        };
        let iv: [u8; BLOCK] = exactly(iv)?;
        let tag: [u8; TAG] = exactly(tag)?;
        let mut bytes = decoded(content)?;
        if bytes.is_empty() || bytes.len() % BLOCK != 0 {
            return Err(CipherFault::Malformed);
        }
        let signed = self.mac.clone().chain_update(iv).chain_update(&*bytes);
        signed.verify_slice(&tag).map_err(|_| CipherFault::NotAuthentic)?;

        let mut cipher = cbc::Decryptor::<&Aes256>::inner_iv_init(&self.cipher, &iv.into());
        for piece in bytes.chunks_mut(PIECE) {
            cipher.decrypt_blocks(Array::slice_as_chunks_mut(piece).0);
        }
        keyway_seal::overwrite_stack();
        let len = keyway_seal::unpadded_len(&bytes).ok_or(CipherFault::Padding)?;
        bytes.truncate(len);
        Ok(bytes)
    }

    /// Verifies and decrypts a text whose plaintext is UTF-8.
    pub(crate) fn open_text(&self, text: &str) -> Result<Wiped<String>, CipherFault> {
        match String::from_utf8(self.open(text)?.take()) {
            Ok(text) => Ok(Wiped::new(text)),
            Err(error) => {
                drop(Wiped::new(error.into_bytes()));
                Err(CipherFault::Content)
            }
        }
    }
}

impl fmt::Debug for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ItemKey([REDACTED])")
    }
}

/// Starts an HMAC-SHA256 with a key.
pub(crate) fn mac(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of every length, so this cannot fail.
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// Decodes an IV or a tag without an allocation. Neither is secret.
fn exactly<const N: usize>(part: &str) -> Result<[u8; N], CipherFault> {
    // The decoder needs room for whole groups of three bytes, so the buffer is longer than the result.
    let mut room = [0; 2 * TAG];
    let length = STANDARD.decode_slice(part, &mut room).map_err(|_| CipherFault::Malformed)?;
    room[..length].try_into().map_err(|_| CipherFault::Malformed)
}

fn decoded(part: &str) -> Result<Wiped<Vec<u8>>, CipherFault> {
    STANDARD.decode(part).map(Wiped::new).map_err(|_| CipherFault::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors;

    #[test]
    fn texts_that_the_go_client_lets_through_are_refused() {
        let key = vectors::recorded_key();
        for (id, expected) in [
            ("plaintext_passthrough", Err(CipherFault::Malformed)),
            ("type3", Err(CipherFault::Malformed)),
            ("dotinside", Err(CipherFault::Malformed)),
            ("truncated", Err(CipherFault::Malformed)),
            ("bad_mac", Err(CipherFault::NotAuthentic)),
            ("bad_padding_0", Err(CipherFault::Padding)),
            ("bad_padding_big", Err(CipherFault::Padding)),
            ("nonutf8", Err(CipherFault::Content)),
            ("two_blocks", Ok("0123456789abcdef")),
        ] {
            let vector = vectors::of(&format!("go.crypto.{id}")).remove(0);
            let stored = vector["input"]["stored"].as_str().unwrap();
            let opened = key.open_text(stored);
            assert_eq!(opened.as_ref().map(|text| text.as_str()).map_err(|fault| *fault), expected, "{id}");
        }
    }

    #[test]
    fn the_keys_of_the_file_are_not_tags_of_items() {
        // The tag of an item covers the IV and the ciphertext. Both are whole blocks, so they never have the length of
        // a label.
        assert!([ENCRYPTION, AUTHENTICATION].iter().all(|label| label.len() % BLOCK != 0));
        let key = ItemKey::new(&[1; 32], &[2; 32]);
        let sealed = key.seal(b"a").unwrap();
        assert_eq!(key.of_kept_answers().open(&sealed), Err(CipherFault::NotAuthentic));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", ItemKey::new(&[7; 32], &[7; 32])), "ItemKey([REDACTED])");
    }

    proptest! {
        #[test]
        fn a_sealed_text_opens_with_its_key_only(plaintext: Vec<u8>, key: [u8; 32], other: [u8; 32]) {
            prop_assume!(key != other);
            let sealer = ItemKey::new(&key, &other);
            let sealed = sealer.seal(&plaintext).unwrap();
            prop_assert_eq!(&**sealer.open(&sealed).unwrap(), &*plaintext);
            let stranger = ItemKey::new(&key, &key);
            prop_assert_eq!(stranger.open(&sealed), Err(CipherFault::NotAuthentic));
        }

        #[test]
        fn every_changed_character_is_noticed(plaintext: Vec<u8>, at: prop::sample::Index, to in "[ -~]") {
            let key = ItemKey::new(&[1; 32], &[2; 32]);
            let sealed = key.seal(&plaintext).unwrap();
            let at = at.index(sealed.len());
            prop_assume!(sealed[at..=at] != *to);
            let mut changed = sealed;
            changed.replace_range(at..=at, &to);
            prop_assert!(key.open(&changed).is_err(), "{}", changed);
        }

        #[test]
        fn no_text_causes_a_panic(text in "(2\\.)?.*\\|.*\\|.*") {
            let _ = ItemKey::new(&[1; 32], &[2; 32]).open_text(&text);
        }
    }
}
