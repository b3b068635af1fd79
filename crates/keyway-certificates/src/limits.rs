//! The limits of the JSON objects that come with an order.

use keyway_core::json::Writer;
use keyway_core::{Json, JsonObject, Wiped};

use crate::{OrderMetadata, Pem, PluginMeta};

/// The deepest nesting of arrays and objects, the outermost object included. A host stores the
/// objects within records of its own, which nest at most 64 levels.
pub(crate) const MAX_DEPTH: usize = 32;

/// The bytes of an object besides its entries, each of which counts the comma or the brace after it.
pub(crate) const OPENING_BRACE: usize = 1;

/// Returns the number of bytes that an entry of an object takes as JSON in ASCII.
pub(crate) fn entry_bytes(name: &str, value: &Json) -> usize {
    const COLON_AND_COMMA: usize = 2;
    let mut writer = Writer::with_capacity(128);
    writer.text(name);
    writer.value(value);
    writer.finish().len() + COLON_AND_COMMA
}

/// Writes an object as JSON in ASCII.
pub(crate) fn to_ascii(entries: &JsonObject) -> Wiped<String> {
    let mut writer = Writer::with_capacity(512);
    writer.object(entries);
    writer.finish()
}

/// Tells whether a value within an object nests no deeper than allowed. It looks no deeper either.
pub(crate) fn fits_in_depth(value: &Json) -> bool {
    fn fits(value: &Json, room: usize) -> bool {
        match value {
            Json::Array(items) => room > 0 && items.iter().all(|item| fits(item, room - 1)),
            Json::Object(entries) => room > 0 && entries.values().all(|entry| fits(entry, room - 1)),
            _ => true,
        }
    }
    fits(value, MAX_DEPTH - 1)
}

/// The parts of an order together: two states of the metadata, the plugin's, and a request, a certificate and its
/// chain. A host stores them in one record (decision R8).
const _: () = assert!(2 * OrderMetadata::MAX_BYTES + PluginMeta::MAX_BYTES + 3 * Pem::MAX_BYTES < 512 << 10);
