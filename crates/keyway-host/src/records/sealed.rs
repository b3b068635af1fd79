//! Records of the host, sealed at rest (decision K1).
//!
//! Names go through an HMAC whose key is random, long-lived and itself sealed. Each sealed part is
//! bound to that index key, to the key of its record and to its position in the value, so that no part
//! can be exchanged, also not with one of another host that has the same keys.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use keyway_core::Wiped;
use keyway_seal::{KeyRing, token_len};
use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Storage};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::{RecordError, corrupt, random};
use super::key::{INDEX_KEY, NameTag, PREFIX, RecordKind};

const INDEX_KEY_BYTES: usize = 32;

/// Says whose tag it is, so that equal names in different places have different tags.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TagOf {
    Scope = 1,
    Unique = 2,
    Counted = 3,
    Lane = 4,
    Host = 5,
    /// The id that a caller gave a request.
    Request = 6,
    /// A count and the names that are counted.
    Count = 7,
    /// The index key itself.
    Index = 8,
}

/// A sealed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Fixed = 0,
    State = 1,
}

/// The host's records on a storage engine.
#[derive(Debug)]
pub(crate) struct SealedRecords {
    storage: Arc<dyn Storage>,
    keys: KeyRing,
    /// Ready for use, because its key schedule costs as much as a name. It wipes itself when dropped.
    mac: Hmac<Sha256>,
    /// Names the index key in every sealed part.
    index: NameTag,
}

impl SealedRecords {
    /// Opens the records, and makes the index key where there is no record yet.
    ///
    /// Without that key no record is ever found again, so it is not made anew beside other records
    /// (decision H58).
    pub(crate) async fn open(storage: Arc<dyn Storage>, keys: KeyRing) -> Result<Self, RecordError> {
        let drawn = Zeroizing::new(random::<INDEX_KEY_BYTES>()?);
        let all = KeyRange::prefix(PREFIX);
        loop {
            // The index key comes before every other record. One look at both, since another host could
            // write them between two.
            let page = storage.scan(&all, None, 1).await?;
            if let Some(found) = page.entries.first() {
                if found.key != INDEX_KEY {
                    return Err(corrupt("the index key is missing and other records are there"));
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
            // Another host may be first; the next look finds its key.
            let _ = storage.commit(batch).await?;
        }
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<CommitOutcome, RecordError> {
        Ok(self.storage.commit(batch).await?)
    }

    /// Hides names.
    pub(crate) fn tag(&self, of: TagOf, kind: RecordKind, names: &[&[u8]]) -> NameTag {
        let mut tag = NameTag::default();
        tag.copy_from_slice(&self.mac_of(of, kind, names).finalize().into_bytes()[..16]);
        tag
    }

    /// Tells whether this is the tag of these names, in the same time whichever byte is wrong.
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

    /// Appends a sealed part of the record at `key`. `room` is the number of bytes that `write` appends
    /// at most: if it is too small, an unwiped copy stays behind.
    pub(super) fn seal_into(
        &self,
        out: &mut Vec<u8>,
        key: &[u8],
        part: Part,
        room: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), RecordError> {
        let bound = &key[PREFIX.len()..];
        let length = u8::try_from(bound.len()).map_err(|_| corrupt("its key is too long"))?;
        let mut plaintext = Wiped::new(Vec::with_capacity(16 + 2 + bound.len() + room));
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

    /// Opens a sealed part of the record at `key`, and passes its content on.
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

    /// Seals a token anew with the first key of the ring; `None` if that key sealed it already.
    pub(super) fn resealed(&self, token: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
        let (plaintext, key) = self.keys.open_naming_key(token)?;
        if key == self.keys.primary_id() {
            return Ok(None);
        }
        Ok(Some(self.keys.only_primary().seal(&plaintext)?.into_bytes()))
    }
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
