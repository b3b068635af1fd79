//! The sealed records of a connection: the account with its key, the open orders, and the revoked certificates.
//!
//! ```text
//! connection (16 bytes) | kind (1) | mark (16)
//! ```
//!
//! In a key, `connection` is a digest of the connection's name and of its directory, and `mark` is a digest of the text
//! that identifies the record. A value is `format (1) | token`. Its plaintext begins with the key of the record, so a
//! value that was copied to another key is refused.

use std::sync::Arc;

use keyway_certificates::{AuthorityName, CertificateError};
use keyway_core::Wiped;
use keyway_core::codec::{Reader, put_bytes};
use keyway_seal::{KeyId, KeyRing};
use keyway_storage::{
    Batch, CommitOutcome, Entry, Expectation, KeyRange, Revision, Storage, StorageError, rewrite,
};
use ring::digest::{Context, SHA256};

const FORMAT: u8 = 1;
const MARK_BYTES: usize = 16;

/// The kinds of records, each in its own range of keys. A number never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The account, with its key.
    Account = 0,
    /// The order at the server, by the id of the host's order.
    Order = 1,
    /// The id of the host's order, by the URL of the order at the server. An order at the server belongs to one order
    /// of the host.
    Claim = 2,
    /// A revoked certificate.
    Revocation = 3,
}

/// The storage engine of one connection, and the keys that seal its records.
#[derive(Debug)]
pub(crate) struct Records {
    connection: [u8; MARK_BYTES],
    storage: Arc<dyn Storage>,
    keys: KeyRing,
}

/// The content of a record, and its revision.
pub(crate) type Content = (Wiped<Vec<u8>>, Revision);

impl Records {
    /// Creates the access to the records of a connection. Connections of one name to different directories have
    /// separate records.
    pub(crate) fn new(
        name: &AuthorityName,
        directory: &str,
        storage: Arc<dyn Storage>,
        keys: KeyRing,
    ) -> Self {
        let connection = mark(&[b"keyway-acme", name.as_str().as_bytes(), directory.as_bytes()]);
        Self { connection, storage, keys }
    }

    /// Returns the key of a record.
    pub(crate) fn key(&self, kind: Kind, of: &[u8]) -> Vec<u8> {
        [&self.connection[..], &[kind as u8], &mark(&[&[kind as u8], of])].concat()
    }

    /// Reads a record.
    pub(crate) async fn get(&self, key: &[u8]) -> Result<Option<Content>, CertificateError> {
        let Some(record) = self.storage.get(key).await.map_err(from_storage)? else { return Ok(None) };
        Ok(Some((self.open(key, &record.value)?, record.revision)))
    }

    /// Reads all records of a kind.
    pub(crate) async fn all(&self, kind: Kind) -> Result<Vec<Content>, CertificateError> {
        let range = KeyRange::prefix([&self.connection[..], &[kind as u8]].concat());
        let (mut after, mut all) = (None, Vec::new());
        loop {
            let page = self.storage.scan(&range, after.as_deref(), 128).await.map_err(from_storage)?;
            for entry in &page.entries {
                all.push((self.open(&entry.key, &entry.value)?, entry.revision));
            }
            after = page.entries.last().map(|entry| entry.key.clone());
            if !page.more {
                return Ok(all);
            }
        }
    }

    /// Stores all records in one commit. Returns `false`, and stores nothing, if the expectation of one of them is not
    /// met.
    pub(crate) async fn put(
        &self,
        records: &[(&[u8], &[u8], Expectation)],
    ) -> Result<bool, CertificateError> {
        self.commit(Batch::with_capacity(records.len()), records).await
    }

    /// Stores all records together with the other changes of a batch. Returns `false`, and changes nothing, if an
    /// expectation is not met.
    pub(crate) async fn commit(
        &self,
        mut batch: Batch,
        records: &[(&[u8], &[u8], Expectation)],
    ) -> Result<bool, CertificateError> {
        for (key, content, expectation) in records {
            batch = batch.put(*key, self.seal(key, content)?, *expectation);
        }
        let outcome = self.storage.commit(batch).await.map_err(from_storage)?;
        Ok(matches!(outcome, CommitOutcome::Committed(_)))
    }

