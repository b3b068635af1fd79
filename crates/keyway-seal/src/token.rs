//! The Fernet format under one key: sealing, verification, decryption.
//!
//! ```text
//! 0x80 | seconds since 1970, 8 bytes | IV, 16 | AES-128-CBC of the plaintext, PKCS #7 | HMAC-SHA256 of all before, 32
//! ```
//! The whole token is URL-safe Base64 with padding.
//!
//! # Why not the `fernet` crate
//! The format is a page long, and others maintain its primitives: `aes`, `cbc`, `hmac` and `sha2` of the Rust Crypto
//! project, and `base64`. The `fernet` crate uses the same primitives, one major version behind, and
//!
//! * takes no IV, so the examples of the specification cannot be tested;
//! * accepts tokens that decision C8 refuses (missing and surplus padding), and panics in a debug build on a forged
//!   time, because it calculates with the time before it verifies the token;
//! * leaves the decoded key, the key schedule and the plaintext in memory;
//! * computes the key schedules for each token and copies each token three times, which makes it two to three
//!   times as slow as its primitives.
//!
//! The `fernet` crate stays a development dependency: tests seal with one implementation and open with the other, and
//! the benchmarks compare both.

use std::sync::LazyLock;

use aes::Aes128;
use aes::cipher::{Array, Block, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::block::{overwrite_stack, unpadded_len};
use crate::key::mac;
use crate::{Expected, Key, KeyId, OpenError};

const VERSION: u8 = 0x80;
const BLOCK: usize = 16;
/// The length of the version byte, the time and the IV.
const HEADER: usize = 1 + 8 + BLOCK;
const TAG: usize = 32;

/// The number of bytes that are encrypted, authenticated and encoded at once. They fit into the first-level cache.
const PIECE: usize = 1024;
/// As [`PIECE`], for plaintexts that are shorter than this number.
const SMALL_PIECE: usize = 320;

/// Returns the length in bytes of the token for a plaintext of `plaintext` bytes.
pub const fn token_len(plaintext: usize) -> usize {
    (HEADER + (plaintext / BLOCK + 1) * BLOCK + TAG).div_ceil(3) * 4
}

#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
type Base64 = base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
type Base64 = base64::engine::GeneralPurpose;

/// The Base64 engine. It is built once, because building its tables takes as long as encoding a small token.
static BASE64: LazyLock<Base64> = LazyLock::new(|| {
    #[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
    return Base64::url_safe(STRICT);
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
    return Base64::new(&base64::alphabet::URL_SAFE, STRICT);
});

/// Requires padding, and accepts only one spelling of each value.
///
/// See decision C8.
const STRICT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(true)
    .with_decode_allow_trailing_bits(false)
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);

/// A key with its key schedules, which are computed once and not for every token.
pub(crate) struct ReadyKey {
    pub(crate) id: KeyId,
    // The two fields wipe themselves when dropped, and so do their clones (feature `zeroize` of their crates).
    mac: Hmac<Sha256>,
    cipher: Aes128,
}

impl ReadyKey {
    pub(crate) fn new(key: &Key) -> Self {
        let mut encryption = Zeroizing::new([0; BLOCK]);
        encryption.copy_from_slice(key.encryption());
        let encryption: &[u8; BLOCK] = &encryption;
        Self { id: key.id(), mac: mac(key.signing()), cipher: Aes128::new(encryption.into()) }
    }

    /// Writes the token for `plaintext` to `text`, which has exactly [`token_len`] bytes.
    pub(crate) fn seal(&self, plaintext: &[u8], time: u64, iv: &[u8; BLOCK], text: &mut [u8]) {
        // A short plaintext gets a small buffer, because preparing a large one takes as long as encrypting a small
        // token.
        if plaintext.len() < SMALL_PIECE {
            self.seal_in(Encoder::<{ pending(SMALL_PIECE) }>::new(text), plaintext, time, iv);
        } else {
            self.seal_in(Encoder::<{ pending(PIECE) }>::new(text), plaintext, time, iv);
        }
    }

