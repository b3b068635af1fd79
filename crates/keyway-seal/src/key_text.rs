//! The text form of a key, read and written by arithmetic alone: no secret is an index into a table, and no
//! branch depends on a valid character. A general Base64 library does not promise that.

use crate::Expected;

/// The length of the text of a 32-byte key, padding included.
pub(crate) const TEXT_LEN: usize = 44;

/// Reads `text` into `key`. Returns the position and the expected form if the text is not a key.
pub(crate) fn decode(text: &[u8], key: &mut [u8; 32]) -> Result<(), (usize, Expected)> {
    let symbols = &text[..text.len().min(TEXT_LEN - 1)];
    let mut invalid = 0;
    for symbol in symbols {
        invalid |= value(*symbol);
    }
    if invalid >= 64 {
        // The text is refused in any case, so the time may reveal the position.
        let at = symbols.iter().position(|symbol| value(*symbol) >= 64).unwrap_or(0);
        return Err((at, Expected::Symbol));
    }
    match text.get(TEXT_LEN - 1) {
        None if text.len() < TEXT_LEN - 1 => return Err((text.len(), Expected::More)),
        Some(b'=') => {}
        _ => return Err((TEXT_LEN - 1, Expected::Padding)),
    }
    if text.len() > TEXT_LEN {
        return Err((TEXT_LEN, Expected::End));
    }
    // The last of the 43 characters carries four bits of the key and two that must be zero.
    if value(text[TEXT_LEN - 2]) & 0b11 != 0 {
        return Err((TEXT_LEN - 2, Expected::CanonicalEnd));
    }
    for (bytes, quad) in key.chunks_mut(3).zip(text.chunks(4)) {
        let [a, b, c] = [value(quad[0]), value(quad[1]), value(quad[2])];
        let three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | value(quad[3]) & 0x3f];
        bytes.copy_from_slice(&three[..bytes.len()]);
    }
    Ok(())
}

/// Appends the text of `key`.
pub(crate) fn encode(key: &[u8; 32], text: &mut String) {
    for bytes in key.chunks(3) {
        let [a, b, c] = [bytes[0], bytes[1], bytes.get(2).copied().unwrap_or(0)];
        text.push(symbol(a >> 2));
        text.push(symbol((a << 4 | b >> 4) & 0x3f));
        text.push(symbol((b << 2 | c >> 6) & 0x3f));
        text.push(if bytes.len() == 3 { symbol(c & 0x3f) } else { '=' });
    }
}

/// Returns the six bits of a character, or 0xff.
fn value(symbol: u8) -> u8 {
    let symbol = u16::from(symbol);
    // Sets all bits if `low <= symbol <= high`, else none: a negative difference borrows from the upper byte.
    let within = |low: u16, high: u16| {
        let outside = (symbol.wrapping_sub(low) | high.wrapping_sub(symbol)) >> 15;
        outside.wrapping_sub(1)
    };
    let upper = within(65, 90) & symbol.wrapping_sub(65);
    let lower = within(97, 122) & symbol.wrapping_sub(71);
    let digit = within(48, 57) & symbol.wrapping_add(4);
    let minus = within(45, 45) & 0b11_1110;
    let underscore = within(95, 95) & 0b11_1111;
    let known = within(65, 90) | within(97, 122) | within(48, 57) | within(45, 45) | within(95, 95);
    ((upper | lower | digit | minus | underscore | !known) & 0xff) as u8
}

/// Returns the character of six bits.
fn symbol(value: u8) -> char {
    let bits = u16::from(value);
    // Sets all bits if `bits >= low`.
    let from = |low: u16| (bits.wrapping_sub(low) >> 15).wrapping_sub(1);
    let code = bits
        .wrapping_add(65)
        .wrapping_add(from(26) & 6)
        .wrapping_sub(from(52) & 0x4b)
        .wrapping_sub(from(62) & 0x0d)
        .wrapping_add(from(63) & 0x31);
    char::from((code & 0x7f) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn the_arithmetic_is_the_alphabet() {
        for byte in 0..=u8::MAX {
            let expected = ALPHABET.iter().position(|symbol| *symbol == byte);
            let expected = expected.map_or(0xff, |at| u8::try_from(at).unwrap());
            assert_eq!(value(byte), expected, "{byte}");
        }
        for (bits, expected) in (0..64).zip(ALPHABET) {
            assert_eq!(symbol(bits), char::from(*expected), "{bits}");
        }
    }
}
