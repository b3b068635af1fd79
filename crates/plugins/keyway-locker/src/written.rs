//! Reads the answers to writes.

use keyway_secrets::StoreError;

use crate::answer::{Record, record};
use crate::failure::Failure;

/// Reads the answer to a write. If the answer is not about the item for which `is_meant` is true, the effect is
/// unknown.
pub(crate) fn written<R: Record, T>(
    answer: &[u8],
    what: &'static str,
    open: impl FnOnce(&R) -> Result<T, StoreError>,
    is_meant: impl FnOnce(&T) -> bool,
) -> Result<T, StoreError> {
    let record: R = record(answer).map_err(|malformed| Failure::from(malformed).of_write(what))?;
    let source = match open(&record) {
        Ok(item) if is_meant(&item) => return Ok(item),
        Ok(_) => "the service answered for another one".into(),
        Err(error) => error.into(),
    };
    Err(StoreError::Indeterminate { what, source })
}
