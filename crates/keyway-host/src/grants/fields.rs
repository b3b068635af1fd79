//! The fields of a stored record: numbers are little endian, a text stands behind its length, and what
//! may be missing behind a byte that says whether it is there.

use keyway_core::Timestamp;

use crate::sealed_records::{RecordError, corrupt};

/// Appends a text behind its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), RecordError> {
    let length = u32::try_from(text.len()).map_err(|_| corrupt("a text of it is too long"))?;
    out.extend(length.to_le_bytes());
    out.extend(text.as_bytes());
    Ok(())
}

/// What is not read yet.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(|| corrupt("it is cut off"))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, RecordError> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, RecordError> {
        Ok(Timestamp::from_milliseconds(self.number()?))
    }

    pub(super) fn flag(&mut self) -> Result<bool, RecordError> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(corrupt("a flag of it")),
        }
    }

    pub(super) fn text(&mut self) -> Result<&'a str, RecordError> {
        let length = usize::try_from(u32::from_le_bytes(self.take()?)).unwrap_or(usize::MAX);
        let (text, rest) = self.0.split_at_checked(length).ok_or_else(|| corrupt("it is cut off"))?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| corrupt("a text of it is not UTF-8"))
    }

    /// That there is nothing more.
    pub(super) fn end(&self) -> Result<(), RecordError> {
        if self.0.is_empty() { Ok(()) } else { Err(corrupt("it is too long")) }
    }
}
