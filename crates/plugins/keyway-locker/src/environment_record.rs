//! An environment as the service holds it.

use keyway_core::{Json, Timestamp};
use keyway_secrets::{Environment, EnvironmentName, StoreError};

use crate::answer::{Malformed, Record, date, id, text};
use crate::item_key::{CipherFault, ItemKey};
use crate::secret_record::{damaged, opened};

/// An environment in an answer of the service. Name and URL are encrypted.
#[derive(Clone, Debug)]
pub(crate) struct EnvironmentRecord {
    pub(crate) id: String,
    name: String,
    external_url: Option<String>,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
}

impl Record for EnvironmentRecord {
    fn read(json: &Json) -> Result<Self, Malformed> {
        let created = date(json, "creation_date");
        Ok(Self {
            id: id(json)?,
            name: text(json, "name").ok_or(Malformed("`name`"))?.to_owned(),
            external_url: text(json, "external_url").map(str::to_owned),
            created,
            modified: date(json, "revision_date").or(created),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn bytes(&self) -> usize {
        let url = self.external_url.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.id.len() + self.name.len() + url
    }
}

impl EnvironmentRecord {
    /// Decrypts the environment.
    pub(crate) fn environment(&self, key: &ItemKey) -> Result<Environment, StoreError> {
        let damaged = |fault| damaged("an environment", &self.id, fault);
        let name = EnvironmentName::new(opened(key, &self.name).map_err(damaged)?);
        let name = name.map_err(|_| damaged(CipherFault::Content))?;
        let url = self.external_url.as_deref().map(|url| opened(key, url)).transpose().map_err(damaged)?;
        let environment = Environment::new(name, url);
        Ok(match (self.created, self.modified) {
            (Some(created), Some(modified)) => environment.with_dates(created, modified),
            _ => environment,
        })
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::{ErrorKind, PluginError as _};
    use serde_json::{Value, json};

    use super::*;

    fn read(name: &Value, url: &Value) -> Result<Environment, StoreError> {
        let json = json!({"id": 3, "name": name, "external_url": url, "creation_date": 1});
        EnvironmentRecord::read(&json.into()).unwrap().environment(&ItemKey::new(&[1; 32], &[2; 32]))
    }

    #[test]
    fn an_environment_is_decrypted_or_refused() {
        let sealed =
            |text: &str| Value::from(ItemKey::new(&[1; 32], &[2; 32]).seal(text.as_bytes()).unwrap());
        let environment = read(&sealed("prod"), &sealed("p.host")).unwrap();
        assert_eq!(
            (environment.name.as_str(), environment.external_url.as_deref()),
            ("prod", Some("p.host"))
        );
        assert_eq!(environment.created, environment.modified);
        for (stored, url) in [(json!(null), None), (json!(""), None), (sealed(""), Some(""))] {
            assert_eq!(read(&sealed("prod"), &stored).unwrap().external_url.as_deref(), url);
        }
        for (name, url) in [(json!("prod"), json!(null)), (sealed("prod"), json!("p.host"))] {
            assert_eq!(read(&name, &url).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }
}
