//! Builds the keys of the host's records. A key consists of a kind, a room (a group of keys within the kind), and bytes
//! that reveal no name.
//!
//! | room | rest of the key | value |
//! | --- | --- | --- |
//! | `Record` | scope, id | two sealed tokens: what never changes, and the state |
//! | `Unique` | tag of the names | address of the record that holds them |
//! | `Count` | tag of the names | number, signed |
//! | `Due` | lane, moment, id | scope |
//! | `Claimed` | host, moment when the claim ends, id | scope |
//! | `Undecided` | id | scope |
//! | `Listed` | tag of the names, id | scope |
//!
//! A record has an entry in at most one of the rooms `Due`, `Claimed` and `Undecided`.

use keyway_core::Timestamp;
use keyway_storage::KeyRange;

use super::error::{RecordError, corrupt};

/// The prefix of every key of the host.
pub(crate) const PREFIX: &[u8] = b"keyway-host\0";

/// The key of the record that holds the index key.
pub(super) const INDEX_KEY: &[u8] = b"keyway-host\0\0";

/// A kind of record. Its number is part of stored keys and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// A run of a named host.
    Host = 1,
    /// A secret store.
    Store = 2,
    /// A grant, or the intent to make a grant.
    Grant = 3,
    /// An order for a certificate.
    Order = 4,
    /// An issued certificate, in the log of issued certificates.
    Issued = 5,
    /// The certificate authority that an owner prefers.
    PreferredCa = 6,
    /// A subordinate certificate authority, or the intent to create the authority.
    SubordinateCa = 7,
    /// A session at a credential store, with the intents of its fetches.
    Session = 8,
    /// A lock against new check-outs.
    SessionLock = 9,
}

/// A group of keys within a kind. Its number is part of stored keys and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Record = 1,
    Unique = 2,
    Count = 3,
    Due = 4,
    Claimed = 5,
    Undecided = 6,
    Listed = 7,
}

/// The HMAC of one or several names, which hides them.
pub(crate) type NameTag = [u8; 16];

/// Writes the id of a record as 32 hexadecimal digits.
pub(crate) fn id_text(id: &NameTag) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    // The capacity leaves space for suffixes that engines append.
    let mut text = String::with_capacity(4 * size_of::<NameTag>());
    for byte in id {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// Reads an id that [`id_text`] wrote.
pub(crate) fn read_id(text: &str) -> Option<NameTag> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 32 || !text.bytes().all(is_digit) {
        return None;
    }
    Some(u128::from_str_radix(text, 16).ok()?.to_be_bytes())
}

/// Names a record: the scope in which it is listed, and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    pub(crate) scope: NameTag,
    pub(crate) id: NameTag,
}

impl Address {
    pub(super) fn key(&self, kind: RecordKind) -> Vec<u8> {
        key(kind, Room::Record, &[&self.scope, &self.id])
    }

    pub(super) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.scope);
        bytes[16..].copy_from_slice(&self.id);
        bytes
    }

    /// Reads an address from the last 32 bytes of a record's key, or of a value in the room
    /// `Unique`.
    pub(super) fn at_end_of(bytes: &[u8]) -> Result<Self, RecordError> {
        let (rest, id) = bytes.split_last_chunk().ok_or_else(|| corrupt("the address of a record"))?;
        let scope = rest.last_chunk().ok_or_else(|| corrupt("the address of a record"))?;
        Ok(Self { scope: *scope, id: *id })
    }
}

/// The place of a record in the index of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorkIndex {
    /// The record is due in this lane from this moment on.
    Due(NameTag, Timestamp),
    /// The host with this name works on the record. The host's claim ends at this moment.
    Claimed(NameTag, Timestamp),
    /// The record waits for a decision.
    Undecided,
}

impl WorkIndex {
    pub(super) fn key(&self, kind: RecordKind, id: &NameTag) -> Vec<u8> {
        match self {
            Self::Due(lane, at) => key(kind, Room::Due, &[lane, &moment(*at), id]),
            Self::Claimed(host, at) => key(kind, Room::Claimed, &[host, &moment(*at), id]),
            Self::Undecided => key(kind, Room::Undecided, &[id]),
        }
    }
}

/// Encodes a moment so that earlier moments sort first.
pub(super) fn moment(at: Timestamp) -> [u8; 8] {
    at.as_milliseconds().to_be_bytes()
}

pub(super) fn key(kind: RecordKind, room: Room, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut key = Vec::with_capacity(PREFIX.len() + 2 + length);
    key.extend_from_slice(PREFIX);
    key.extend([kind as u8, room as u8]);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// Returns the range of all keys of a room that begin with these parts.
pub(super) fn range(kind: RecordKind, room: Room, parts: &[&[u8]]) -> KeyRange {
    KeyRange::prefix(key(kind, room, parts))
}

/// Returns the part of a key after its kind and room.
pub(super) fn within_room(key: &[u8]) -> &[u8] {
    key.get(PREFIX.len() + 2..).unwrap_or_default()
}
