//! Buffers that are wiped when dropped, including unused capacity.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::ops::{Deref, DerefMut};

/// A buffer that [`Wiped`] can wipe.
pub trait Wipe: Default {
    /// Overwrites the whole allocation.
    fn wipe(&mut self);
}

impl Wipe for Vec<u8> {
    fn wipe(&mut self) {
        let allocated = self.capacity();
        self.clear();
        self.resize(allocated, 0);
        zeroize::optimization_barrier(self.as_slice());
    }
}

impl Wipe for String {
    fn wipe(&mut self) {
        std::mem::take(self).into_bytes().wipe();
    }
}

/// A buffer whose whole allocation is wiped when it is dropped. `Debug` shows no content.
///
/// `zeroize::Zeroizing` wipes byte by byte. For a short record, that takes as long as sealing the record. `Wiped` fills
/// the buffer with zeros in one operation. A barrier of the crate `zeroize` keeps the compiler from removing this
/// operation.
///
/// If the buffer grows, its old memory is not wiped. So reserve the capacity before you write. If the length is not
/// known before, as that of a pipe, use [`read_to_end`](Wiped::read_to_end).
///
/// ```
/// use keyway_core::Wiped;
///
/// let mut text = Wiped::new(String::with_capacity(64));
/// text.push_str("correct horse");
/// assert_eq!(text.len(), 13);
/// assert_eq!(format!("{text:?}"), "Wiped([REDACTED])");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wiped<T: Wipe>(T);

impl<T: Wipe> Wiped<T> {
    /// Takes ownership of a buffer. The buffer is wiped when the returned [`Wiped`] is dropped.
    pub const fn new(buffer: T) -> Self {
        Self(buffer)
    }

    /// Returns the buffer. The caller is now responsible for wiping it.
    #[must_use]
    pub fn take(mut self) -> T {
        std::mem::take(&mut self.0)
    }
}

impl Wiped<Vec<u8>> {
    /// Reads a source to its end, or until `most` bytes are read. To notice a source that is too long, read one byte
    /// more than the limit. Every buffer that becomes too small is wiped. Blocks for as long as the source does.
    ///
    /// # Errors
    /// The error of the source. The bytes that were read are wiped.
    pub fn read_to_end(mut source: impl Read, most: usize) -> io::Result<Self> {
        // The buffer is wiped whole, and each page of it that is touched for the first time costs some microseconds.
        const ROOM: usize = 4 * 1024;

        let mut buffer = Self::new(vec![0; most.min(ROOM)]);
        let mut filled = 0;
        while filled < most {
            if filled == buffer.len() {
                let mut larger = Self::new(vec![0; most.min(filled * 2)]);
                larger[..filled].copy_from_slice(&buffer);
                buffer = larger;
            }
            match source.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        buffer.truncate(filled);
        Ok(buffer)
    }
}

impl<T: Wipe> From<T> for Wiped<T> {
    fn from(buffer: T) -> Self {
        Self::new(buffer)
    }
}

impl<T: Wipe> fmt::Debug for Wiped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wiped([REDACTED])")
    }
}

impl<T: Wipe> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Wipe> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Wipe> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_allocated_is_overwritten() {
        let mut buffer = Vec::with_capacity(64);
        buffer.extend_from_slice(b"correct horse battery staple");
        buffer.truncate(7);
        let (place, allocated) = (buffer.as_ptr(), buffer.capacity());
        buffer.wipe();
        // The allocation is still the same, and full of zeros.
        assert_eq!((buffer.as_ptr(), buffer.capacity(), buffer.len()), (place, allocated, allocated));
        assert!(buffer.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_taken_value_stays_as_it_is() {
        assert_eq!(Wiped::new("a".to_owned()).take(), "a");
    }

    #[test]
    fn a_source_is_read_whole_up_to_the_limit() {
        const MOST: usize = 1_000_000;

        for bytes in [0, 1, 4 * 1024, 4 * 1024 + 1, MOST - 1, MOST] {
            let source = vec![b'x'; bytes];
            assert_eq!(*Wiped::read_to_end(&source[..], MOST).unwrap(), source);
        }
        assert_eq!(Wiped::read_to_end(io::repeat(b'x'), MOST).unwrap().len(), MOST);
        assert!(Wiped::read_to_end(io::repeat(b'x'), 0).unwrap().is_empty());
    }

    /// A source that gives one byte at a time, is interrupted before each, and breaks off.
    #[test]
    fn an_interruption_is_no_end_and_an_error_is_returned() {
        struct Source(u8);

        impl Read for Source {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                match self.0 {
                    40 => Err(ErrorKind::BrokenPipe.into()),
                    odd if odd % 2 == 1 => Err(ErrorKind::Interrupted.into()),
                    even => {
                        buffer[0] = even;
                        Ok(1)
                    }
                }
            }
        }

        assert_eq!(*Wiped::read_to_end(Source(0), 3).unwrap(), [2, 4, 6]);
        assert_eq!(Wiped::read_to_end(Source(0), 100).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}
