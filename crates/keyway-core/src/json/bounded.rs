//! Limits the size and the depth of the JSON objects in which plugins keep data.

use std::fmt;

use super::write::Writer;
use super::{Json, JsonObject};
use crate::Wiped;

/// The number of bytes of an object besides its entries: the opening brace. The comma or the closing brace after an
/// entry counts as a part of the entry.
pub const EMPTY_OBJECT_BYTES: usize = 1;

/// Returns the number of bytes that an entry of an object takes in ASCII JSON.
pub fn entry_bytes(name: &str, value: &Json) -> usize {
    const COLON_AND_COMMA: usize = 2;
    let mut writer = Writer::with_capacity(128);
    writer.text(name);
    writer.value(value);
    writer.finish().len() + COLON_AND_COMMA
}

/// Writes an object as ASCII JSON.
pub fn object_to_ascii(entries: &JsonObject) -> Wiped<String> {
    let mut writer = Writer::with_capacity(512);
    writer.object(entries);
    writer.finish()
}

/// Tells whether arrays and objects in a value are nested at most `levels` deep. Stops at the first value that is
/// nested deeper, and does not look inside it.
pub fn nests_within(value: &Json, levels: usize) -> bool {
    match value {
        Json::Array(items) => levels > 0 && items.iter().all(|item| nests_within(item, levels - 1)),
        Json::Object(entries) => levels > 0 && entries.values().all(|entry| nests_within(entry, levels - 1)),
        _ => true,
    }
}

/// A JSON object that takes at most `MAX_BYTES` in ASCII JSON.
///
/// `Debug` shows names, but no values.
#[derive(Clone, PartialEq)]
pub struct BoundedObject<const MAX_BYTES: usize> {
    values: JsonObject,
    bytes: usize,
}

impl<const MAX_BYTES: usize> BoundedObject<MAX_BYTES> {
    /// The maximum nesting of arrays and objects, including the object itself. A host stores the object inside a record
    /// of its own. The record, with the object in it, can be nested at most 64 levels deep.
    pub const MAX_DEPTH: usize = 32;

    /// Creates an object from values that a host stored. Does not check the limits again.
    pub fn new(values: JsonObject) -> Self {
        let entries = values.iter().map(|(name, value)| entry_bytes(name, value));
        let bytes = EMPTY_OBJECT_BYTES + entries.sum::<usize>();
        Self { values, bytes }
    }

    /// Returns the values.
    pub const fn values(&self) -> &JsonObject {
        &self.values
    }

    /// Returns the size in ASCII JSON.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sets an entry, or replaces an entry of the same name.
    ///
    /// # Errors
    /// [`ObjectLimit`] if the object would be too large, or the value is nested too deep. The object is then unchanged.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Json>) -> Result<(), ObjectLimit> {
        let (name, value) = (name.into(), value.into());
        if !nests_within(&value, Self::MAX_DEPTH - 1) {
            return Err(ObjectLimit::TooDeep { limit: Self::MAX_DEPTH });
        }
        let added = entry_bytes(&name, &value);
        let replaced = self.values.get(&name).map_or(0, |earlier| entry_bytes(&name, earlier));
        let bytes = self.bytes - replaced + added;
        if bytes > MAX_BYTES {
            return Err(ObjectLimit::TooLarge { bytes, limit: MAX_BYTES });
        }
        self.values.insert(name, value);
        self.bytes = bytes;
        Ok(())
    }

    /// Removes an entry, and returns its value if there was one.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let removed = self.values.remove(name)?;
        self.bytes -= entry_bytes(name, &removed);
        Some(removed)
    }
}

impl<const MAX_BYTES: usize> Default for BoundedObject<MAX_BYTES> {
    fn default() -> Self {
        Self::new(JsonObject::new())
    }
}

impl<const MAX_BYTES: usize> fmt::Debug for BoundedObject<MAX_BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// The error for an entry that [`BoundedObject::set`] refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectLimit {
    /// The object would be too large.
    #[error("the plugin keeps {bytes} bytes with the host, and at most {limit} are allowed: keep less")]
    TooLarge {
        /// The number of bytes that the object would have.
        bytes: usize,
        /// The allowed number of bytes.
        limit: usize,
    },
    /// The value is nested too deep.
    #[error("the plugin keeps a value that nests more than {limit} levels deep: keep it as a text")]
    TooDeep {
        /// The allowed depth.
        limit: usize,
    },
}
