//! Draws equally likely characters from random bytes.

use zeroize::Zeroizing;

use crate::RandomnessError;

/// The random bytes drawn at once: enough for most passwords.
const POOL_BYTES: usize = 64;

/// The number of bytes in a row that may be discarded. A fair source has at most every second one discarded, so
/// it fails less than once in 2²⁵⁶.
const MOST_REJECTED: usize = 256;

/// Draws characters of an alphabet with random bytes from `fill`.
pub(crate) struct Sampler<F> {
    fill: F,
    pool: Zeroizing<[u8; POOL_BYTES]>,
    left: usize,
}

impl<F: FnMut(&mut [u8]) -> Result<(), RandomnessError>> Sampler<F> {
    pub(crate) fn new(fill: F) -> Self {
        Self { fill, pool: Zeroizing::new([0; POOL_BYTES]), left: 0 }
    }

    /// Draws one of `characters`, of which there are 1 to 256, each equally likely.
    pub(crate) fn draw(&mut self, characters: &[u8]) -> Result<u8, RandomnessError> {
        // Bytes from the largest multiple of their number on would favour the first characters.
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

    /// Gives every byte in turn, again and again.
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
            // The draws that 256 bytes allow.
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
