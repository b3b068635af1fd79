//! The byte format of stored records: little-endian numbers, and a length before each text.
//!
//! Engines and plugins all write their records in this format. Each record begins with its own schema number. Reading
//! never panics, whatever the bytes are.
//!
//! ```
//! use keyway_core::codec::{Reader, put_text, put_u64};
//!
//! let mut out = Vec::new();
//! put_u64(&mut out, 7);
//! put_text(&mut out, "web");
//! let mut reader = Reader::new(&out);
//! assert_eq!((reader.u64()?, reader.text()?), (7, "web"));
//! reader.end()?;
//! # Ok::<(), keyway_core::codec::Malformed>(())
//! ```

use crate::Timestamp;

/// An error: the bytes are not in the expected format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct Malformed {
    /// The part that the reader expected.
    pub expected: &'static str,
}

/// The number of bytes that [`put_bytes`] and [`put_text`] write before the content.
pub const LENGTH_BYTES: usize = size_of::<u32>();

/// Appends a number of 32 bits.
pub fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a number of 64 bits.
pub fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a moment.
pub fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    put_u64(out, time.as_milliseconds());
}

/// Appends a length and bytes.
///
/// Storage engines limit a record far below 4 GiB, so a length always fits.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

/// Appends a length and a text.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

/// Appends 0 if there is no value, or 1 and the value. Readers can therefore distinguish an empty text from a missing
/// text.
pub fn put_optional<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

/// Reads values in the order in which they were appended.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Creates a reader that begins at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns the bytes that are not read yet.
    pub const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Reads `count` bytes.
    ///
    /// # Errors
    /// [`Malformed`] when fewer bytes are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed { expected: "more bytes" })?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads a fixed number of bytes.
    ///
    /// # Errors
    /// [`Malformed`] when fewer bytes are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed { expected: "more bytes" })?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`Malformed`] when no byte is left.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    /// Reads a number of 32 bits.
    ///
    /// # Errors
    /// [`Malformed`] when too few bytes are left.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Reads a number of 64 bits.
    ///
    /// # Errors
    /// [`Malformed`] when too few bytes are left.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads a moment.
    ///
    /// # Errors
    /// [`Malformed`] when too few bytes are left.
    pub fn time(&mut self) -> Result<Timestamp, Malformed> {
        self.u64().map(Timestamp::from_milliseconds)
    }

    /// Reads a byte of 0 or 1 as a Boolean.
    ///
    /// # Errors
    /// [`Malformed`] for any other byte.
    pub fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed { expected: "a marker of 0 or 1" }),
        }
    }

    /// Reads a length and bytes.
    ///
    /// # Errors
    /// [`Malformed`] when fewer bytes are left than the length demands.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u32()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Reads a length and a text.
    ///
    /// # Errors
    /// [`Malformed`] when the text is cut off or is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed { expected: "UTF-8 text" })
    }

    /// Reads an optional value: the byte 0 if there is no value, or the byte 1 and the value.
    ///
    /// # Errors
    /// [`Malformed`] if the first byte is missing or is neither 0 nor 1, and the errors of `read`.
    pub fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// Checks that no byte is left.
    ///
    /// # Errors
    /// [`Malformed`] when bytes are left.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed { expected: "the end" }) }
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Shows only the number of bytes, since the bytes may be secret.
        write!(f, "Reader({} bytes left)", self.rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_come_back_and_cut_ones_are_refused(
            number: u64, text in ".{0,20}", optional in prop::option::of(".{0,5}"), cut: prop::sample::Index,
        ) {
            let mut out = Vec::new();
            put_u64(&mut out, number);
            put_text(&mut out, &text);
            put_optional(&mut out, optional.as_deref(), put_text);
            let read = |bytes: &[u8]| {
                let mut reader = Reader::new(bytes);
                let read = (reader.u64()?, reader.text()?.to_owned(), reader.optional(Reader::text)?.map(str::to_owned));
                reader.end()?;
                Ok::<_, Malformed>(read)
            };
            prop_assert_eq!(read(&out), Ok((number, text, optional)));
            prop_assert!(read(&out[..cut.index(out.len())]).is_err());
            out.push(0);
            prop_assert!(read(&out).is_err());
        }
    }
}
