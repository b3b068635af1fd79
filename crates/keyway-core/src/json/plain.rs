//! Finding the end of what is plain in a text, eight bytes at a time.

/// A byte in each of the eight places of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The high bit of each byte, and other bits of no meaning above a byte where it is set: not
/// zero exactly when a byte of `word` is below `bound`, which is at most 128.
const fn has_less(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(everywhere(bound)) & !word & everywhere(0x80)
}

/// Not zero exactly when `word` has this byte.
const fn has(word: u64, byte: u8) -> u64 {
    has_less(word ^ everywhere(byte), 1)
}

/// Marks a quote, a backslash, a control character.
const fn ends(word: u64) -> u64 {
    has_less(word, 0x20) | has(word, b'"') | has(word, b'\\')
}

/// Marks what [`ends`] does, slashes, and what is not ASCII.
const fn is_escaped(word: u64) -> u64 {
    has_less(word, 0x20) | has(word, b'"') | has(word, b'\\') | has(word, b'/') | word & everywhere(0x80)
}

/// The number of bytes before the first one that a reader of JSON texts has to look at:
/// a quote, a backslash, a control character. All of them if there is none.
#[inline]
pub(super) fn before_end(bytes: &[u8]) -> usize {
    /// Happens at the end of what is read only: most texts end within a word.
    #[cold]
    #[inline(never)]
    fn rest(bytes: &[u8]) -> usize {
        before_in_rest(bytes, ends)
    }
    before_in_words(bytes, ends).unwrap_or_else(|| rest(bytes))
}

/// The number of bytes before the first one that a writer of JSON texts escapes: those of
/// [`before_end`], slashes, and what is not ASCII. All of them if there is none.
#[inline]
pub(super) fn before_escaped(bytes: &[u8]) -> usize {
    before_in_words(bytes, is_escaped).unwrap_or_else(|| before_in_rest(bytes, is_escaped))
}

/// The number of bytes before the first that is marked, if it is in a whole word: `marks` sets the
/// high bit of each byte that is, and of none below the first that is.
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

/// As [`before_in_words`], for what is behind the whole words, which have none.
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

/// The index of the lowest byte that is marked.
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
        // A byte that is not ASCII does not hide what follows it.
        assert_eq!(before_end("\u{e9}\u{e9}\u{e9}\"abcdefgh".as_bytes()), 6);
    }
}
