//! Rows that a test writes and reads in clear text.

use super::cipher::lookup_hash;
use super::project::{self, Project};
use super::rows::{EnvironmentTexts, RawSecret};

impl Project {
    pub(super) fn put_environment(&mut self, name: &str, url: &str) -> String {
        let texts = EnvironmentTexts {
            name: self.seal(name),
            external_url: self.sealed_or_empty(url),
            description: String::new(),
            hash: lookup_hash(project::ID, name),
        };
        let Some(place) = self.environments.iter().position(|row| row.texts.hash == texts.hash) else {
            return self.add_environment(texts).id;
        };
        let now = self.change();
        let row = &mut self.environments[place];
        row.texts.external_url = texts.external_url;
        row.dates.update(now);
        row.id.clone()
    }

    pub(super) fn put_secret(
        &mut self,
        key: &str,
        environment: Option<&str>,
        value: &str,
        description: &str,
    ) -> String {
        let found = environment.map(|name| {
            let hash = lookup_hash(project::ID, name);
            let row = self.environments.iter().find(|row| row.texts.hash == hash);
            row.cloned().expect("put the environment first")
        });
        let texts = RawSecret {
            key: self.seal(key),
            value: self.seal(value),
            description: self.sealed_or_empty(description),
            hash: lookup_hash(project::ID, key),
            environment_id: found.as_ref().map(|row| row.id.clone()),
            environment_name: found.as_ref().map(|row| row.texts.name.clone()),
            environment_hash: found.map(|row| row.texts.hash),
        };
        let same = self
            .secrets
            .iter()
            .find(|row| row.texts.hash == texts.hash && row.texts.environment_id == texts.environment_id);
        let Some(id) = same.map(|row| row.id.clone()) else { return self.add_secret(texts).id };
        self.replace_raw_secret(&id, texts);
        id
    }

    pub(super) fn replace_raw_secret(&mut self, id: &str, texts: RawSecret) -> bool {
        let Some(place) = self.secrets.iter().position(|row| row.id == id) else { return false };
        let now = self.change();
        let row = &mut self.secrets[place];
        row.texts = texts;
        row.dates.update(now);
        true
    }

    /// Seals a text. An empty text stays empty, because clients leave out empty texts.
    fn sealed_or_empty(&mut self, text: &str) -> String {
        if text.is_empty() { String::new() } else { self.seal(text) }
    }

    /// Opens a text. A text that cannot be opened is returned as it is stored.
    pub(super) fn shown(&self, text: &str) -> String {
        self.keys.open(text).unwrap_or_else(|_| text.to_owned())
    }
}
