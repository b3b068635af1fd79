//! Draws equally likely characters from random bytes.

use zeroize::Zeroizing;

use crate::RandomnessError;

/// The number of random bytes drawn at once: enough for most passwords.
const POOL_BYTES: usize = 64;

/// The maximum number of consecutive bytes that are discarded. With a fair source, at most every second byte is
/// discarded on average, so a draw fails less than once in 2²⁵⁶.
const MOST_REJECTED: usize = 256;

/// A source of characters of an alphabet, drawn with random bytes from `fill`.
pub(crate) struct Sampler<F> {
    fill: F,
    pool: Zeroizing<[u8; POOL_BYTES]>,
    left: usize,
}

impl<F: FnMut(&mut [u8]) -> Result<(), RandomnessError>> Sampler<F> {
    pub(crate) fn new(fill: F) -> Self {
        Self { fill, pool: Zeroizing::new([0; POOL_BYTES]), left: 0 }
    }

    /// Draws one of `characters`, each equally likely. There must be 1 to 256 of them.
    pub(crate) fn draw(&mut self, characters: &[u8]) -> Result<u8, RandomnessError> {
        // Only bytes below the largest multiple of the number of characters are used. The other bytes would favour the
        // first characters.
        let usable = 256 - 256 % characters.len();
        for _ in 0..MOST_REJECTED {
            let byte = usize::from(self.byte()?);
            if byte < usable {
                return Ok(characters[byte % characters.len()]);
            }
        }
        Err(RandomnessError::Broken)
    }

    fn byte(&mut self) -> Result<u8, RandomnessError> {
        if self.left == 0 {
            (self.fill)(self.pool.as_mut_slice())?;
            self.left = POOL_BYTES;
        }
        self.left -= 1;
        Ok(self.pool[self.left])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a source that gives every byte value in turn, and starts again after the last.
    fn counting() -> impl FnMut(&mut [u8]) -> Result<(), RandomnessError> {
        let mut next = 0_u8;
        move |bytes| {
            for byte in bytes {
                *byte = next;
                next = next.wrapping_add(1);
            }
            Ok(())
        }
    }

    #[test]
    fn equally_frequent_bytes_give_equally_frequent_characters() {
        for count in 1..=256_usize {
            let characters: Vec<u8> = (0..=u8::MAX).take(count).collect();
            let mut sampler = Sampler::new(counting());
            let mut drawn = [0_usize; 256];
            // The number of draws that 256 bytes allow.
            for _ in 0..(256 / count) * count {
                drawn[usize::from(sampler.draw(&characters).unwrap())] += 1;
            }
            assert!(drawn[..count].iter().all(|times| *times == 256 / count), "{count}: {drawn:?}");
        }
    }

    #[test]
    fn a_source_without_usable_bytes_is_an_error() {
        let mut stuck = Sampler::new(|bytes: &mut [u8]| {
            bytes.fill(255);
            Ok(())
        });
        assert!(matches!(stuck.draw(b"0123456789"), Err(RandomnessError::Broken)));
    }

    #[test]
    fn the_error_of_the_source_is_returned() {
        let mut failing =
            Sampler::new(|_: &mut [u8]| Err(RandomnessError::System(getrandom::Error::UNSUPPORTED)));
        assert!(matches!(failing.draw(b"ab"), Err(RandomnessError::System(_))));
    }
}
