//! What initialization vectors are made of.
//!
//! NIST SP 800-38A, appendix C, has two ways to an unpredictable vector: random bytes for each, or a block
//! that comes once only, encrypted under the same key. This is the second, because asking the system for
//! each token, or only whether the process was forked meanwhile, takes as long as sealing a short record.

use std::cell::Cell;
use std::time::Duration;

/// A block that comes once only, for a token that is sealed at this moment.
///
/// It is 128 random bits of this thread's, with a count and a moment (in nanoseconds since 1970) mixed in.
/// Nobody learns them: who knew the next block could have it sealed as a plaintext, and so learn the vector
/// before it is used. The count keeps a thread's own blocks apart, the random bits those of different
/// threads, and the moment those of processes, or of copies of a machine, that began with the same bits.
pub(crate) fn nonce(moment: Duration) -> Result<[u8; 16], getrandom::Error> {
    thread_local! {
        static NONCES: Cell<Option<Nonces>> = const { Cell::new(None) };
    }
    NONCES.with(|cell| {
        let mut nonces = match cell.get() {
            Some(nonces) => nonces,
            None => Nonces::draw()?,
        };
        let nonce = nonces.next(moment);
        cell.set(Some(nonces));
        Ok(nonce)
    })
}

#[derive(Clone, Copy)]
struct Nonces {
    base: u128,
    count: u64,
}

impl Nonces {
    fn draw() -> Result<Self, getrandom::Error> {
        let mut base = [0; 16];
        getrandom::fill(&mut base)?;
        Ok(Self { base: u128::from_le_bytes(base), count: 0 })
    }

    fn next(&mut self, moment: Duration) -> [u8; 16] {
        // That it starts over after five hundred years does no harm.
        let nanoseconds = moment.as_nanos() & u128::from(u64::MAX);
        let nonce = self.base ^ (u128::from(self.count) << 64 | nanoseconds);
        self.count = self.count.wrapping_add(1);
        nonce.to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn none_comes_twice_in_any_thread_though_the_clock_stands_still() {
        let drawn = || (0..1000).map(|_| nonce(Duration::from_secs(7)).unwrap()).collect::<Vec<_>>();
        let others = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(drawn)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let all: Vec<_> = drawn().into_iter().chain(others).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 5000);
    }

    #[test]
    fn copies_of_a_process_part_with_the_first_tick_of_the_clock() {
        let parent = Nonces::draw().unwrap();
        let at = |moment| {
            let mut copy = parent;
            (0..100).map(|_| copy.next(Duration::from_nanos(moment))).collect::<HashSet<_>>()
        };
        assert!(at(1_790_000_000_000_000_000).is_disjoint(&at(1_790_000_000_000_000_001)));
    }

    #[test]
    fn a_clock_that_is_set_back_changes_nothing() {
        let mut nonces = Nonces::draw().unwrap();
        let moments = [5, 4, 5, 0, 5, u64::MAX];
        let drawn: HashSet<_> =
            moments.iter().map(|moment| nonces.next(Duration::from_nanos(*moment))).collect();
        assert_eq!(drawn.len(), moments.len());
    }
}
