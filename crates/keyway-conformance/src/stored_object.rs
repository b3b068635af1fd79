//! Reads JSON objects from text that a host stores.

use keyway_core::JsonObject;
use keyway_core::json::Reader;

use crate::{Broken, broken};

/// Reads a JSON object of at most `max_bytes` bytes and `max_depth` levels. `what` is the name of the object in
/// messages.
pub(crate) fn stored_object(
    text: &[u8],
    max_bytes: usize,
    max_depth: usize,
    what: &str,
) -> Result<JsonObject, Broken> {
    let reader = Reader { max_bytes, max_depth, max_collections: usize::MAX, ..Reader::STRICT };
    let expected = || format!("{what} that a host can store");
    match reader.read_entries::<JsonObject>(text) {
        Ok(Ok(values)) => Ok(values),
        Ok(Err(kind)) => Err(broken(expected(), kind.to_string())),
        Err(error) => Err(broken(expected(), error.to_string())),
    }
}