    fn seal_in<const PENDING: usize>(
        &self,
        mut out: Encoder<'_, PENDING>,
        plaintext: &[u8],
        time: u64,
        iv: &[u8; BLOCK],
    ) {
        let mut mac = self.mac.clone();
        let mut cipher = cbc::Encryptor::<&Aes128>::inner_iv_init(&self.cipher, iv.into());

        out.binary[0] = VERSION;
        out.binary[1..9].copy_from_slice(&time.to_be_bytes());
        out.binary[9..HEADER].copy_from_slice(iv);
        mac.update(&out.binary[..HEADER]);

        let (whole, rest) = plaintext.split_at(plaintext.len() / BLOCK * BLOCK);
        for piece in whole.chunks(Encoder::<PENDING>::PIECE) {
            // Encodes the previous piece, if any. The last piece is encoded together with the end of the token.
            out.encode_whole();
            let room = out.reserve(piece.len());
            // Encrypts in place, so that no copy of the plaintext remains.
            room.copy_from_slice(piece);
            cipher.encrypt_blocks(Array::slice_as_chunks_mut(room).0);
            mac.update(room);
        }

        let room = out.reserve(BLOCK);
        room.fill(u8::try_from(BLOCK - rest.len()).unwrap_or(0));
        room[..rest.len()].copy_from_slice(rest);
        cipher.encrypt_blocks(Array::slice_as_chunks_mut(room).0);
        mac.update(room);
        out.reserve(TAG).copy_from_slice(&mac.finalize().into_bytes());
        overwrite_stack();
        out.encode_rest();
    }

    /// Tells whether this key signed the token. Takes the same time whichever byte is wrong.
    pub(crate) fn verifies(&self, token: &Binary) -> bool {
        let (signed, tag) = token.bytes.split_at(token.bytes.len() - TAG);
        self.mac.clone().chain_update(signed).verify_slice(tag).is_ok()
    }

    /// Decrypts a token that [`verifies`](Self::verifies).
    pub(crate) fn decrypt(&self, token: Binary) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut bytes = Zeroizing::new(token.bytes);
        let len = bytes.len() - HEADER - TAG;
        let mut iv = Block::<Aes128>::default();
        iv.copy_from_slice(&bytes[9..HEADER]);
        let mut cipher = cbc::Decryptor::<&Aes128>::inner_iv_init(&self.cipher, &iv);
        // Decrypts in place, piece by piece, and moves each piece to the front. The buffer of the token is
        // returned, and no other memory held the plaintext.
        for start in (0..len).step_by(PIECE) {
            let end = len.min(start + PIECE);
            bytes.copy_within(HEADER + start..HEADER + end, start);
            cipher.decrypt_blocks(Array::slice_as_chunks_mut(&mut bytes[start..end]).0);
        }
        overwrite_stack();
        let Some(len) = unpadded_len(&bytes[..len]) else {
            // This error is no padding oracle, because only a token that was signed with the key gets this far.
            return Err(OpenError::Malformed { at: token.text_len, expected: Expected::BlockPadding });
        };
        bytes.truncate(len);
        Ok(bytes)
    }
}

/// A decoded token of the right form, which is not verified yet.
pub(crate) struct Binary {
    bytes: Vec<u8>,
    text_len: usize,
}

impl Binary {
    /// Decodes a token strictly.
    ///
    /// See decision C8.
    pub(crate) fn decode(text: &[u8]) -> Result<Self, OpenError> {
        if text.is_empty() {
            return Err(OpenError::Empty);
        }
        let mut bytes = vec![0; text.len().div_ceil(4) * 3];
        let malformed = |at, expected| OpenError::Malformed { at, expected };
        let len = BASE64.decode_slice(text, &mut bytes).map_err(|_| {
            let (at, expected) = where_base64_breaks(text);
            malformed(at, expected)
        })?;
        bytes.truncate(len);
        if bytes.first() != Some(&VERSION) {
            return Err(malformed(0, Expected::Version));
        }
        match len.checked_sub(HEADER + TAG) {
            None => Err(malformed(text.len(), Expected::More)),
            Some(len) if len == 0 || len % BLOCK != 0 => Err(malformed(text.len(), Expected::WholeBlocks)),
            Some(_) => Ok(Self { bytes, text_len: text.len() }),
        }
    }

    /// Returns the time in the token. Trust it only after a key verifies the token.
    pub(crate) fn time(&self) -> u64 {
        let mut time = [0; 8];
        time.copy_from_slice(&self.bytes[1..9]);
        u64::from_be_bytes(time)
    }
}

/// Finds the position at which an invalid text deviates from strict URL-safe Base64.
fn where_base64_breaks(text: &[u8]) -> (usize, Expected) {
    let symbol = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let symbols = text.iter().position(|byte| !symbol(byte)).unwrap_or(text.len());
    // Two or three characters after the last group of four stand for one or two bytes. A single character is too short
    // for a byte.
    let padding = match symbols % 4 {
        0 => 0,
        1 if symbols == text.len() => return (symbols, Expected::More),
        1 => return (symbols, Expected::Symbol),
        rest => 4 - rest,
    };
    if symbols < text.len() && (padding == 0 || text[symbols] != b'=') {
        return (symbols, Expected::Symbol);
    }
    let present = text[symbols..].iter().take(padding).take_while(|byte| **byte == b'=').count();
    if present < padding {
        (symbols + present, Expected::Padding)
    } else if symbols + padding < text.len() {
        (symbols + padding, Expected::End)
    } else {
        (symbols.saturating_sub(1), Expected::CanonicalEnd)
    }
}

