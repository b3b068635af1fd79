//! The revision of a write.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// The revision that a commit gives to every record that it writes.
///
/// It is opaque: a caller can compare revisions for equality, and pass one in an [`Expectation`](crate::Expectation).
/// Every write has a new revision, even a write of the same bytes. A revision is never used again, even after the
/// record was deleted and created again. Revisions have no order. All records that one batch writes get the same
/// revision.
///
/// ```
/// use keyway_storage::Revision;
///
/// let stored = Revision::from_bits(7).to_bits();
/// assert_eq!(Revision::from_bits(stored), Revision::from_bits(7));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(u64);

impl Revision {
    /// Creates a revision from the bits that an engine stores.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the bits that an engine stores.
    pub const fn to_bits(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Revision({:016x})", self.0)
    }
}

/// The source of revisions for an engine without a revision counter of its own.
///
/// A counter with a random start goes through a bijection, so one source never returns a value twice. Two sources (two
/// processes on one file) return the same value only if one counter starts at a number that the other counter reaches:
/// one chance in 2^64 for each write. A counter kept in the store would cost an extra write on every commit.
#[derive(Debug)]
pub(crate) struct Revisions {
    next: AtomicU64,
}

impl Revisions {
    /// Creates a source with a random start.
    ///
    /// The start must differ from every other source's start, but need not be secret. So the random seed of the
    /// standard library's hash maps is enough. That seed is drawn once per thread, so the process id and the time are
    /// mixed in.
    pub(crate) fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let start = RandomState::new().hash_one((std::process::id(), now));
        Self { next: AtomicU64::new(start) }
    }

    /// Returns the next revision.
    pub(crate) fn next(&self) -> Revision {
        Revision(scatter(self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Maps 64 bits to 64 bits, one to one, so that neighbouring numbers look unrelated.
///
/// Then callers cannot rely on an order of revisions, which other engines do not have.
const fn scatter(number: u64) -> u64 {
    let mut mixed = number;
    // Odd multipliers and right shifts with xor are invertible, so their combination is too.
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_revision_comes_twice_and_sources_differ() {
        let (one, other) = (Revisions::new(), Revisions::new());
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            assert!(seen.insert(one.next()));
            assert!(seen.insert(other.next()));
        }
    }

    #[test]
    fn revisions_have_no_order() {
        let source = Revisions { next: AtomicU64::new(0) };
        let bits: Vec<u64> = (0..100).map(|_| source.next().to_bits()).collect();
        let rises = bits.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((20..80).contains(&rises), "{rises} of 99 rise");
    }
}
