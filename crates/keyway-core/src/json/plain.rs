//! A search for the end of the plain characters in a text, eight bytes at a time.

/// Returns a word with this byte in each of its eight places.
const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Marks the bytes of `word` below `bound`, which is at most 128.
///
/// The high bit of each such byte is set, and the result is zero if there is none. Bits above the
/// lowest marked byte are meaningless.
const fn has_less(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(everywhere(bound)) & !word & everywhere(0x80)
}

/// Marks the bytes of `word` equal to `byte`, as [`has_less`] does.
const fn has(word: u64, byte: u8) -> u64 {
    has_less(word ^ everywhere(byte), 1)
}

/// Marks a quote, a backslash or a control character.
const fn ends(word: u64) -> u64 {
    has_less(word, 0x20) | has(word, b'"') | has(word, b'\\')
}

/// Marks the same as [`ends`], slashes, and bytes that are not ASCII.
const fn is_escaped(word: u64) -> u64 {
    has_less(word, 0x20) | has(word, b'"') | has(word, b'\\') | has(word, b'/') | word & everywhere(0x80)
}

/// Returns the number of bytes before the first quote, backslash or control character. All of them
/// if there is none.
#[inline]
pub(super) fn before_end(bytes: &[u8]) -> usize {
    /// Searches the bytes after the last whole word. Most searches end before.
    #[cold]
    #[inline(never)]
    fn rest(bytes: &[u8]) -> usize {
        before_in_rest(bytes, ends)
    }
    before_in_words(bytes, ends).unwrap_or_else(|| rest(bytes))
}

/// Returns the number of bytes before the first one that a writer of JSON escapes: those of
/// [`before_end`], slashes, and bytes that are not ASCII. All of them if there is none.
#[inline]
pub(super) fn before_escaped(bytes: &[u8]) -> usize {
    before_in_words(bytes, is_escaped).unwrap_or_else(|| before_in_rest(bytes, is_escaped))
}

/// Returns the number of bytes before the first marked one, if that is in a whole word.
///
/// `marks` sets the high bit of each marked byte, and of no byte below the first marked one.
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

/// Does the same as [`before_in_words`], for the bytes after the last whole word.
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
        // A byte that is not ASCII does not hide the bytes after it.
        assert_eq!(before_end("\u{e9}\u{e9}\u{e9}\"abcdefgh".as_bytes()), 6);
    }
}
