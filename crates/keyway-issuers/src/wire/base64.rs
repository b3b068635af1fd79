//! The base64 layer (decision W1).
//!
//! The seed says base64, the real host writes base64url without padding, its tester the
//! standard alphabet with padding. So a plugin reads either, and refuses what is a mixture:
//! libraries that skip what they do not know decode it to something else than was sent.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::SecretText;

/// The two alphabets of base64. Both begin with letters and digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// `-` and `_`; written without padding.
    #[default]
    UrlSafe,
    /// `+` and `/`; written with padding.
    Standard,
}

/// Why a text is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Base64Error {
    /// A byte that is in neither alphabet: white space, for example.
    #[error("byte {at} is in neither alphabet of base64")]
    Foreign {
        /// Its position.
        at: usize,
    },
    /// A character of one alphabet after one of the other.
    #[error("byte {at} is of another alphabet than what stands before it: use one")]
    Mixed {
        /// Its position.
        at: usize,
    },
    /// Padding that is not there as a whole, too long, or within the text.
    #[error("the padding at byte {at} is wrong: pad to a multiple of four, or not at all")]
    Padding {
        /// The position of the first `=`.
        at: usize,
    },
    /// No text has this length: one character is left over.
    #[error("{length} characters cannot be base64: one is missing or one is too much")]
    Length {
        /// The number of characters without padding.
        length: usize,
    },
}

const LENIENT_BITS: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::RequireNone);
const READ_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT_BITS);
const READ_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT_BITS);

/// Writes bytes in an alphabet.
pub fn encode(bytes: &[u8], alphabet: Alphabet) -> SecretText {
    // Padded or not, four characters for three bytes are enough: the buffer never grows.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
    match alphabet {
        Alphabet::UrlSafe => URL_SAFE_NO_PAD.encode_string(bytes, &mut text),
        Alphabet::Standard => STANDARD.encode_string(bytes, &mut text),
    }
    text.into()
}

/// Reads base64 of either alphabet, padded or not. Bits left over in the last character
/// are not looked at, as nobody does.
///
/// # Errors
/// [`Base64Error`] says where it is wrong.
pub fn decode(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Base64Error> {
    let (body, alphabet) = examine(text)?;
    let mut bytes = Zeroizing::new(vec![0; body.len().div_ceil(4) * 3]);
    let engine = match alphabet {
        Alphabet::UrlSafe => READ_URL_SAFE,
        Alphabet::Standard => READ_STANDARD,
    };
    let length =
        engine.decode_slice(body, &mut bytes).map_err(|_| Base64Error::Length { length: body.len() })?;
    bytes.truncate(length);
    Ok(bytes)
}

/// The characters without padding, and the alphabet that they are of.
fn examine(text: &[u8]) -> Result<(&[u8], Alphabet), Base64Error> {
    let mut alphabet = None;
    let mut body = text;
    for (at, byte) in text.iter().enumerate() {
        let of = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => continue,
            b'-' | b'_' => Alphabet::UrlSafe,
            b'+' | b'/' => Alphabet::Standard,
            b'=' => {
                let padding = &text[at..];
                let padded = padding.iter().all(|byte| *byte == b'=') && text.len().is_multiple_of(4);
                if !padded || padding.len() > 2 {
                    return Err(Base64Error::Padding { at });
                }
                body = &text[..at];
                break;
            }
            _ => return Err(Base64Error::Foreign { at }),
        };
        if alphabet.is_some_and(|alphabet| alphabet != of) {
            return Err(Base64Error::Mixed { at });
        }
        alphabet = Some(of);
    }
    if body.len() % 4 == 1 {
        return Err(Base64Error::Length { length: body.len() });
    }
    Ok((body, alphabet.unwrap_or_default()))
}
