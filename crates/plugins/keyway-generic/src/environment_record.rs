//! The record of an environment.

use keyway_core::Timestamp;
use keyway_secrets::{Environment, EnvironmentName, StoreError};
use zeroize::Zeroizing;

use crate::handle::StoreKeys;
use crate::layout::StoreMark;
use crate::sealed_note;
use keyway_core::codec::{Malformed, Reader, put_bytes, put_optional, put_text, put_u64};

const WHAT: &str = "the record of an environment";
const TAG: u8 = b'E';

/// The content of the record of an environment, which is sealed as a whole.
#[derive(Debug)]
pub(crate) struct EnvironmentRecord {
    pub(crate) name: EnvironmentName,
    pub(crate) external_url: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
}

impl EnvironmentRecord {
    pub(crate) fn seal(&self, keys: StoreKeys<'_>) -> Result<Vec<u8>, StoreError> {
        let text_bytes = self.name.as_str().len() + self.external_url.as_ref().map_or(0, String::len);
        let mut plaintext = Zeroizing::new(Vec::with_capacity(40 + text_bytes));
        plaintext.push(TAG);
        plaintext.extend_from_slice(&keys.store.0);
        put_u64(&mut plaintext, self.created.as_milliseconds());
        put_u64(&mut plaintext, self.modified.as_milliseconds());
        put_bytes(&mut plaintext, self.name.as_str().as_bytes());
        put_optional(&mut plaintext, self.external_url.as_deref(), put_text);
        sealed_note::seal(&plaintext, keys.ring)
    }

    pub(crate) fn open(note: &[u8], keys: StoreKeys<'_>) -> Result<Self, StoreError> {
        let plaintext = sealed_note::open(WHAT, note, keys.ring)?;
        let damaged =
            |malformed: Malformed| StoreError::corrupt(WHAT, format!("expected {}", malformed.expected));
        let mut reader = Reader::new(&plaintext);
        if reader.byte().map_err(damaged)? != TAG || StoreMark(reader.array().map_err(damaged)?) != keys.store
        {
            return Err(misplaced());
        }
        let created = Timestamp::from_milliseconds(reader.u64().map_err(damaged)?);
        let modified = Timestamp::from_milliseconds(reader.u64().map_err(damaged)?);
        let name = EnvironmentName::new(reader.text().map_err(damaged)?)
            .map_err(|_| damaged(Malformed { expected: "an environment name" }))?;
        let external_url = reader.optional(Reader::text).map_err(damaged)?.map(str::to_owned);
        if !reader.rest().is_empty() {
            return Err(damaged(Malformed { expected: "the end of the record" }));
        }
        Ok(Self { name, external_url, created, modified })
    }

    /// Refuses the record if it belongs to another environment.
    pub(crate) fn check_name(self, name: &EnvironmentName) -> Result<Self, StoreError> {
        if self.name == *name { Ok(self) } else { Err(misplaced()) }
    }

    pub(crate) fn into_environment(self) -> Environment {
        Environment::new(self.name, self.external_url).with_dates(self.created, self.modified)
    }
}

pub(crate) fn misplaced() -> StoreError {
    StoreError::corrupt(WHAT, "it was sealed for another place")
}
