//! The base64 that a plugin reads: in either alphabet but not in a mixture of both, with or without padding.
//!
//! See decision W1.

use crate::replay::oracle::base64;

/// Decodes a text. Returns `None` if the text is not permitted. A text that is valid in both alphabets has the same
/// meaning in both.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    if padding > 0 && (padding > 2 || !text.len().is_multiple_of(4)) {
        return None;
    }
    let has = |of: &[char]| body.contains(of);
    if has(&['+', '/']) && has(&['-', '_']) {
        return None;
    }
    let mut symbols: Vec<u8> = body.replace('+', "-").replace('/', "_").into_bytes();
    // Leftover bits have no meaning, so they may have any value. They are set to zero here, because the strict reader
    // requires that.
    let spare = match symbols.len() % 4 {
        1 => return None,
        2 => 4,
        3 => 2,
        _ => 0,
    };
    if let Some(last) = symbols.last_mut() {
        *last = without_low_bits(*last, spare)?;
    }
    while !symbols.len().is_multiple_of(4) {
        symbols.push(b'=');
    }
    base64::decode_strictly(&symbols)
}

/// Tells whether a text is plain base64url without padding, which every reader reads the same.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn without_low_bits(symbol: u8, bits: u32) -> Option<u8> {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = SYMBOLS.iter().position(|known| *known == symbol)?;
    Some(SYMBOLS[value >> bits << bits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_alphabet_and_no_mixture() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("YQ", b"a"),
            ("YQ==", b"a"),
            ("YR", b"a"),
            ("YWJj", b"abc"),
            ("-_-_", b"\xfb\xff\xbf"),
            ("+/+/", b"\xfb\xff\xbf"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["Y", "YWJjZ", "-_+/", "YW Jj", "YQ=", "YWJj====", "=", "YW=Jj", "YWJj\n", "é"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
