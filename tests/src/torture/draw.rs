//! Random choices that a seed reproduces.

/// A stream of choices. The same seed gives the same choices on every machine.
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// Creates the stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Creates another stream, which depends on this seed and on `label` only.
    ///
    /// If each part has such a stream, the choices of one part do not change those of another.
    #[must_use]
    pub fn fork(&self, label: u64) -> Self {
        let mut mixed = Self(self.0 ^ label.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Self(mixed.bits())
    }

    /// Returns the next 64 bits (`SplitMix64`).
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits().checked_rem(bound).unwrap_or_default()
    }

    /// Returns true `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Returns one of several choices, of which there must be at least one.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap_or_default()]
    }
}

#[cfg(test)]
mod tests {
    use super::Draw;

    #[test]
    fn a_seed_repeats_and_forks_are_apart() {
        let (mut one, mut other) = (Draw::new(7), Draw::new(7));
        let first: Vec<u64> = (0..10).map(|_| one.bits()).collect();
        assert_eq!(first, (0..10).map(|_| other.bits()).collect::<Vec<_>>());
        assert_ne!(Draw::new(7).fork(1).bits(), Draw::new(7).fork(2).bits());
        assert_eq!(Draw::new(7).fork(1).bits(), Draw::new(7).fork(1).bits());
        assert!((0..1000).all(|_| one.below(3) < 3));
        assert_eq!(one.below(0), 0);
    }
}
