//! Records of the host's own, sealed at rest (decision K1).
//!
//! The key of a record says of which kind it is and nothing else: names go through an HMAC
//! whose key is random, long-lived and itself sealed. The payload is one Fernet token, bound to
//! kind and name, so that records cannot be exchanged.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use keyway_core::{ErrorKind, PluginError};
use keyway_seal::{KeyRing, OpenError, SealError, token_len};
use keyway_storage::{Batch, Expectation, KeyRange, Outcome, Revision, Storage, StorageError};
use sha2::Sha256;
use zeroize::Zeroizing;

pub(crate) const PREFIX: &[u8] = b"keyway-host\0";
const INDEX_KEY_BYTES: usize = 32;
const MARK_BYTES: usize = 16;

/// Why a record of the host's could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The storage engine failed.
    #[error("the host's records cannot be reached")]
    Storage(#[from] StorageError),
    /// A record does not open with the host's keys.
    #[error("a record of the host's does not open: use the keys that sealed it, or restore it from a copy")]
    Open(#[from] OpenError),
    /// A record cannot be sealed.
    #[error("a record of the host's cannot be sealed")]
    Seal(#[from] SealError),
    /// The system's random source failed.
    #[error("the system's random source failed")]
    Random(#[source] getrandom::Error),
    /// A record opens and makes no sense.
    #[error("a record of the host's is damaged ({reason}): restore it from a copy")]
    Corrupt {
        /// What was found, without content.
        reason: String,
    },
}

impl PluginError for RecordError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Storage(error) => error.kind(),
            Self::Open(error) => error.kind(),
            Self::Seal(error) => error.kind(),
            Self::Random(_) => ErrorKind::Internal,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
        }
    }
}

pub(crate) fn corrupt(reason: impl Into<String>) -> RecordError {
    RecordError::Corrupt { reason: reason.into() }
}

/// A kind of record. Part of the stored key, so it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    #[cfg(feature = "secrets")]
    Store = 1,
    /// How many grants a user has of a service.
    #[cfg(feature = "issuers")]
    GrantCount = 2,
    /// A grant, or the intent of one.
    #[cfg(feature = "issuers")]
    Grant = 3,
    /// Which grant has a state.
    #[cfg(feature = "issuers")]
    GrantByState = 4,
    /// What is to be done about a grant, ordered by when.
    #[cfg(feature = "issuers")]
    GrantWork = 5,
}

/// A record that was read: its name, its payload, and the mark of its last write.
pub(crate) struct OpenedRecord {
    pub(crate) name: String,
    pub(crate) payload: Zeroizing<Vec<u8>>,
    pub(crate) revision: Revision,
}

/// The host's records on a storage engine.
#[derive(Debug)]
pub(crate) struct SealedRecords {
    storage: Arc<dyn Storage>,
    keys: KeyRing,
    /// Ready for use, because its key schedule costs as much as a name. It wipes itself when dropped.
    mac: Hmac<Sha256>,
}

impl SealedRecords {
    /// Opens the records, and makes the key of the index when there is no record yet.
    ///
    /// Without that key no record is ever found again, so it is not made anew beside other records: they
    /// would be forgotten without a word (H58).
    ///
    /// # Errors
    /// [`RecordError::Corrupt`] when the key is missing and other records are there.
    pub(crate) async fn open(storage: Arc<dyn Storage>, keys: KeyRing) -> Result<Self, RecordError> {
        let at = [PREFIX, &[0]].concat();
        let mut drawn = Zeroizing::new([0; INDEX_KEY_BYTES]);
        getrandom::fill(drawn.as_mut_slice()).map_err(RecordError::Random)?;
        let all = KeyRange::prefix(PREFIX);
        loop {
            // The key of the index comes before every other record. One look at both: between two looks
            // another host could write them.
            let page = storage.scan(&all, None, 1).await?;
            if let Some(found) = page.entries.first() {
                if found.key != at {
                    return Err(corrupt("the index key is missing and other records are there"));
                }
                let index_key = keys.open(&found.value)?;
                if index_key.len() != INDEX_KEY_BYTES {
                    return Err(corrupt("the index key"));
                }
                let mac = Hmac::new_from_slice(&index_key).map_err(|_| corrupt("the index key"))?;
                return Ok(Self { storage, keys, mac });
            }
            let sealed = keys.seal(drawn.as_slice())?;
            let batch = Batch::new().put(at.as_slice(), sealed.into_bytes(), Expectation::Absent);
            // Whoever came first, the next look finds a key.
            let _ = storage.commit(batch).await?;
        }
    }

    pub(crate) async fn read(
        &self,
        kind: RecordKind,
        name: &str,
    ) -> Result<Option<OpenedRecord>, RecordError> {
        match self.storage.get(&self.key(kind, name)).await? {
            None => Ok(None),
            Some(found) => {
                let record = self.unseal(kind, &found.value, found.revision)?;
                if record.name == name { Ok(Some(record)) } else { Err(corrupt("it is another's")) }
            }
        }
    }