    /// Reseals every record that is not sealed with the first key. Returns the number of these records.
    pub(crate) async fn reseal(&self) -> Result<u64, CertificateError> {
        let change = |entry: &Entry| {
            let (content, id) = self.open_naming_key(&entry.key, &entry.value)?;
            if id == self.keys.primary_id() {
                return Ok(None);
            }
            self.seal(&entry.key, &content).map(Some)
        };
        let all = KeyRange::prefix(self.connection.to_vec());
        rewrite(&*self.storage, &all, change).await.map_err(from_storage)?
    }

    fn seal(&self, key: &[u8], content: &[u8]) -> Result<Vec<u8>, CertificateError> {
        let mut plaintext = Wiped::new(Vec::with_capacity(key.len() + content.len() + 8));
        put_bytes(&mut plaintext, key);
        plaintext.extend_from_slice(content);
        let mut value = vec![FORMAT];
        let sealed = self.keys.seal_into(&plaintext, &mut value);
        sealed.map_err(|error| CertificateError::not_ready("the seal of the records", error.to_string()))?;
        Ok(value)
    }

    fn open(&self, key: &[u8], value: &[u8]) -> Result<Wiped<Vec<u8>>, CertificateError> {
        self.open_naming_key(key, value).map(|(content, _)| content)
    }

    fn open_naming_key(&self, key: &[u8], value: &[u8]) -> Result<(Wiped<Vec<u8>>, KeyId), CertificateError> {
        let [FORMAT, token @ ..] = value else { return Err(corrupt("it has an unknown format")) };
        let (plaintext, id) = self.keys.open_naming_key(token).map_err(|error| {
            corrupt(format!("{error}: lend the key that it was sealed with too, if that was replaced"))
        })?;
        let mut reader = Reader::new(&plaintext);
        if reader.bytes().ok() != Some(key) {
            return Err(corrupt("it was sealed for another place"));
        }
        Ok((Wiped::new(reader.rest().to_vec()), id))
    }
}

/// Returns a digest of fixed length for a list of texts. The length of each text is included, so that the texts are
/// delimited.
fn mark(parts: &[&[u8]]) -> [u8; MARK_BYTES] {
    let mut digest = Context::new(&SHA256);
    for part in parts {
        digest.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        digest.update(part);
    }
    let digest = digest.finish();
    std::array::from_fn(|at| digest.as_ref()[at])
}

/// Creates the error for a record that cannot be read.
pub(crate) fn corrupt(reason: impl Into<String>) -> CertificateError {
    CertificateError::not_ready("a record of the ACME connection", reason)
}

fn from_storage(error: StorageError) -> CertificateError {
    CertificateError::of_system("the storage of the ACME connection", error)
}

#[cfg(test)]
mod tests {
    use keyway_seal::Key;
    use keyway_storage::Memory;

    use super::*;

    #[test]
    fn a_record_is_sealed_for_its_place() {
        pollster::block_on(async {
            let storage: Arc<dyn Storage> = Arc::new(Memory::new());
            let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
            let name = AuthorityName::new("web").unwrap();
            let records = |directory| Records::new(&name, directory, Arc::clone(&storage), keys.clone());
            let one = records("https://a.example/");
            let (key, other) = (one.key(Kind::Order, b"1"), one.key(Kind::Order, b"2"));
            assert!(one.put(&[(&key, b"n33dle", Expectation::Absent)]).await.unwrap());
            assert!(!one.put(&[(&key, b"again", Expectation::Absent)]).await.unwrap());
            assert_eq!(one.get(&key).await.unwrap().unwrap().0[..], *b"n33dle");
            assert_eq!(one.all(Kind::Order).await.unwrap().len(), 1);
            assert!(one.all(Kind::Claim).await.unwrap().is_empty());
            assert_ne!(records("https://b.example/").key(Kind::Order, b"1"), key);

            let raw = storage.get(&key).await.unwrap().unwrap().value;
            assert!(!raw.windows(6).any(|part| part == b"n33dle"));
            let moved = Batch::new().put(other.clone(), raw, Expectation::Absent);
            assert!(matches!(storage.commit(moved).await.unwrap(), CommitOutcome::Committed(_)));
            let refused = one.get(&other).await.unwrap_err().to_string();
            assert!(refused.contains("another place"), "{refused}");
        });
    }
}
