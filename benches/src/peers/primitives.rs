//! The primitives of a Fernet token. Each primitive is called once, over the whole token.
//!
//! An implementation that combines the same primitives in one pass over the token cannot be much faster.

use std::sync::LazyLock;

use aes::{
    Aes128,
    cipher::{Array, BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _},
};
use base64::{Engine as _, engine::GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const BLOCK: usize = 16;

// This is the fastest engine for the processor. The crate keyway-seal uses the same one.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
static URL_SAFE: LazyLock<base64::engine::Simd> =
    LazyLock::new(|| base64::engine::Simd::url_safe(GeneralPurposeConfig::new()));
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
static URL_SAFE: LazyLock<base64::engine::GeneralPurpose> = LazyLock::new(|| {
    base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, GeneralPurposeConfig::new())
});

/// Buffers and keys, ready for use, for plaintexts of one length.
#[derive(Debug)]
pub struct Primitives {
    buffer: Vec<u8>,
    binary: Vec<u8>,
    text: Vec<u8>,
    mac: Hmac<Sha256>,
}

impl Primitives {
    /// Creates the buffers for plaintexts of the given length in bytes. The primitives work on the padded length.
    ///
    /// # Errors
    /// Never. The primitive checks the length of the key, and this length is allowed.
    pub fn new(plaintext: usize) -> Result<Self, hmac::digest::InvalidLength> {
        let encrypted = (plaintext / BLOCK + 1) * BLOCK;
        let token = 25 + encrypted + 32;
        Ok(Self {
            buffer: vec![7; encrypted],
            binary: vec![7; token],
            text: URL_SAFE.encode(vec![7; token]).into_bytes(),
            mac: Hmac::<Sha256>::new_from_slice(&[1; BLOCK])?,
        })
    }

    /// Draws random bytes, and applies AES-128-CBC, HMAC-SHA256 and Base64.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn seal(&mut self) -> Result<u8, getrandom::Error> {
        let mut iv = [0; BLOCK];
        getrandom::fill(&mut iv)?;
        cbc::Encryptor::<Aes128>::new(&[2; BLOCK].into(), &iv.into())
            .encrypt_blocks(Array::slice_as_chunks_mut(&mut self.buffer).0);
        let tag = self.mac.clone().chain_update(&self.buffer).finalize().into_bytes();
        let written = URL_SAFE.encode_slice(&self.binary, &mut self.text).unwrap_or_default();
        Ok(self.text[written - 1] ^ tag[0])
    }

    /// Applies Base64, HMAC-SHA256 and AES-128-CBC in the other direction.
    pub fn open(&mut self) -> u8 {
        let written = URL_SAFE.decode_slice(&self.text, &mut self.binary).unwrap_or_default();
        let tag = self.mac.clone().chain_update(&self.buffer).finalize().into_bytes();
        cbc::Decryptor::<Aes128>::new(&[2; BLOCK].into(), &[3; BLOCK].into())
            .decrypt_blocks(Array::slice_as_chunks_mut(&mut self.buffer).0);
        self.binary[written - 1] ^ self.buffer[0] ^ tag[0]
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Primitives};

    #[test]
    fn the_primitives_do_their_work() {
        let mut primitives = Primitives::new(64).expect("primitives");
        let before = primitives.buffer.clone();
        primitives.seal().expect("random bytes");
        assert_ne!(primitives.buffer, before, "encrypted");
        assert_eq!(primitives.buffer.len(), 64 + BLOCK);
        primitives.binary.fill(0);
        primitives.open();
        assert_eq!(primitives.binary.last(), Some(&7), "decoded");
    }
}