    /// All records of a kind, in no particular order.
    pub(crate) async fn read_all(&self, kind: RecordKind) -> Result<Vec<OpenedRecord>, RecordError> {
        let range = KeyRange::prefix([PREFIX, &[kind as u8]].concat());
        let mut after: Option<Vec<u8>> = None;
        let mut records = Vec::new();
        loop {
            let limit = self.storage.limits().page_records;
            let page = self.storage.scan(&range, after.as_deref(), limit).await?;
            for entry in &page.entries {
                let record = self.unseal(kind, &entry.value, entry.revision)?;
                if self.key(kind, &record.name) != entry.key {
                    return Err(corrupt("it is another's"));
                }
                records.push(record);
            }
            after = page.entries.last().map(|entry| entry.key.clone());
            if !page.more {
                return Ok(records);
            }
        }
    }

    /// Writes a record if `expectation` holds; `None` if it does not.
    pub(crate) async fn write(
        &self,
        kind: RecordKind,
        name: &str,
        payload: &[u8],
        expectation: Expectation,
    ) -> Result<Option<Revision>, RecordError> {
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut plaintext = Zeroizing::new(Vec::with_capacity(1 + 4 + name.len() + payload.len()));
        plaintext.push(kind as u8);
        plaintext.extend_from_slice(&length);
        plaintext.extend_from_slice(name.as_bytes());
        plaintext.extend_from_slice(payload);
        let mut sealed = Vec::with_capacity(token_len(plaintext.len()));
        self.keys.seal_into(&plaintext, &mut sealed)?;
        let batch = Batch::new().put(self.key(kind, name), sealed, expectation);
        Ok(match self.storage.commit(batch).await? {
            Outcome::Committed(revision) => Some(revision),
            Outcome::Conflict { .. } => None,
        })
    }

    /// Takes a record away if it still has `revision`; `false` if it has not.
    pub(crate) async fn remove(
        &self,
        kind: RecordKind,
        name: &str,
        revision: Revision,
    ) -> Result<bool, RecordError> {
        let batch = Batch::new().delete(self.key(kind, name), Expectation::Revision(revision));
        Ok(matches!(self.storage.commit(batch).await?, Outcome::Committed(_)))
    }

    fn unseal(
        &self,
        kind: RecordKind,
        sealed: &[u8],
        revision: Revision,
    ) -> Result<OpenedRecord, RecordError> {
        let plaintext = self.keys.open(sealed)?;
        let (found, rest) = plaintext.split_first().ok_or_else(|| corrupt("it is empty"))?;
        if *found != kind as u8 {
            return Err(corrupt("it is of another kind"));
        }
        let (length, rest) = rest.split_first_chunk().ok_or_else(|| corrupt("it is cut off"))?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (name, payload) = rest.split_at_checked(length).ok_or_else(|| corrupt("it is cut off"))?;
        let name = std::str::from_utf8(name).map_err(|_| corrupt("its name is not UTF-8"))?.to_owned();
        Ok(OpenedRecord { name, payload: Zeroizing::new(payload.to_vec()), revision })
    }

    #[cfg(feature = "issuers")]
    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    #[cfg(feature = "issuers")]
    pub(crate) fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The HMAC behind which names are hidden.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        self.mac.clone()
    }

    fn key(&self, kind: RecordKind, name: &str) -> Vec<u8> {
        let mut mac = self.mac();
        mac.update(name.as_bytes());
        let mark = mac.finalize().into_bytes();
        let mut key = Vec::with_capacity(PREFIX.len() + 1 + MARK_BYTES);
        key.extend_from_slice(PREFIX);
        key.push(kind as u8);
        key.extend_from_slice(&mark[..MARK_BYTES]);
        key
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

    #[tokio::test]
    async fn records_come_back_and_hide_their_names() {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let keys = ring();
        let records = SealedRecords::open(Arc::clone(&storage), keys.clone()).await.unwrap();
        let written =
            records.write(RecordKind::Store, "needle", b"payload", Expectation::Absent).await.unwrap();
        assert!(written.is_some());
        let again = SealedRecords::open(Arc::clone(&storage), keys).await.unwrap();
        let read = again.read(RecordKind::Store, "needle").await.unwrap().unwrap();
        assert_eq!((&read.payload[..], Some(read.revision)), (&b"payload"[..], written));
        assert_eq!(again.read_all(RecordKind::Store).await.unwrap().len(), 1);
        for entry in storage.scan(&KeyRange::all(), None, 10).await.unwrap().entries {
            for bytes in [entry.key, entry.value] {
                assert!(!bytes.windows(6).any(|window| window == b"needle"));
            }
        }
        let twice = again.write(RecordKind::Store, "needle", b"x", Expectation::Absent).await.unwrap();
        assert!(twice.is_none());
        assert!(again.remove(RecordKind::Store, "needle", read.revision).await.unwrap());
        assert!(again.read(RecordKind::Store, "needle").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn exchanged_records_and_wrong_keys_are_refused() {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let records = SealedRecords::open(Arc::clone(&storage), ring()).await.unwrap();
        for name in ["a", "b"] {
            records.write(RecordKind::Store, name, name.as_bytes(), Expectation::Absent).await.unwrap();
        }
        let a = storage.get(&records.key(RecordKind::Store, "a")).await.unwrap().unwrap();
        let swap = Batch::new().put(records.key(RecordKind::Store, "b"), a.value, Expectation::Any);
        let _ = storage.commit(swap).await.unwrap();
        assert!(matches!(records.read(RecordKind::Store, "b").await, Err(RecordError::Corrupt { .. })));
        assert!(records.read_all(RecordKind::Store).await.is_err());
        assert!(matches!(SealedRecords::open(storage, ring()).await, Err(RecordError::Open(_))));
    }
}
