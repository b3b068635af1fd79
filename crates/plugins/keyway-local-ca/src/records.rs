//! The records of the authority: the keys under which they are stored, and their encryption.
//!
//! ```text
//! connection (16 bytes) | kind (1) | mark (16) [| serial number]
//! ```
//!
//! In a key, `connection` is a digest of the connection's name, and `mark` is a digest of the text that identifies the
//! record. For a revocation, that text is the id of the authority. A sealed value is `format (1) | key id (8) | token`.
//! Its plaintext begins with the key of the record, so a value that was copied to another key is refused.

use std::sync::Arc;

use keyway_certificates::{AuthorityName, CertificateError};
use keyway_core::Wiped;
use keyway_core::codec::{Reader, put_bytes};
use keyway_seal::{KeyId, KeyRing};
use keyway_storage::{KeyRange, Revision, Storage};
use sha2::{Digest as _, Sha256};

use crate::storage_error::{corrupt, from_storage};

const FORMAT: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const MARK_BYTES: usize = 16;

/// The kinds of records, each in its own range of keys. A number never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// An authority, with its key. Sealed.
    Authority = 0,
    /// The name of an authority. The record keeps names unique: its key holds a digest of the name, and it has no
    /// content.
    Name = 1,
    /// An order, with its certificate. Sealed.
    Order = 2,
    /// A revoked certificate, in the form that the revocation list publishes. In the clear.
    Revocation = 3,
    /// The state of a revocation list. In the clear.
    List = 4,
    /// The last list that was signed. In the clear.
    SignedList = 5,
    /// The subject of an authority. The record keeps subjects unique, as that of a name does for names.
    Subject = 6,
}

/// The storage engine of one connection, and the keys that seal its records.
#[derive(Debug)]
pub(crate) struct Records {
    connection: [u8; MARK_BYTES],
    pub(crate) storage: Arc<dyn Storage>,
    keys: KeyRing,
}

impl Records {
    pub(crate) fn new(connection: &AuthorityName, storage: Arc<dyn Storage>, keys: KeyRing) -> Self {
        Self { connection: mark(&[b"keyway-local-ca", connection.as_str().as_bytes()]), storage, keys }
    }

    /// Returns the key of a record. `text` identifies the record among those of its kind.
    pub(crate) fn key(&self, kind: Kind, text: &str) -> Vec<u8> {
        [&self.connection[..], &[kind as u8], &mark(&[&[kind as u8], text.as_bytes()])].concat()
    }

    /// Returns the range of all records of a kind.
    pub(crate) fn all(&self, kind: Kind) -> KeyRange {
        KeyRange::prefix([&self.connection[..], &[kind as u8]].concat())
    }

    /// Returns the key of the revocation of a certificate. With an empty serial number, it is the prefix of the keys of
    /// all revocations of the authority.
    pub(crate) fn revocation(&self, ca: &str, serial: &[u8]) -> Vec<u8> {
        let mut key = self.key(Kind::Revocation, ca);
        key.extend_from_slice(serial);
        key
    }

    /// Reads a sealed record.
    pub(crate) async fn get(
        &self,
        what: &'static str,
        key: &[u8],
    ) -> Result<Option<(Wiped<Vec<u8>>, Revision)>, CertificateError> {
        let Some(record) = self.storage.get(key).await.map_err(from_storage)? else { return Ok(None) };
        Ok(Some((self.open(what, key, &record.value)?, record.revision)))
    }

    /// Seals the content of a record.
    pub(crate) fn seal(&self, key: &[u8], content: &[u8]) -> Result<Vec<u8>, CertificateError> {
        let mut plaintext = Wiped::new(Vec::with_capacity(key.len() + content.len() + 8));
        put_bytes(&mut plaintext, key);
        plaintext.extend_from_slice(content);
        let mut value = vec![FORMAT];
        value.extend_from_slice(&self.keys.primary_id().to_bytes());
        let sealed = self.keys.seal_into(&plaintext, &mut value);
        sealed
            .map_err(|error| CertificateError::not_ready("the seal of the authority", error.to_string()))?;
        Ok(value)
    }

    /// Tells whether a value was sealed with the first key.
    pub(crate) fn is_sealed_with_first(&self, value: &[u8]) -> bool {
        value.get(1..=KEY_ID_BYTES) == Some(&self.keys.primary_id().to_bytes()[..])
    }

    /// Opens the content of a record.
    pub(crate) fn open(
        &self,
        what: &'static str,
        key: &[u8],
        value: &[u8],
    ) -> Result<Wiped<Vec<u8>>, CertificateError> {
        let [FORMAT, rest @ ..] = value else { return Err(corrupt(what, "it has an unknown format")) };
        let Some((id, token)) = rest.split_first_chunk::<KEY_ID_BYTES>() else {
            return Err(corrupt(what, "it is cut off"));
        };
        let id = KeyId::from_bytes(*id);
        if !self.keys.contains(id) {
            let reason = format!("its key {id} is not among the lent keys: lend the old key too");
            return Err(CertificateError::not_ready(what, reason));
        }
        let plaintext = self.keys.open_with(id, token).map_err(|error| corrupt(what, error.to_string()))?;
        let mut reader = Reader::new(&plaintext);
        if reader.bytes().ok() != Some(key) {
            return Err(corrupt(what, "it was sealed for another place"));
        }
        Ok(Wiped::new(reader.rest().to_vec()))
    }
}

/// Returns a digest of fixed length for a list of texts. The length of each text is included, so that the texts are
/// delimited.
pub(crate) fn mark(parts: &[&[u8]]) -> [u8; MARK_BYTES] {
    let digest = parts.iter().fold(Sha256::new(), |digest, part| {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        digest.chain_update(length.to_le_bytes()).chain_update(part)
    });
    let digest = digest.finalize();
    std::array::from_fn(|at| digest[at])
}