/// Returns the size of the encoder's buffer. It has room for a piece, for the part before the piece (the header, or
/// bytes left from the previous piece), and for the part after it (the last block and the tag).
const fn pending(piece: usize) -> usize {
    HEADER + piece + BLOCK + TAG
}

/// An encoder of bytes to text. Three bytes become four characters.
struct Encoder<'text, const PENDING: usize> {
    text: &'text mut [u8],
    written: usize,
    binary: [u8; PENDING],
    filled: usize,
}

impl<'text, const PENDING: usize> Encoder<'text, PENDING> {
    const PIECE: usize = PENDING - pending(0);

    fn new(text: &'text mut [u8]) -> Self {
        Self { text, written: 0, binary: [0; PENDING], filled: HEADER }
    }

    /// Reserves the next `len` bytes, which the caller fills.
    fn reserve(&mut self, len: usize) -> &mut [u8] {
        let start = self.filled;
        self.filled += len;
        &mut self.binary[start..self.filled]
    }

    /// Encodes all whole groups once a piece is full, and moves the remaining one or two bytes to the front.
    fn encode_whole(&mut self) {
        if self.filled < Self::PIECE {
            return;
        }
        let whole = self.filled / 3 * 3;
        self.encode(whole);
        self.binary.copy_within(whole..self.filled, 0);
        self.filled -= whole;
    }

    /// Encodes all remaining bytes, with padding.
    fn encode_rest(&mut self) {
        self.encode(self.filled);
    }

    fn encode(&mut self, len: usize) {
        self.written += BASE64
            .encode_slice(&self.binary[..len], &mut self.text[self.written..])
            .expect("the caller gave token_len bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that an error gives the position at which the test broke the text.
    #[test]
    fn an_error_gives_the_position_of_the_fault() {
        let cases = [
            ("=", 0, Expected::Symbol),
            ("A", 1, Expected::More),
            ("A===", 1, Expected::Symbol),
            ("AA", 2, Expected::Padding),
            ("AA=", 3, Expected::Padding),
            ("AA=A", 3, Expected::Padding),
            ("AA===", 4, Expected::End),
            ("AA==\n", 4, Expected::End),
            ("AA==AAAA", 4, Expected::End),
            ("AAA", 3, Expected::Padding),
            ("AAA==", 4, Expected::End),
            ("AAAA=", 4, Expected::Symbol),
            ("AAAA\n", 4, Expected::Symbol),
            (" AAAA", 0, Expected::Symbol),
            ("AA+A", 2, Expected::Symbol),
            ("AAA/", 3, Expected::Symbol),
            ("AB==", 1, Expected::CanonicalEnd),
            ("AAAAAAB=", 6, Expected::CanonicalEnd),
            ("AA\u{e9}A", 2, Expected::Symbol),
        ];
        for (text, at, expected) in cases {
            let error = Binary::decode(text.as_bytes()).err();
            assert_eq!(error, Some(OpenError::Malformed { at, expected }), "{text:?}");
        }
    }

    /// Fails to compile if one of the crates is built without its feature `zeroize`.
    #[test]
    fn types_that_hold_a_key_wipe_themselves() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        // An HMAC does not have the marker trait itself, but it consists of two `Sha256`.
        wiped::<Sha256>();
        wiped::<Aes128>();
        wiped::<cbc::Encryptor<Aes128>>();
        wiped::<cbc::Decryptor<Aes128>>();
        wiped::<Zeroizing<Vec<u8>>>();
    }

    #[test]
    fn pieces_join_without_a_seam() {
        let key = ReadyKey::new(&Key::from_bytes(&mut [9; 32]));
        let seams = (SMALL_PIECE - 17..SMALL_PIECE + 2).chain(PIECE - 2..PIECE + 2);
        for len in (0..4 * BLOCK).chain(seams).chain(3 * PIECE - 17..3 * PIECE + 2) {
            let plaintext: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let mut text = vec![0; token_len(len)];
            key.seal(&plaintext, 7, &[1; BLOCK], &mut text);
            let binary = Binary::decode(&text).unwrap();
            assert!(key.verifies(&binary), "{len}");
            assert_eq!(*key.decrypt(binary).unwrap(), plaintext, "{len}");
        }
    }
}
