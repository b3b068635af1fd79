//! The rows of a project, in the form in which the service stores and sends them.

use std::time::Duration;

use serde_json::{Value, json};

/// A secret. All its texts except ids and hashes are sealed.
#[derive(Clone, Debug)]
pub(super) struct SecretRow {
    pub(super) id: String,
    pub(super) texts: RawSecret,
    pub(super) dates: Dates,
}

/// The stored texts of a secret, exactly as the service sends them.
///
/// A test may set any texts: texts that are not sealed, texts of another secret, or a hash of another name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawSecret {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// The description.
    pub description: String,
    /// The hash by which the service looks up the secret.
    pub hash: String,
    /// The id of the environment.
    pub environment_id: Option<String>,
    /// The name of the environment.
    pub environment_name: Option<String>,
    /// The hash of the environment's name.
    pub environment_hash: Option<String>,
}

/// An environment.
#[derive(Clone, Debug)]
pub(super) struct EnvironmentRow {
    pub(super) id: String,
    pub(super) texts: EnvironmentTexts,
    pub(super) dates: Dates,
}

/// The stored texts of an environment. All except the hash are sealed.
#[derive(Clone, Debug, Default)]
pub(super) struct EnvironmentTexts {
    pub(super) name: String,
    pub(super) external_url: String,
    pub(super) description: String,
    pub(super) hash: String,
}

/// The dates of a row, since the epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates {
    pub(super) created: Duration,
    pub(super) revised: Duration,
    pub(super) updated: Option<Duration>,
}

impl Dates {
    pub(super) fn new(created: Duration) -> Self {
        Self { created, revised: created, updated: None }
    }

    pub(super) fn update(&mut self, now: Duration) {
        self.revised = now;
        self.updated = Some(now);
    }
}

/// A row that a page can hold.
pub(super) trait Row {
    fn hash(&self) -> &str;
    fn environment_id(&self) -> Option<&str>;
    fn revised(&self) -> Duration;
    fn json(&self, project_id: u64) -> Value;
}

impl Row for SecretRow {
    fn hash(&self) -> &str {
        &self.texts.hash
    }

    fn environment_id(&self) -> Option<&str> {
        self.texts.environment_id.as_deref()
    }

    fn revised(&self) -> Duration {
        self.dates.revised
    }

    fn json(&self, project_id: u64) -> Value {
        let RawSecret { key, value, description, hash, environment_id, environment_name, environment_hash } =
            &self.texts;
        json!({
            "object": "secret",
            "id": self.id,
            "key": key,
            "value": value,
            "description": description,
            "secret_hash": hash,
            "environment_id": environment_id,
            "environment_name": environment_name,
            "environment_hash": environment_hash,
            "project_id": project_id,
            "creation_date": self.dates.created.as_secs_f64(),
            "revision_date": self.dates.revised.as_secs_f64(),
            "updated_date": self.dates.updated.map(|date| date.as_secs_f64()),
            "deleted_date": null,
            "last_use_date": null,
            "data": { "key": key, "value": value, "description": description },
        })
    }
}

impl Row for EnvironmentRow {
    fn hash(&self) -> &str {
        &self.texts.hash
    }

    fn environment_id(&self) -> Option<&str> {
        None
    }

    fn revised(&self) -> Duration {
        self.dates.revised
    }

    fn json(&self, project_id: u64) -> Value {
        let EnvironmentTexts { name, external_url, description, hash } = &self.texts;
        let dates = self.dates;
        json!({
            "object": "environment",
            "id": self.id,
            "name": name,
            "external_url": external_url,
            "description": description,
            "hash": hash,
            "project_id": project_id,
            "creation_date": dates.created.as_secs_f64(),
            "revision_date": dates.revised.as_secs_f64(),
            "updated_date": dates.updated.map(|date| date.as_secs_f64()),
            "data": { "name": name, "external_url": external_url, "description": description },
        })
    }
}
