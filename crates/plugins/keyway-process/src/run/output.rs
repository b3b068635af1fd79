//! Collects the output of a program.

use std::os::fd::AsFd;

use keyway_core::Wiped;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;

/// The result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Bytes were read. The stream may have more.
    Some,
    /// The stream has no bytes at the moment.
    NotNow,
    /// The other side closed the stream.
    End,
}

/// Reads once into the spare capacity of a buffer. The buffer must have spare capacity.
pub(super) fn read_into(stream: impl AsFd, buffer: &mut Vec<u8>) -> Result<Read, Errno> {
    loop {
        return match rustix::io::read(&stream, spare_capacity(buffer)) {
            Ok(0) => Ok(Read::End),
            Ok(_) => Ok(Read::Some),
            Err(Errno::AGAIN) => Ok(Read::NotNow),
            Err(Errno::INTR) => continue,
            Err(error) => Err(error),
        };
    }
}

/// The whole standard output, up to a limit. It may hold credentials, so no copy of it stays behind when the buffer
/// grows.
pub(super) struct Output {
    bytes: Wiped<Vec<u8>>,
    limit: usize,
}

impl Output {
    /// The initial capacity. It is enough for most answers, and small because wiping takes time. It is below 1024
    /// bytes, because the system's allocator is slower for larger buffers.
    const FIRST_CAPACITY: usize = 960;

    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Wiped::new(Vec::new()), limit }
    }

    pub(super) fn read(&mut self, stream: impl AsFd) -> Result<Read, Errno> {
        if self.bytes.len() == self.bytes.capacity() {
            // The buffer may hold one byte beyond the limit, which shows that the output is too large.
            let most = self.limit.saturating_add(1);
            let capacity = (self.bytes.capacity() * 2).max(Self::FIRST_CAPACITY).min(most);
            let mut grown = Wiped::new(Vec::with_capacity(capacity.max(self.bytes.len() + 1)));
            grown.extend_from_slice(&self.bytes);
            self.bytes = grown;
        }
        read_into(stream, &mut self.bytes)
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.bytes.len() > self.limit
    }

    pub(super) fn take(&mut self) -> Wiped<Vec<u8>> {
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::{Output, Read};

    fn file(bytes: &[u8]) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn output_up_to_the_limit_is_kept_whole() {
        for (length, limit) in
            [(0, 0), (0, 5), (5, 5), (10_000, 10_000), (10_000, 1 << 20), (100_000, 200_000)]
        {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let file = file(&bytes);
            let mut output = Output::new(limit);
            while output.read(&file).unwrap() == Read::Some {}
            assert!(!output.is_too_large(), "{length} of {limit}");
            assert_eq!(*output.take(), bytes);
        }
    }

    #[test]
    fn one_byte_beyond_the_limit_is_too_much() {
        for limit in [0, 1, 4095, 4096, 10_000] {
            let file = file(&vec![7; limit + 1]);
            let mut output = Output::new(limit);
            while !output.is_too_large() {
                assert_eq!(output.read(&file).unwrap(), Read::Some);
            }
        }
    }
}
