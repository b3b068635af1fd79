//! Seals the records of the host at rest.
//!
//! See decision K1.
//!
//! Names are hidden by an HMAC with a random, long-lived key, which is itself sealed. Each sealed part is bound to that
//! index key, to the key of its record and to its position in the value, so no part can be swapped for another part,
//! not even for a part of another host with the same keys.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use keyway_core::Wiped;
#[cfg(feature = "secrets")]
use keyway_seal::KeyId;
use keyway_seal::{KeyRing, token_len};
use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Storage};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::{RecordError, corrupt, random};
use super::key::{INDEX_KEY, NameTag, PREFIX, RecordKind};

const INDEX_KEY_BYTES: usize = 32;

/// The number of bytes before the record's key in a sealed part: the tag of the index key, the code of the part, and
/// the length of the key.
const HEADER: usize = size_of::<NameTag>() + 2;

/// Names the purpose of a tag, so that equal names have different tags for different purposes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TagOf {
    Scope = 1,
    Unique = 2,
    Counted = 3,
    Lane = 4,
    Host = 5,
    /// The id that a caller gave a request.
    Request = 6,
    /// A count and the names that it counts.
    Count = 7,
    /// The index key itself.
    Index = 8,
    Listed = 9,
}

/// A sealed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Fixed = 0,
    State = 1,
}

/// Reads and writes the host's sealed records on a storage engine.
#[derive(Debug)]
pub(crate) struct SealedRecords {
    storage: Arc<dyn Storage>,
    keys: KeyRing,
    /// The HMAC with its key already set, because setting the key costs as much as hashing a name.
    /// It is wiped on drop.
    mac: Hmac<Sha256>,
    /// Identifies the index key in every sealed part.
    index: NameTag,
}

