//! The project of the double: its keys, its clock and its rows.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::body::{Body, Field};
use super::cipher::{Keys, lookup_hash};
use super::refusal::Refusal;
use super::rows::{Dates, EnvironmentRow, EnvironmentTexts, RawSecret, SecretRow};
use super::{PROFILE_KEY, SECRET_ACCESS_KEY};

/// The id of the project, from the recorded vectors.
pub(super) const ID: u64 = 4711;
/// The start of the clock.
pub(super) const START: Duration = Duration::from_secs(1_700_000_000);
/// The precision of dates in requests and answers.
const TICK: Duration = Duration::from_micros(1);
/// The maximum number of rows of a page, until a test changes it.
const PAGE_LIMIT: usize = 2000;

/// A project with its rows.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) keys: Keys,
    pub(super) secrets: Vec<SecretRow>,
    pub(super) environments: Vec<EnvironmentRow>,
    pub(super) now: Duration,
    pub(super) revised: Duration,
    pub(super) deleted: Duration,
    pub(super) page_limit: usize,
    pub(super) is_editable: bool,
    /// The number of rows that were ever made, secrets and environments together.
    made: u64,
    /// The number of texts that were ever sealed.
    sealed: u64,
}

impl Project {
    pub(super) fn new() -> Self {
        Self {
            keys: keys(),
            secrets: Vec::new(),
            environments: Vec::new(),
            now: START,
            revised: START,
            deleted: Duration::ZERO,
            page_limit: PAGE_LIMIT,
            is_editable: true,
            made: 0,
            sealed: 0,
        }
    }

    /// Seals a text. The initialization vector is derived from the number of texts that were sealed before.
    pub(super) fn seal(&mut self, text: &str) -> String {
        self.sealed += 1;
        let drawn: [u8; 32] = Sha256::digest(format!("vector {}", self.sealed)).into();
        let iv = *drawn.first_chunk().expect("a hash is longer than a vector");
        self.keys.seal(text.as_bytes(), iv)
    }

    /// Returns the date of a new change. It is later than that of every earlier change.
    pub(super) fn change(&mut self) -> Duration {
        self.revised = self.now.max(self.revised + TICK);
        self.revised
    }

