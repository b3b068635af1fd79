//! Searches a text for the first character that is not plain, eight bytes at a time.

/// Returns a word that has this byte in each of its eight places.
const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks the bytes of `word` that are less than `bound`, which is at most 128.
///
/// In the result, the high bit of each marked byte is set. The result is zero if no byte is marked. Only the lowest
/// marked byte is reliable: the bits above it are meaningless.
const fn has_less(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(everywhere(bound)) & !word & everywhere(0x80)
}

/// Marks the bytes of `word` that are equal to `byte`, in the same way as [`has_less`].
const fn has(word: u64, byte: u8) -> u64 {
    has_less(word ^ everywhere(byte), 1)
}

/// Marks quotes, backslashes and control characters.
const fn ends(word: u64) -> u64 {
    has_less(word, 0x20) | has(word, b'"') | has(word, b'\\')
}

/// Marks the same bytes as [`ends`], and also slashes and bytes that are not ASCII.
const fn is_escaped(word: u64) -> u64 {
    has_less(word, 0x20) | has(word, b'"') | has(word, b'\\') | has(word, b'/') | word & everywhere(0x80)
}

/// Returns the number of bytes before the first quote, backslash or control character. Returns the length if there is
/// none.
#[inline]
pub(super) fn before_end(bytes: &[u8]) -> usize {
    /// Searches the bytes after the last whole word. This is rarely needed, because most searches end earlier.
    #[cold]
    #[inline(never)]
    fn rest(bytes: &[u8]) -> usize {
        before_in_rest(bytes, ends)
    }
    before_in_words(bytes, ends).unwrap_or_else(|| rest(bytes))
}

/// Returns the number of bytes before the first byte that a writer of JSON escapes. These are the bytes at which
/// [`before_end`] stops, slashes, and bytes that are not ASCII. Returns the length if there is none.
#[inline]
pub(super) fn before_escaped(bytes: &[u8]) -> usize {
    before_in_words(bytes, is_escaped).unwrap_or_else(|| before_in_rest(bytes, is_escaped))
}

/// Returns the number of bytes before the first marked byte. Returns `None` if no byte in a whole word is marked.
///
/// `marks` sets the high bit of each marked byte. It must not set the high bit of a byte before the first marked byte.
#[inline]
fn before_in_words(bytes: &[u8], marks: impl Fn(u64) -> u64) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let marked = marks(u64::from_le_bytes(*word));
        if marked != 0 {
            return Some(index * 8 + first(marked));
        }
    }
    None
}

/// Returns the number of bytes before the first marked byte, or the length if there is none. Searches only the bytes
/// after the last whole word.
#[inline]
fn before_in_rest(bytes: &[u8], marks: impl Fn(u64) -> u64) -> usize {
    let start = bytes.len() / 8 * 8;
    let mut word = [b'a'; 8];
    word[..bytes.len() - start].copy_from_slice(&bytes[start..]);
    match marks(u64::from_le_bytes(word)) {
        0 => bytes.len(),
        marked => start + first(marked),
    }
}

/// Returns the index of the lowest marked byte.
const fn first(marked: u64) -> usize {
    (marked.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_at_each_place_is_told_as_one_by_one() {
        for length in (0..=17).chain([20, 24]) {
            for place in 0..length {
                for byte in 0..=u8::MAX {
                    for around in [b'a', 0x7f, b' ', b'#', b'.', b'0'] {
                        let mut bytes = vec![around; length];
                        bytes[place] = byte;
                        let ends = matches!(byte, 0..0x20 | b'"' | b'\\');
                        let escaped = ends || byte == b'/' || byte >= 0x80;
                        assert_eq!(before_end(&bytes), if ends { place } else { length });
                        assert_eq!(before_escaped(&bytes), if escaped { place } else { length });
                    }
                }
            }
        }
        // Bytes that are not ASCII do not hide a quote after them.
        assert_eq!(before_end("\u{e9}\u{e9}\u{e9}\"abcdefgh".as_bytes()), 6);
    }
}
