//! Checks writes of the reference store, and applies them to the content.

use std::borrow::Cow;

use keyway_core::SecretValue;
use keyway_secrets::{MAX_DESCRIPTION_BYTES, NewValue, SecretHeader, SecretWrite, StoreError};

use super::document::ReferenceStore;
use super::{Content, SecretRecord};

impl ReferenceStore {
    /// Applies all writes together: the document is stored only once.
    pub(in crate::secrets) async fn write_each(
        &self,
        writes: &[SecretWrite],
    ) -> Result<Vec<SecretHeader>, StoreError> {
        for (at, write) in writes.iter().enumerate() {
            self.admit_write(write).map_err(|refusal| refusal.in_batch(at))?;
        }
        let now = self.now();
        self.change(|content| {
            let mut apply =
                |(at, write)| self.apply(content, write, now).map_err(|refusal| refusal.in_batch(at));
            writes.iter().enumerate().map(&mut apply).collect()
        })
        .await
    }

    /// Refuses a write that the store can never accept. This check does not need the content of the store.
    pub(super) fn admit_write(&self, write: &SecretWrite) -> Result<(), StoreError> {
        let declared = self.habits.capabilities;
        self.admit(write.address())?;
        let (value, description) = match write {
            SecretWrite::Create(secret) => {
                secret.address.name.check_creatable()?;
                (Some(&secret.value), secret.description.as_ref().map(Some))
            }
            SecretWrite::Modify(_, change) => {
                Self::need(declared.versions || change.expected.is_none(), "versions")?;
                (change.value.as_ref(), change.description.as_ref().map(Option::as_ref))
            }
            _ => return Err(StoreError::Unsupported { what: "this write" }),
        };
        Self::need(declared.descriptions || description.is_none(), "descriptions")?;
        Self::admit_description(description.flatten().map(String::as_str))?;
        value.map_or(Ok(()), |value| self.admit_value(value))
    }

    /// Applies a checked write to the content.
    pub(super) fn apply(
        &self,
        content: &mut Content,
        write: &SecretWrite,
        now: u64,
    ) -> Result<SecretHeader, StoreError> {
        let secret = match write {
            SecretWrite::Create(secret) => secret,
            SecretWrite::Modify(address, change) => {
                let at = content.find(address)?;
                content.secrets[at].header(&self.habits).check_unchanged(change.expected.as_ref())?;
                let value = change.value.as_ref().map(|value| Self::value_for(content, value)).transpose()?;
                let record = &mut content.secrets[at];
                if let Some(value) = &value {
                    record.set_value(value);
                }
                if let Some(description) = &change.description {
                    record.description.clone_from(description);
                }
                record.version += 1;
                record.modified = now.max(record.created);
                return Ok(record.header(&self.habits));
            }
            _ => return Err(StoreError::Unsupported { what: "this write" }),
        };
        match content.find(&secret.address) {
            Err(StoreError::SecretNotFound { .. }) => {}
            Err(other) => return Err(other),
            Ok(_) => return Err(StoreError::SecretExists { address: secret.address.clone() }),
        }
        let number = content.number();
        let mut record = SecretRecord {
            number,
            place: number,
            name: secret.address.name.as_str().to_owned(),
            environment: secret.address.environment.as_ref().map(|name| name.as_str().to_owned()),
            value: serde_json::Value::Null,
            description: secret.description.clone(),
            version: 1,
            created: now,
            modified: now,
        };
        let value = Self::value_for(content, &secret.value)?;
        record.set_value(&value);
        let header = record.header(&self.habits);
        content.secrets.push(record);
        Ok(header)
    }

    fn admit_value(&self, value: &NewValue) -> Result<(), StoreError> {
        if value.recipe().is_some() && !self.habits.capabilities.generates_values {
            Err(NewValue::unsupported())
        } else if self.habits.capabilities.stores(value.kind()) {
            Ok(())
        } else {
            Err(StoreError::UnsupportedValue { kind: value.kind() })
        }
    }

    /// Returns the given value, or generates a value with the document's settings.
    fn value_for<'a>(content: &Content, value: &'a NewValue) -> Result<Cow<'a, SecretValue>, StoreError> {
        match value {
            NewValue::Given(value) => Ok(Cow::Borrowed(value)),
            NewValue::Generated(recipe) => content.settings.password(recipe).map(Cow::Owned),
        }
    }

    fn admit_description(description: Option<&str>) -> Result<(), StoreError> {
        match description {
            Some(text) if text.len() > MAX_DESCRIPTION_BYTES => {
                Err(StoreError::invalid("the description", "it is too long"))
            }
            _ => Ok(()),
        }
    }
}