    fn next_id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{}", self.made)
    }

    /// Returns the environment with an id.
    pub(super) fn environment(&self, id: &str) -> Option<&EnvironmentRow> {
        self.environments.iter().find(|row| row.id == id)
    }

    /// Stores a secret under a new id.
    pub(super) fn add_secret(&mut self, texts: RawSecret) -> SecretRow {
        let row = SecretRow { id: self.next_id("sec"), texts, dates: Dates::new(self.change()) };
        self.secrets.push(row.clone());
        row
    }

    /// Deletes a row, as the web interface of the service does. Tells whether the row was there.
    pub(super) fn delete(&mut self, id: &str) -> bool {
        let before = self.secrets.len() + self.environments.len();
        self.secrets.retain(|row| row.id != id && row.texts.environment_id.as_deref() != Some(id));
        self.environments.retain(|row| row.id != id);
        let is_found = self.secrets.len() + self.environments.len() < before;
        if is_found {
            self.deleted = self.change();
        }
        is_found
    }

    pub(super) fn create_secret(&mut self, body: &Body) -> Result<SecretRow, Refusal> {
        let mut texts = RawSecret {
            key: body.required("key")?.to_owned(),
            hash: body.required("hash")?.to_owned(),
            value: body.required("value")?.to_owned(),
            ..RawSecret::default()
        };
        self.check_named(&texts.key, &texts.hash)?;
        self.apply(body, &mut texts)?;
        self.check_is_free(&texts, None)?;
        Ok(self.add_secret(texts))
    }

    pub(super) fn update_secret(&mut self, id: &str, body: &Body) -> Result<SecretRow, Refusal> {
        let place = self.secrets.iter().position(|row| row.id == id).ok_or_else(not_found)?;
        let mut texts = self.secrets[place].texts.clone();
        rename(&mut texts.key, &mut texts.hash, "key", body)?;
        if body.text("key")?.is_some() {
            self.check_named(&texts.key, &texts.hash)?;
        }
        self.apply(body, &mut texts)?;
        self.check_is_free(&texts, Some(id))?;
        let now = self.change();
        let row = &mut self.secrets[place];
        row.texts = texts;
        row.dates.update(now);
        Ok(row.clone())
    }

    /// Applies the value, the description and the environment of a body to a secret.
    fn apply(&self, body: &Body, texts: &mut RawSecret) -> Result<(), Refusal> {
        if let Some(value) = body.text("value")? {
            value.clone_into(&mut texts.value);
            self.check_sealed("value", value)?;
        }
        self.describe(&mut texts.description, "description", body)?;
        let environment = match body.optional("environment_id")? {
            Field::Missing => texts.environment_id.as_deref().and_then(|id| self.environment(id)),
            Field::Empty => None,
            Field::Text(id) => Some(self.environment(id).ok_or_else(unknown_environment)?),
        };
        // Clients also send the sealed name of the environment. The service knows the name already, so it only checks
        // the name.
        if let Field::Text(name) = body.optional("environment_name")? {
            let meant = environment.map_or_else(String::new, |row| self.shown(&row.texts.name));
            if self.keys.open(name).ok() != Some(meant) {
                return Err(Refusal::invalid("`environment_name` is not that of the environment, sealed"));
            }
        }
        if !matches!(body.optional("environment_id")?, Field::Missing) {
            texts.environment_id = environment.map(|row| row.id.clone());
            texts.environment_name = environment.map(|row| row.texts.name.clone());
            texts.environment_hash = environment.map(|row| row.texts.hash.clone());
        }
        Ok(())
    }

    /// Stores an environment under a new id.
    pub(super) fn add_environment(&mut self, texts: EnvironmentTexts) -> EnvironmentRow {
        let row = EnvironmentRow { id: self.next_id("env"), texts, dates: Dates::new(self.change()) };
        self.environments.push(row.clone());
        row
    }

    pub(super) fn create_environment(&mut self, body: &Body) -> Result<EnvironmentRow, Refusal> {
        let mut texts = EnvironmentTexts {
            name: body.required("name")?.to_owned(),
            hash: body.required("hash")?.to_owned(),
            ..EnvironmentTexts::default()
        };
        self.check_named(&texts.name, &texts.hash)?;
        self.apply_to_environment(body, &mut texts, None)?;
        Ok(self.add_environment(texts))
    }

    pub(super) fn update_environment(&mut self, id: &str, body: &Body) -> Result<EnvironmentRow, Refusal> {
        let place = self.environments.iter().position(|row| row.id == id).ok_or_else(not_found)?;
        let mut texts = self.environments[place].texts.clone();
        rename(&mut texts.name, &mut texts.hash, "name", body)?;
        if body.text("name")?.is_some() {
            self.check_named(&texts.name, &texts.hash)?;
        }
        self.apply_to_environment(body, &mut texts, Some(id))?;
        for secret in &mut self.secrets {
            if secret.texts.environment_id.as_deref() == Some(id) {
                secret.texts.environment_name = Some(texts.name.clone());
                secret.texts.environment_hash = Some(texts.hash.clone());
            }
        }
        let now = self.change();
        let row = &mut self.environments[place];
        row.texts = texts;
        row.dates.update(now);
        Ok(row.clone())
    }

    /// Applies the URL and the description of a body to an environment. Refuses the environment's name if another
    /// environment has it.
    fn apply_to_environment(
        &self,
        body: &Body,
        texts: &mut EnvironmentTexts,
        id: Option<&str>,
    ) -> Result<(), Refusal> {
        self.describe(&mut texts.external_url, "external_url", body)?;
        self.describe(&mut texts.description, "description", body)?;
        let is_same = |row: &EnvironmentRow| row.texts.hash == texts.hash;
        let is_taken = self.environments.iter().any(|row| Some(&*row.id) != id && is_same(row));
        if is_taken { Err(duplicate("environment")) } else { Ok(()) }
    }

    fn describe(&self, stored: &mut String, name: &str, body: &Body) -> Result<(), Refusal> {
        match body.optional(name)? {
            Field::Missing => {}
            Field::Empty => stored.clear(),
            Field::Text(text) => {
                self.check_sealed(name, text)?;
                text.clone_into(stored);
            }
        }
        Ok(())
    }

    fn check_is_free(&self, texts: &RawSecret, id: Option<&str>) -> Result<(), Refusal> {
        let is_same = |row: &SecretRow| {
            row.texts.hash == texts.hash && row.texts.environment_id == texts.environment_id
        };
        let is_taken = self.secrets.iter().any(|row| Some(&*row.id) != id && is_same(row));
        if is_taken { Err(duplicate("secret")) } else { Ok(()) }
    }

    /// Refuses a text that is not sealed with the project's keys. Only a faulty client sends such a text. The real
    /// service could not notice it (H278).
    fn check_sealed(&self, name: &str, text: &str) -> Result<(), Refusal> {
        let refused = |error| Refusal::invalid(format!("`{name}`: {error}"));
        self.keys.open(text).map(|_| ()).map_err(refused)
    }

    /// Refuses a hash that is not that of the sealed name.
    ///
    /// See decision H278.
    fn check_named(&self, name: &str, hash: &str) -> Result<(), Refusal> {
        let opened = self.keys.open(name).map_err(|error| Refusal::invalid(format!("the name: {error}")))?;
        if lookup_hash(ID, &opened) == hash {
            Ok(())
        } else {
            Err(Refusal::invalid("`hash` is not that of the name"))
        }
    }
}

/// Opens the recorded key of the profile in the same way as a client.
fn keys() -> Keys {
    let access = STANDARD.decode(SECRET_ACCESS_KEY).expect("the access key is base64");
    let opened = Keys::of_access_key(&access).open_bytes(PROFILE_KEY).expect("the recorded key opens");
    Keys::of_project(&opened).expect("the recorded key has 64 bytes")
}

/// Applies a new name and its hash. Without a new name, checks that the hash is that of the old name.
fn rename(name: &mut String, hash: &mut String, field: &str, body: &Body) -> Result<(), Refusal> {
    let sent = body.required("hash")?;
    if let Some(new) = body.text(field)? {
        new.clone_into(name);
        sent.clone_into(hash);
    }
    if sent == hash { Ok(()) } else { Err(Refusal::invalid("`hash` is not that of the name")) }
}

fn not_found() -> Refusal {
    Refusal::new(404, "not_found", "Not found")
}

fn unknown_environment() -> Refusal {
    Refusal::new(400, "environment_not_found", "The environment does not exist")
}

fn duplicate(object: &str) -> Refusal {
    Refusal::new(400, "duplicate_hash", format!("This {object} hash already exists"))
}
