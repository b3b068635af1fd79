//! The base64 layer of the wire format.
//!
//! See decision W1.
//!
//! The seed says base64, the real host writes base64url without padding, and its tester writes the standard alphabet
//! with padding. So a plugin reads either alphabet. It refuses a text that mixes the alphabets, because a library that
//! skips the characters of the other alphabet would decode such a text to different bytes.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, general_purpose::GeneralPurposeConfig};

use crate::SecretText;
use keyway_core::Wiped;

/// The two alphabets of base64. Both begin with letters and digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// `-` and `_`; written without padding.
    #[default]
    UrlSafe,
    /// `+` and `/`; written with padding.
    Standard,
}

/// An error for a text that is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Base64Error {
    /// A byte that is in neither alphabet: white space, for example.
    #[error("byte {at} is in neither alphabet of base64")]
    Foreign {
        /// The position of the byte.
        at: usize,
    },
    /// A character of one alphabet follows a character of the other.
    #[error("byte {at} is of another alphabet than what stands before it: use one")]
    Mixed {
        /// The position of the character.
        at: usize,
    },
    /// The padding is incomplete, too long, or within the text.
    #[error("the padding at byte {at} is wrong: pad to a multiple of four, or not at all")]
    Padding {
        /// The position of the first `=`.
        at: usize,
    },
    /// The text has an impossible length: one character is left over.
    #[error("{length} characters cannot be base64: one is missing or one is extra")]
    Length {
        /// The number of characters without padding.
        length: usize,
    },
}

#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
type Base64 = base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
type Base64 = base64::engine::GeneralPurpose;

/// The configuration of the decoders. They ignore leftover bits in the last character. The caller removes the padding
/// before decoding.
const READING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::RequireNone);

static URL_SAFE: LazyLock<Base64> = LazyLock::new(|| {
    let config = READING.with_encode_padding(false);
    #[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
    return Base64::url_safe(config);
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
    return Base64::new(&base64::alphabet::URL_SAFE, config);
});

static STANDARD: LazyLock<Base64> = LazyLock::new(|| {
    #[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
    return Base64::standard(READING);
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
    return Base64::new(&base64::alphabet::STANDARD, READING);
});

impl Alphabet {
    fn engine(self) -> &'static Base64 {
        match self {
            Self::UrlSafe => &URL_SAFE,
            Self::Standard => &STANDARD,
        }
    }
}

/// Encodes bytes in an alphabet.
pub fn encode(bytes: &[u8], alphabet: Alphabet) -> SecretText {
    // Four characters for three bytes are enough with and without padding: the buffer never grows.
    let mut text = Wiped::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
    alphabet.engine().encode_string(bytes, &mut text);
    text.into()
}

/// Decodes base64 of either alphabet, padded or not. Leftover bits in the last character are
/// ignored, as other decoders do.
///
/// # Errors
/// [`Base64Error`] names the position of the fault.
pub fn decode(text: &[u8]) -> Result<Wiped<Vec<u8>>, Base64Error> {
    let body = without_padding(text)?;
    let length = body.len().div_ceil(4) * 3;
    // Avoids `vec!`: it asks for zeroed memory, which glibc allocates slowly.
    let mut bytes = Wiped::new(Vec::with_capacity(length));
    bytes.resize(length, 0);
    // The decoder of each alphabet refuses characters of the other, so a mixture is never decoded.
    let length = URL_SAFE
        .decode_slice(body, &mut bytes)
        .or_else(|_| STANDARD.decode_slice(body, &mut bytes))
        .map_err(|_| fault(body))?;
    bytes.truncate(length);
    Ok(bytes)
}

/// Finds the fault in characters that cannot be decoded.
fn fault(body: &[u8]) -> Base64Error {
    let mut seen = None;
    for (at, byte) in body.iter().enumerate() {
        let of = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => continue,
            b'-' | b'_' => Alphabet::UrlSafe,
            b'+' | b'/' => Alphabet::Standard,
            b'=' => return Base64Error::Padding { at },
            _ => return Base64Error::Foreign { at },
        };
        if seen.is_some_and(|seen| seen != of) {
            return Base64Error::Mixed { at };
        }
        seen = Some(of);
    }
    Base64Error::Length { length: body.len() }
}

/// Removes the padding at the end, and checks that it is complete.
fn without_padding(text: &[u8]) -> Result<&[u8], Base64Error> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &text[..text.len() - padding];
    if padding > 2 || (padding > 0 && !text.len().is_multiple_of(4)) {
        return Err(Base64Error::Padding { at: body.len() });
    }
    Ok(body)
}
