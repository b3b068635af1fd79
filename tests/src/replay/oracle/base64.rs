//! Strict URL-safe Base64, as decision C8 requires it: with padding, without other characters, and with only one
//! encoding of each value.

/// Returns the bytes, if the text is strict.
pub fn decode_strictly(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let symbols = &text[..text.len() - padding];
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for symbol in symbols {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
        bits &= (1 << count) - 1;
    }
    // Leftover bits must be zero, so that each value has only one encoding.
    (bits == 0).then_some(bytes)
}

/// Tells whether a text is a key: 32 bytes in strict form.
pub fn is_key(text: &str) -> bool {
    decode_strictly(text.as_bytes()).is_some_and(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        assert_eq!(decode_strictly(b""), Some(vec![]));
        assert_eq!(decode_strictly(b"AA=="), Some(vec![0]));
        assert_eq!(decode_strictly(b"_-8="), Some(vec![0xff, 0xef]));
        assert_eq!(decode_strictly(b"aGVsbG8h"), Some(b"hello!".to_vec()));
        for text in
            ["AA", "AA=", "AB==", "AAA", "AAB=", "AA+A", "AAAA=", "A===", "====", " AAA", "AAA\n", "AA==AAAA"]
        {
            assert_eq!(decode_strictly(text.as_bytes()), None, "{text}");
        }
    }
}
