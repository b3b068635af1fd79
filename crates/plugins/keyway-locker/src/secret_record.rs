//! A secret as the service holds it: everything but ids and dates is encrypted.

use keyway_core::{Json, SecretText, SecretValue, Timestamp};
use keyway_secrets::{EnvironmentName, Secret, SecretAddress, SecretHeader, SecretName, StoreError};

use crate::answer::{Malformed, Record, date, id, text};
use crate::item_key::{CipherFault, ItemKey};

/// A secret in an answer of the service. Its texts are encrypted, except for ids.
#[derive(Clone, Debug)]
pub(crate) struct SecretRecord {
    pub(crate) id: String,
    key: String,
    value: String,
    description: Option<String>,
    environment_id: Option<String>,
    environment_name: Option<String>,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
}

impl Record for SecretRecord {
    fn read(json: &Json) -> Result<Self, Malformed> {
        let optional = |name| text(json, name).map(str::to_owned);
        let created = date(json, "creation_date");
        Ok(Self {
            id: id(json)?,
            key: optional("key").ok_or(Malformed("`key`"))?,
            value: optional("value").ok_or(Malformed("`value`"))?,
            description: optional("description"),
            environment_id: optional("environment_id"),
            environment_name: optional("environment_name"),
            created,
            modified: date(json, "revision_date").or(created),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn bytes(&self) -> usize {
        let optional = [&self.description, &self.environment_id, &self.environment_name];
        let optional = optional.into_iter().flatten().map(String::len).sum::<usize>();
        size_of::<Self>() + self.id.len() + self.key.len() + self.value.len() + optional
    }
}

impl SecretRecord {
    /// Decrypts name and environment.
    pub(crate) fn address(&self, key: &ItemKey) -> Result<SecretAddress, StoreError> {
        let name =
            opened(key, &self.key).map_err(|fault| damaged("the name of a secret", &self.id, fault))?;
        let environment = self.environment_name.as_deref().map(|name| opened(key, name)).transpose();
        let environment = environment
            .map_err(|fault| damaged("the environment of a secret", &self.id, fault))?
            .filter(|name| !name.is_empty());
        let environment = environment.map(EnvironmentName::new).transpose();
        let environment = environment
            .map_err(|_| damaged("the environment of a secret", &self.id, CipherFault::Content))?;
        if environment.is_none() && self.environment_id.is_some() {
            // The record has the id of an environment, but no name. Without this error, the secret would count as one
            // that belongs to no environment.
            return Err(damaged("the environment of a secret", &self.id, CipherFault::Content));
        }
        Ok(SecretAddress { environment, name: SecretName::of_existing(name) })
    }

    /// Decrypts everything but the value.
    pub(crate) fn header(&self, key: &ItemKey) -> Result<SecretHeader, StoreError> {
        self.header_at(self.address(key)?, key)
    }

    /// Decrypts the description, and returns the header. `address` is the decrypted address of this record.
    pub(crate) fn header_at(
        &self,
        address: SecretAddress,
        key: &ItemKey,
    ) -> Result<SecretHeader, StoreError> {
        let description = self.description.as_deref().map(|text| opened(key, text)).transpose();
        let description =
            description.map_err(|fault| damaged("the description of a secret", &self.id, fault))?;
        let header = SecretHeader::new(&*self.id, address).with_description(description);
        Ok(match (self.created, self.modified) {
            (Some(created), Some(modified)) => header.with_dates(created, modified),
            _ => header,
        })
    }

    /// Decrypts the value. The service holds texts only.
    pub(crate) fn value(&self, key: &ItemKey) -> Result<SecretValue, StoreError> {
        let value = key.open_text(&self.value);
        let value = value.map_err(|fault| damaged("the value of a secret", &self.id, fault))?;
        Ok(SecretValue::Text(SecretText::from(value)))
    }

    /// Decrypts everything.
    pub(crate) fn secret(&self, key: &ItemKey) -> Result<Secret, StoreError> {
        Ok(Secret { header: self.header(key)?, value: self.value(key)? })
    }
}

/// Decrypts a name or a description. The result is not wiped.
pub(crate) fn opened(key: &ItemKey, text: &str) -> Result<String, CipherFault> {
    key.open_text(text).map(keyway_core::Wiped::take)
}

/// Makes the error for a record that does not open (decision L9).
pub(crate) fn damaged(what: &'static str, id: &str, fault: CipherFault) -> StoreError {
    StoreError::corrupt(what, format!("the service's record {id}: {fault}"))
}

#[cfg(test)]
mod tests {
    use keyway_core::{ErrorKind, PluginError as _};
    use serde_json::{Value, json};

    use super::*;

    fn key() -> ItemKey {
        ItemKey::new(&[1; 32], &[2; 32])
    }

    fn sealed(text: &str) -> Value {
        key().seal(text.as_bytes()).unwrap().into()
    }

    fn complete() -> Value {
        json!({
            "object": "secret", "id": "sec1", "key": sealed("A"), "value": sealed("v"), "description": sealed("d"),
            "environment_id": "env1", "environment_name": sealed("prod"),
            "creation_date": 5.5, "revision_date": 7, "project_id": 4711, "last_use_date": null,
        })
    }

    fn with(name: &str, value: Value) -> SecretRecord {
        let mut record = complete();
        record[name] = value;
        SecretRecord::read(&record.into()).unwrap()
    }

    #[test]
    fn a_record_is_decrypted_field_by_field() {
        let secret = with("unknown", json!([])).secret(&key()).unwrap();
        assert_eq!(secret.value.expose_text(), Some("v"));
        assert_eq!(secret.header.address.to_string(), r#""A" of environment "prod""#);
        assert_eq!(secret.header.description.as_deref(), Some("d"));
        assert_eq!(secret.header.created, Some(Timestamp::from_milliseconds(5500)));
        assert_eq!(secret.header.modified, Some(Timestamp::from_milliseconds(7000)));
        assert_eq!((secret.header.id.as_str(), secret.header.version), ("sec1", None));
    }

    #[test]
    fn an_absent_description_is_null_or_empty_and_an_empty_one_is_encrypted() {
        for (stored, description) in [(json!(null), None), (json!(""), None), (sealed(""), Some(""))] {
            assert_eq!(
                with("description", stored).header(&key()).unwrap().description.as_deref(),
                description
            );
        }
        assert_eq!(with("value", sealed("")).value(&key()).unwrap().expose_text(), Some(""));
    }

    #[test]
    fn plaintext_is_refused_in_every_field() {
        for field in ["key", "value", "description", "environment_name"] {
            let error = with(field, json!("just text")).secret(&key()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{field}");
            assert!(!error.to_string().contains("just text"), "{error}");
        }
        let mut record = complete();
        record["value"] = json!("");
        assert_eq!(SecretRecord::read(&record.into()).unwrap_err(), Malformed("`value`"));
    }

    #[test]
    fn a_secret_of_an_environment_does_not_pass_for_a_shared_one() {
        for absent in [json!(null), json!(""), sealed("")] {
            let error = with("environment_name", absent).address(&key()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
        let mut record = complete();
        record["environment_id"] = json!(null);
        record["environment_name"] = json!(null);
        let shared = SecretRecord::read(&record.into()).unwrap();
        assert_eq!(shared.address(&key()).unwrap().environment, None);
    }
}
