//! Records of the host's own that are found by marks and moments instead of one name.
//!
//! The key of a record is the common prefix, its kind, and what the engine adds: marks, which
//! say nothing about the names behind them, random ids, and moments. The payload is one Fernet
//! token, bound to the whole key, so that records cannot be exchanged (decision K1).

use hmac::{Hmac, Mac};
use keyway_core::Wiped;
use keyway_seal::token_len;
use keyway_storage::{Batch, Entry, KeyRange, Outcome, Page, Record};
use sha2::Sha256;

use crate::sealed_records::{PREFIX, RecordError, RecordKind, SealedRecords, corrupt};

/// A name, or several together, as a key may hold it.
pub(crate) type Mark = [u8; 16];

/// What a mark is of, so that equal texts in different places have different marks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MarkOf {
    /// A user.
    User = 1,
    /// The mark of a user, and a service.
    Account = 2,
    /// The mark of an account, and the state of a credential.
    State = 3,
    /// The mark of an account, and the id that a caller gave a request.
    Request = 4,
    /// The mark of an account, and how many grants it has.
    Count = 5,
}

impl SealedRecords {
    /// The mark of these texts, or of what has marks already and a text.
    pub(crate) fn mark(&self, of: MarkOf, texts: &[&[u8]]) -> Mark {
        let mut mark = Mark::default();
        mark.copy_from_slice(&self.mac_of(of, texts).finalize().into_bytes()[..16]);
        mark
    }

    /// Whether this is the mark of these texts. Takes the same time whichever byte is wrong.
    pub(crate) fn is_mark(&self, mark: &[u8], of: MarkOf, texts: &[&[u8]]) -> bool {
        mark.len() == size_of::<Mark>() && self.mac_of(of, texts).verify_truncated_left(mark).is_ok()
    }

    fn mac_of(&self, of: MarkOf, texts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.mac();
        // No name begins with a zero byte and a length, so marks of a single name differ.
        mac.update(&[0, of as u8]);
        for text in texts {
            mac.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            mac.update(text);
        }
        mac
    }

    /// The key of a record of this kind.
    pub(crate) fn place(kind: RecordKind, parts: &[&[u8]]) -> Vec<u8> {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut key = Vec::with_capacity(PREFIX.len() + 1 + length);
        key.extend_from_slice(PREFIX);
        key.push(kind as u8);
        for part in parts {
            key.extend_from_slice(part);
        }
        key
    }

    /// What of a key follows its kind.
    pub(crate) fn within_kind(key: &[u8]) -> &[u8] {
        key.get(PREFIX.len() + 1..).unwrap_or_default()
    }

    /// Seals what `write` appends, for the record at `key`, behind what comes `before`. `room` is at
    /// least as many bytes: when it is less, a copy stays behind that is not wiped.
    pub(crate) fn seal_at(
        &self,
        key: &[u8],
        before: &[u8],
        room: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), RecordError>,
    ) -> Result<Vec<u8>, RecordError> {
        let bound = &key[PREFIX.len()..];
        let length = u8::try_from(bound.len()).map_err(|_| corrupt("its key is too long"))?;
        let mut plaintext = Wiped::new(Vec::with_capacity(1 + bound.len() + room));
        plaintext.push(length);
        plaintext.extend_from_slice(bound);
        let reserved = plaintext.capacity();
        write(&mut plaintext)?;
        debug_assert!(plaintext.capacity() == reserved, "more was written than said");
        let mut sealed = Vec::with_capacity(before.len() + token_len(plaintext.len()));
        sealed.extend_from_slice(before);
        self.keys().seal_into(&plaintext, &mut sealed)?;
        Ok(sealed)
    }

    /// Opens the record that was found at `key`, and passes its payload on.
    pub(crate) fn open_at<T>(
        &self,
        key: &[u8],
        sealed: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, RecordError>,
    ) -> Result<T, RecordError> {
        let plaintext = self.keys().open(sealed)?;
        let (length, rest) = plaintext.split_first().ok_or_else(|| corrupt("it is empty"))?;
        let (bound, payload) =
            rest.split_at_checked(usize::from(*length)).ok_or_else(|| corrupt("it is cut off"))?;
        if key.get(PREFIX.len()..) != Some(bound) {
            return Err(corrupt("it is another's"));
        }
        read(payload)
    }

    pub(crate) async fn get_at(&self, key: &[u8]) -> Result<Option<Record>, RecordError> {
        Ok(self.storage().get(key).await?)
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<Outcome, RecordError> {
        Ok(self.storage().commit(batch).await?)
    }

    pub(crate) async fn page(
        &self,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, RecordError> {
        Ok(self.storage().scan(range, after, limit).await?)
    }

    /// All records of a range, page by page.
    pub(crate) async fn all(&self, range: &KeyRange) -> Result<Vec<Entry>, RecordError> {
        let limit = self.storage().limits().page_records;
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after = entries.last().map(|entry| entry.key.clone());
            let page = self.page(range, after.as_deref(), limit).await?;
            entries.extend(page.entries);
            if !page.more {
                return Ok(entries);
            }
        }
    }
}
