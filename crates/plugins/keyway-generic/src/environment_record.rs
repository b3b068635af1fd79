//! An environment's record.

use keyway_core::Timestamp;
use keyway_seal::KeyRing;
use keyway_secrets::{Environment, EnvironmentName, StoreError};
use zeroize::Zeroizing;

use crate::bytes::{Malformed, Reader, put_bytes, put_optional, put_u64};
use crate::sealed_note;

const WHAT: &str = "the record of an environment";

/// An environment as it is sealed.
#[derive(Debug)]
pub(crate) struct EnvironmentRecord {
    pub(crate) name: EnvironmentName,
    pub(crate) external_url: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
}

impl EnvironmentRecord {
    pub(crate) fn seal(&self, keys: &KeyRing) -> Result<Vec<u8>, StoreError> {
        let text_bytes = self.name.as_str().len() + self.external_url.as_ref().map_or(0, String::len);
        let mut plaintext = Zeroizing::new(Vec::with_capacity(32 + text_bytes));
        put_u64(&mut plaintext, self.created.as_milliseconds());
        put_u64(&mut plaintext, self.modified.as_milliseconds());
        put_bytes(&mut plaintext, self.name.as_str().as_bytes());
        put_optional(&mut plaintext, self.external_url.as_deref());
        sealed_note::seal(&plaintext, keys)
    }

    pub(crate) fn open(note: &[u8], keys: &KeyRing) -> Result<Self, StoreError> {
        let plaintext = sealed_note::open(WHAT, note, keys)?;
        let damaged =
            |malformed: Malformed| StoreError::corrupt(WHAT, format!("expected {}", malformed.expected));
        let mut reader = Reader::new(&plaintext);
        let created = Timestamp::from_milliseconds(reader.u64().map_err(damaged)?);
        let modified = Timestamp::from_milliseconds(reader.u64().map_err(damaged)?);
        let name = EnvironmentName::new(reader.text().map_err(damaged)?)
            .map_err(|_| damaged(Malformed { expected: "an environment name" }))?;
        let external_url = reader.optional().map_err(damaged)?.map(str::to_owned);
        Ok(Self { name, external_url, created, modified })
    }

    /// Refuses a record that lies where another environment's belongs.
    pub(crate) fn check_name(self, name: &EnvironmentName) -> Result<Self, StoreError> {
        if self.name == *name {
            Ok(self)
        } else {
            Err(StoreError::corrupt(WHAT, "it was sealed for another place"))
        }
    }

    pub(crate) fn into_environment(self) -> Environment {
        Environment::new(self.name, self.external_url).with_dates(self.created, self.modified)
    }
}
