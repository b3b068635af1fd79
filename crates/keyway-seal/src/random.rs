//! Random bytes for initialization vectors and ids, not for keys.

use std::cell::RefCell;

use zeroize::Zeroize;

/// The number of bytes drawn from the system at once. Drawing 256 bytes costs about as much as drawing sixteen.
const DRAWN: usize = 256;

thread_local! {
    static SUPPLY: RefCell<Supply> = const { RefCell::new(Supply::EMPTY) };
}

/// Returns unpredictable bytes for initialization vectors and ids. `N` is at most 256.
///
/// Each thread draws bytes from the system in advance, and wipes them from the supply when it returns them. No bytes
/// are returned twice, with two exceptions, so keys are not made of such bytes
/// ([`Key::generate`](crate::Key::generate) asks the system every time): up to 256 bytes of each thread are reused by a
/// copy of a running machine, and by a forked process with the process id of its parent, which is possible in a PID
/// namespace of its own.
///
/// Blocks only while the system's random source is starting.
///
/// # Errors
/// The error of that source.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    const { assert!(N <= DRAWN, "more than is drawn at a time") };
    // A thread that is ending has no supply any more.
    SUPPLY.try_with(|supply| supply.borrow_mut().take(std::process::id(), getrandom::fill)).unwrap_or_else(
        |_| {
            let mut bytes = [0; N];
            getrandom::fill(&mut bytes).map(|()| bytes)
        },
    )
}

/// The bytes that were drawn and not yet returned.
struct Supply {
    bytes: [u8; DRAWN],
    left: usize,
    /// The id of the process that drew the bytes.
    process: u32,
}

impl Supply {
    const EMPTY: Self = Self { bytes: [0; DRAWN], left: 0, process: 0 };

    fn take<const N: usize, E>(
        &mut self,
        process: u32,
        draw: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<[u8; N], E> {
        if self.left < N || self.process != process {
            self.left = 0;
            draw(&mut self.bytes)?;
            (self.left, self.process) = (DRAWN, process);
        }
        let mut taken = [0; N];
        self.left -= N;
        let source = &mut self.bytes[self.left..self.left + N];
        taken.copy_from_slice(source);
        source.zeroize();
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_bytes_are_returned_twice() {
        let drawn = || (0..5 * DRAWN / 16 + 3).map(|_| random_bytes::<16>().unwrap()).collect::<Vec<_>>();
        let others = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(drawn)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let all: Vec<_> = drawn().into_iter().chain(others).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    /// Returns a source that counts its calls, and fills the buffer with the number of the call.
    fn numbered(asked: &mut u8) -> impl FnMut(&mut [u8]) -> Result<(), ()> + '_ {
        move |bytes| {
            *asked += 1;
            bytes.fill(*asked);
            Ok(())
        }
    }

    #[test]
    fn returned_bytes_are_wiped_and_a_child_draws_its_own() {
        let (mut supply, mut asked) = (Supply::EMPTY, 0);
        assert_eq!(supply.take(7, numbered(&mut asked)), Ok([1; 16]));
        assert_eq!(supply.bytes[DRAWN - 16..], [0; 16]);
        assert_eq!(supply.take(7, numbered(&mut asked)), Ok([1; 16]));
        assert_eq!(supply.take(8, numbered(&mut asked)), Ok([2; 16]), "another process");
        assert_eq!(supply.take(8, numbered(&mut asked)), Ok([2; 200]));
        assert_eq!(supply.take(8, numbered(&mut asked)), Ok([3; 48]), "40 are left");
    }

    #[test]
    fn a_failed_source_leaves_no_bytes_to_return() {
        let (mut supply, mut asked) = (Supply::EMPTY, 0);
        assert_eq!(supply.take(7, numbered(&mut asked)), Ok([1; 16]));
        assert_eq!(supply.take::<16, _>(8, |_| Err("no")), Err("no"));
        assert_eq!(supply.take::<16, _>(7, |_| Err("no")), Err("no"), "no earlier bytes either");
    }
}
