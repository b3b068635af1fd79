//! The Fernet format under one key: seal, verify, decrypt.
//!
//! ```text
//! 0x80 | seconds since 1970, 8 bytes | IV, 16 | AES-128-CBC of the plaintext, PKCS #7 | HMAC-SHA256 of all before, 32
//! ```
//! and all of it as URL-safe Base64 with padding.
//!
//! # Why not the `fernet` crate
//! The format is a page long and its primitives are kept by others: `aes`, `cbc`, `hmac` and
//! `sha2` of the Rust Crypto project, `base64`. The `fernet` crate stands on the same ones, one major
//! version back, and
//!
//! * cannot be given an IV, so what the specification says must come out cannot be tested;
//! * accepts what decision C8 refuses (missing and surplus padding), and panics in a debug
//!   build on a forged time, because it adds before it verifies;
//! * leaves the decoded key, the key schedule and the plaintext in memory;
//! * does the key schedules anew for each token and copies each token three times, which
//!   makes it two to three times as slow as its primitives.
//!
//! It stays a development dependency: the tests seal with one and open with the other, and
//! the benchmarks measure against it.

use std::sync::LazyLock;

use aes::Aes128;
use aes::cipher::{Array, Block, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::key::mac;
use crate::{Expected, Key, KeyId, OpenError};

const VERSION: u8 = 0x80;
const BLOCK: usize = 16;
/// Version byte, time and IV.
const HEADER: usize = 1 + 8 + BLOCK;
const TAG: usize = 32;

/// How much is encrypted, authenticated and encoded before the next piece: small enough to
/// stay in the first-level cache.
const PIECE: usize = 1024;
/// The same for plaintexts that are shorter than this.
const SMALL_PIECE: usize = 320;

/// The length in bytes of the token for a plaintext of `plaintext` bytes.
pub const fn token_len(plaintext: usize) -> usize {
    (HEADER + (plaintext / BLOCK + 1) * BLOCK + TAG).div_ceil(3) * 4
}

#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
type Base64 = base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
type Base64 = base64::engine::GeneralPurpose;

/// Built once, because building its tables takes as long as encoding a small token.
static BASE64: LazyLock<Base64> = LazyLock::new(|| {
    #[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
    return Base64::url_safe(STRICT);
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
    return Base64::new(&base64::alphabet::URL_SAFE, STRICT);
});

/// Decision C8: padding where it belongs, and one spelling for each value.
const STRICT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(true)
    .with_decode_allow_trailing_bits(false)
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);

/// A key, ready for use: the key schedules are done once, not for every token.
pub(crate) struct ReadyKey {
    pub(crate) id: KeyId,
    // Both wipe themselves when dropped, clones too (feature `zeroize` of their crates).
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
        // A large buffer takes as long to prepare as a small token takes to encrypt.
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
            // What came before, if anything: the last piece is encoded together with the end.
            out.encode_whole();
            let room = out.room(piece.len());
            // Encrypted where it was copied to, so that no plaintext stays behind.
            room.copy_from_slice(piece);
            cipher.encrypt_blocks(Array::slice_as_chunks_mut(room).0);
            mac.update(room);
        }

        let room = out.room(BLOCK);
        room.fill(u8::try_from(BLOCK - rest.len()).unwrap_or(0));
        room[..rest.len()].copy_from_slice(rest);
        cipher.encrypt_blocks(Array::slice_as_chunks_mut(room).0);
        mac.update(room);
        out.room(TAG).copy_from_slice(&mac.finalize().into_bytes());
        out.encode_rest();
    }

    /// Whether this key signed the token. Takes the same time whichever byte is wrong.
    pub(crate) fn verifies(&self, token: &Binary) -> bool {
        let (signed, tag) = token.bytes.split_at(token.bytes.len() - TAG);
        self.mac.clone().chain_update(signed).verify_slice(tag).is_ok()
    }

    /// The plaintext of a token that [`verifies`](Self::verifies).
    pub(crate) fn decrypt(&self, token: Binary) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut bytes = Zeroizing::new(token.bytes);
        let len = bytes.len() - HEADER - TAG;
        let mut iv = Block::<Aes128>::default();
        iv.copy_from_slice(&bytes[9..HEADER]);
        let mut cipher = cbc::Decryptor::<&Aes128>::inner_iv_init(&self.cipher, &iv);
        // In place, piece by piece, each moved to the front on the way: the buffer that held
        // the token is the one that is returned, and nothing else ever held the plaintext.
        for start in (0..len).step_by(PIECE) {
            let end = len.min(start + PIECE);
            bytes.copy_within(HEADER + start..HEADER + end, start);
            cipher.decrypt_blocks(Array::slice_as_chunks_mut(&mut bytes[start..end]).0);
        }
        let padding = usize::from(bytes[len - 1]);
        let padded = &bytes[len - BLOCK..len];
        if !(1..=BLOCK).contains(&padding)
            || padded[BLOCK - padding..].iter().any(|byte| usize::from(*byte) != padding)
        {
            // No oracle: who gets here holds the signing key.
            return Err(OpenError::Malformed { at: token.text_len, expected: Expected::BlockPadding });
        }
        bytes.truncate(len - padding);
        Ok(bytes)
    }
}

/// A token decoded and of the right form; nothing is known yet about who made it.
pub(crate) struct Binary {
    bytes: Vec<u8>,
    text_len: usize,
}

impl Binary {
    /// Decodes a token strictly (decision C8).
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

    /// The time that the token says it was made at; to be believed once a key verifies it.
    pub(crate) fn time(&self) -> u64 {
        let mut time = [0; 8];
        time.copy_from_slice(&self.bytes[1..9]);
        u64::from_be_bytes(time)
    }
}

/// Where a text that does not decode leaves strict URL-safe Base64.
fn where_base64_breaks(text: &[u8]) -> (usize, Expected) {
    let symbol = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let symbols = text.iter().position(|byte| !symbol(byte)).unwrap_or(text.len());
    // Two or three characters of the last four stand for one or two bytes; a single one for none.
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

/// Room for a piece between the header, or what is left of the piece before, and the last
/// block with the tag.
const fn pending(piece: usize) -> usize {
    HEADER + piece + BLOCK + TAG
}

/// Turns bytes into text as soon as three of them make four characters.
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

    /// The next `len` bytes, to be filled by the caller.
    fn room(&mut self, len: usize) -> &mut [u8] {
        let start = self.filled;
        self.filled += len;
        &mut self.binary[start..self.filled]
    }

    /// Encodes what makes whole groups once there is a piece, and moves the one or two bytes left
    /// to the front.
    fn encode_whole(&mut self) {
        if self.filled < Self::PIECE {
            return;
        }
        let whole = self.filled / 3 * 3;
        self.encode(whole);
        self.binary.copy_within(whole..self.filled, 0);
        self.filled -= whole;
    }

    /// Encodes all that is left, with padding.
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

    /// The place that an error names is the place where somebody broke the text.
    #[test]
    fn base64_breaks_where_it_was_broken() {
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

    /// Does not compile when one of the crates is built without its feature `zeroize`.
    #[test]
    fn what_holds_a_key_wipes_itself() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        // An HMAC is two of these, and does not pass the marker on.
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