impl SealedRecords {
    /// Opens the records, and makes the index key if there are no records yet.
    ///
    /// Without the index key no record can be found, so no new index key is made while other records exist (decision
    /// H58).
    pub(crate) async fn open(storage: Arc<dyn Storage>, keys: KeyRing) -> Result<Self, RecordError> {
        let drawn = Zeroizing::new(random::<INDEX_KEY_BYTES>()?);
        let all = KeyRange::prefix(PREFIX);
        loop {
            // The index key sorts before every other record. So one scan finds the index key or, if that is missing,
            // another record. With two scans, another host could write between them.
            let page = storage.scan(&all, None, 1).await?;
            if let Some(found) = page.entries.first() {
                if found.key != INDEX_KEY {
                    return Err(corrupt("the index key is missing and other records exist"));
                }
                let index_key = keys.open(&found.value)?;
                if index_key.len() != INDEX_KEY_BYTES {
                    return Err(corrupt("the index key"));
                }
                let mac = Hmac::new_from_slice(&index_key).map_err(|_| corrupt("the index key"))?;
                let mut records = Self { storage, keys, mac, index: NameTag::default() };
                records.index = records.tag(TagOf::Index, RecordKind::Host, &[]);
                return Ok(records);
            }
            let sealed = keys.seal(drawn.as_slice())?;
            let batch = Batch::new().put(INDEX_KEY, sealed.into_bytes(), Expectation::Absent);
            // If another host is faster, the next scan finds its key.
            let _ = storage.commit(batch).await?;
        }
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// Tells whether the host's ring has this key, and another one as its first.
    #[cfg(feature = "secrets")]
    pub(crate) fn is_older_key(&self, key: KeyId) -> bool {
        key != self.keys.primary_id() && self.keys.contains(key)
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<CommitOutcome, RecordError> {
        Ok(self.storage.commit(batch).await?)
    }

    /// Computes the tag that hides names.
    pub(crate) fn tag(&self, of: TagOf, kind: RecordKind, names: &[&[u8]]) -> NameTag {
        let mut tag = NameTag::default();
        tag.copy_from_slice(&self.mac_of(of, kind, names).finalize().into_bytes()[..16]);
        tag
    }

    /// Tells whether `tag` is the tag of these names, in constant time.
    pub(super) fn is_tag(&self, tag: &[u8], of: TagOf, kind: RecordKind, names: &[&[u8]]) -> bool {
        tag.len() == size_of::<NameTag>() && self.mac_of(of, kind, names).verify_truncated_left(tag).is_ok()
    }

    fn mac_of(&self, of: TagOf, kind: RecordKind, names: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(&[of as u8, kind as u8]);
        for name in names {
            mac.update(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
            mac.update(name);
        }
        mac
    }

    /// Appends a sealed part of the record at `key`. `room` is an upper bound for the number of bytes that `write`
    /// appends. If it is too small, an unwiped copy of the plaintext stays in memory.
    pub(super) fn seal_into(
        &self,
        out: &mut Vec<u8>,
        key: &[u8],
        part: Part,
        room: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), RecordError> {
        let bound = bound_part(key);
        let length = u8::try_from(bound.len()).map_err(|_| corrupt("its key is too long"))?;
        let mut plaintext = Wiped::new(Vec::with_capacity(HEADER + bound.len() + room));
        plaintext.extend_from_slice(&self.index);
        plaintext.extend([part as u8, length]);
        plaintext.extend_from_slice(bound);
        let reserved = plaintext.capacity();
        write(&mut plaintext);
        debug_assert!(plaintext.capacity() == reserved, "more was written than announced");
        out.reserve(token_len(plaintext.len()));
        self.keys.seal_into(&plaintext, out)?;
        Ok(())
    }

    /// Returns the maximum size of a sealed part.
    pub(super) fn sealed_len(key: &[u8], room: usize) -> usize {
        token_len(HEADER + bound_part(key).len() + room)
    }

    /// Opens a sealed part of the record at `key`, and passes its content to the caller's function.
    pub(super) fn open_part<T>(
        &self,
        key: &[u8],
        part: Part,
        sealed: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        let plaintext = self.keys.open(sealed)?;
        let (index, rest) = plaintext.split_first_chunk().ok_or_else(|| corrupt("it is cut off"))?;
        let ([found, length], rest) = rest.split_first_chunk().ok_or_else(|| corrupt("it is cut off"))?;
        let (bound, content) =
            rest.split_at_checked(usize::from(*length)).ok_or_else(|| corrupt("it is cut off"))?;
        if *index != self.index || *found != part as u8 || key.get(PREFIX.len()..) != Some(bound) {
            return Err(corrupt("it belongs elsewhere"));
        }
        read(content)
    }

    /// Reseals a token under the first key of the ring; `None` if the token is already under that key.
    pub(super) fn resealed(&self, token: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
        let (plaintext, key) = self.keys.open_naming_key(token)?;
        if key == self.keys.primary_id() {
            return Ok(None);
        }
        Ok(Some(self.keys.only_primary().seal(&plaintext)?.into_bytes()))
    }
}

/// Returns the part of a record's key to which the sealed parts of the record are bound.
fn bound_part(key: &[u8]) -> &[u8] {
    &key[PREFIX.len()..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_seal::Key;
    use keyway_storage::Memory;

    fn ring() -> KeyRing {
        KeyRing::new([Key::generate().unwrap()]).unwrap()
    }

    const KEY: &[u8] = b"keyway-host\0\x03\x01a";

    #[tokio::test]
    async fn a_part_opens_only_at_its_place_in_its_own_host() {
        let keys = ring();
        let open = async |storage: &Arc<dyn Storage>| {
            SealedRecords::open(Arc::clone(storage), keys.clone()).await.unwrap()
        };
        let (one, other): (Arc<dyn Storage>, Arc<dyn Storage>) =
            (Arc::new(Memory::new()), Arc::new(Memory::new()));
        let records = open(&one).await;
        let mut sealed = Vec::new();
        records.seal_into(&mut sealed, KEY, Part::State, 7, |out| out.extend(b"payload")).unwrap();
        let read = |records: &SealedRecords, key: &[u8], part| {
            records.open_part(key, part, &sealed, |content| Ok(content.to_vec()))
        };
        assert_eq!(read(&open(&one).await, KEY, Part::State).unwrap(), b"payload");
        let moved = read(&records, b"keyway-host\0\x03\x01b", Part::State).unwrap_err();
        let exchanged = read(&records, KEY, Part::Fixed).unwrap_err();
        let foreign = read(&open(&other).await, KEY, Part::State).unwrap_err();
        for error in [moved, exchanged, foreign] {
            assert!(matches!(error, RecordError::Corrupt { .. }), "{error}");
        }
        assert!(matches!(SealedRecords::open(one, ring()).await, Err(RecordError::Open(_))));
    }

    #[tokio::test]
    async fn a_missing_index_key_beside_records_is_damage() {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let batch = Batch::new().put(KEY, "x", Expectation::Any);
        let _ = storage.commit(batch).await.unwrap();
        let refused = SealedRecords::open(storage, ring()).await.unwrap_err();
        assert!(matches!(refused, RecordError::Corrupt { .. }), "{refused}");
    }
}
