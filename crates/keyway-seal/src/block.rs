//! Helpers of decryption for every format of this project: they check padding, and wipe the stack.

use std::hint::black_box;

/// The size of an AES block, in bytes.
const BLOCK: usize = 16;

/// Returns the length of a decrypted text without its padding (PKCS #7), or `None` if the padding is wrong.
///
/// Verify the text before you call this function. Otherwise the function is a padding oracle: whether the padding of a
/// forged text is right reveals the plaintext of other texts.
pub fn unpadded_len(padded: &[u8]) -> Option<usize> {
    let padding = usize::from(*padded.last()?);
    let len = padded.len().checked_sub(padding)?;
    let is_padding =
        (1..=BLOCK).contains(&padding) && padded[len..].iter().all(|byte| usize::from(*byte) == padding);
    is_padding.then_some(len)
}

/// Overwrites the part of the stack that earlier calls by the same caller have used. A cipher keeps several blocks and
/// its round keys, the first of which is the key itself, in its own stack frames, and does not wipe them.
///
/// The size is measured with the widest instructions for AES (64 blocks at once), and holds for optimized builds. A
/// build with debug assertions is usually not optimized, and gets a larger size for its larger frames.
#[inline(never)]
pub fn overwrite_stack() {
    const QUARTER: usize = if cfg!(debug_assertions) { 4096 } else { 1792 };
    // These are several arrays, because the system's function that fills memory starts slowly above 2048 bytes.
    black_box([&mut [0_u8; QUARTER], &mut [0; QUARTER], &mut [0; QUARTER], &mut [0; QUARTER]]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_one_to_sixteen_equal_bytes() {
        for (padded, len) in [
            (&b"abc\x01"[..], Some(3)),
            (&[16; 16], Some(0)),
            (b"a\x02\x02", Some(1)),
            (b"a\x01\x02", None),
            (b"abc\0", None),
            (&[17; 32], None),
            (&[3; 2], None),
            (b"", None),
        ] {
            assert_eq!(unpadded_len(padded), len, "{padded:?}");
        }
    }
}
