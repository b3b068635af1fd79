//! Encodes the store's header: the last writer, the key of the name index, the settings, and
//! operations in progress.

use keyway_core::WrittenBy;
use keyway_seal::{KeyId, KeyRing};
use keyway_secrets::StoreError;
use keyway_storage::{Record, Revision};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::layout::{NameIndex, StoreMark};
use crate::sealed_note;

pub(crate) const WHAT: &str = "the header of the store";
const TAG: u8 = b'S';

/// The content of the header, except the key of the name index.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderText {
    /// The store that the header belongs to, so that the header of another store is refused.
    pub(crate) store: String,
    pub(crate) written_by: WrittenBy,
    /// The settings in force, in the plugin's own type. They are parsed only after the check of the header's writer.
    pub(crate) settings: Map<String, Value>,
    /// The id of the key with which a rotation in progress reseals the records.
    pub(crate) rotating_to: Option<String>,
    /// The number of rotations so far. It distinguishes one rotation from another.
    pub(crate) rotations: u64,
    /// Whether the store is being deleted.
    pub(crate) deleting: bool,
}

/// The content of the header, which is sealed as a whole: the key of the name index, then the text as JSON.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) name_key: Zeroizing<[u8; NameIndex::KEY_BYTES]>,
    pub(crate) text: HeaderText,
}

impl Header {
    /// Returns the mark of the store, which its records carry.
    pub(crate) fn store_mark(&self) -> StoreMark {
        NameIndex::new(&self.name_key).store_mark()
    }

    pub(crate) fn seal(&self, keys: &KeyRing) -> Result<Vec<u8>, StoreError> {
        let text = serde_json::to_vec(&self.text)
            .map_err(|error| StoreError::system("write the header of the store", error))?;
        let mut plaintext = Zeroizing::new(Vec::with_capacity(1 + NameIndex::KEY_BYTES + text.len()));
        plaintext.push(TAG);
        plaintext.extend_from_slice(self.name_key.as_slice());
        plaintext.extend_from_slice(&text);
        sealed_note::seal(&plaintext, keys)
    }

    pub(crate) fn open(note: &[u8], store: &str, keys: &KeyRing) -> Result<Self, StoreError> {
        let plaintext = sealed_note::open(WHAT, note, keys)?;
        let body = plaintext.strip_prefix(&[TAG]);
        let (name_key, text) = body
            .and_then(<[u8]>::split_first_chunk)
            .ok_or_else(|| StoreError::corrupt(WHAT, "another record lies in its place"))?;
        let text: HeaderText = serde_json::from_slice(text)
            .map_err(|error| StoreError::corrupt(WHAT, format!("at column {}", error.column())))?;
        if text.store != store {
            return Err(StoreError::corrupt(WHAT, "it belongs to another store"));
        }
        Ok(Self { name_key: Zeroizing::new(*name_key), text })
    }
}

/// A header as it was found in the storage.
pub(crate) struct StoredHeader {
    pub(crate) header: Header,
    pub(crate) revision: Revision,
    /// The id of the key of the store. All records are sealed with this key until a rotation begins.
    pub(crate) sealed_by: KeyId,
}

impl StoredHeader {
    pub(crate) fn open(record: &Record, store: &str, keys: &KeyRing) -> Result<Self, StoreError> {
        let header = Header::open(&record.value, store, keys)?;
        let sealed_by = sealed_note::sealed_by(WHAT, &record.value)?;
        Ok(Self { header, revision: record.revision, sealed_by })
    }
}
