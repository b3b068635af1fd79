//! The content of a reference store's document.

use keyway_core::{SecretValue, Timestamp, WrittenBy};
use keyway_secrets::{
    Environment, EnvironmentName, SecretAddress, SecretHeader, SecretName, SecretVersion, StoreError,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Habits, Settings, value_text};

/// All data of a store.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::secrets) struct Content {
    pub(in crate::secrets) written_by: WrittenBy,
    pub(in crate::secrets) settings: Settings,
    pub(in crate::secrets) environments: Vec<EnvironmentRecord>,
    pub(in crate::secrets) secrets: Vec<SecretRecord>,
    pub(in crate::secrets) last_number: u64,
    pub(in crate::secrets) reads: u64,
    pub(in crate::secrets) writes: u64,
    pub(in crate::secrets) deleted: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(in crate::secrets) struct EnvironmentRecord {
    pub(in crate::secrets) name: String,
    pub(in crate::secrets) external_url: Option<String>,
    pub(in crate::secrets) created: u64,
    pub(in crate::secrets) modified: u64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(in crate::secrets) struct SecretRecord {
    /// The number of the secret, which is never reused.
    pub(in crate::secrets) number: u64,
    /// The position of the secret in lists.
    pub(in crate::secrets) place: u64,
    pub(in crate::secrets) name: String,
    pub(in crate::secrets) environment: Option<String>,
    pub(in crate::secrets) value: Value,
    pub(in crate::secrets) description: Option<String>,
    pub(in crate::secrets) version: u64,
    pub(in crate::secrets) created: u64,
    pub(in crate::secrets) modified: u64,
}

impl Content {
    pub(in crate::secrets) fn empty(written_by: WrittenBy) -> Self {
        Self {
            written_by,
            settings: Settings::default(),
            environments: Vec::new(),
            secrets: Vec::new(),
            last_number: 0,
            reads: 0,
            writes: 0,
            deleted: false,
        }
    }

    /// Finds the position of a secret in `secrets`.
    pub(in crate::secrets) fn find(&self, address: &SecretAddress) -> Result<usize, StoreError> {
        self.knows(address.environment.as_ref())?;
        self.secrets
            .iter()
            .position(|secret| secret.address() == *address)
            .ok_or_else(|| StoreError::SecretNotFound { address: address.clone() })
    }

    pub(in crate::secrets) fn knows(&self, environment: Option<&EnvironmentName>) -> Result<(), StoreError> {
        match environment {
            Some(name) => self.find_environment(name).map(drop),
            None => Ok(()),
        }
    }

    pub(in crate::secrets) fn find_environment(&self, name: &EnvironmentName) -> Result<usize, StoreError> {
        self.environments
            .iter()
            .position(|environment| environment.name == name.as_str())
            .ok_or_else(|| StoreError::EnvironmentNotFound { environment: name.clone() })
    }

    /// Returns the next unused number.
    pub(in crate::secrets) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

impl EnvironmentRecord {
    pub(in crate::secrets) fn answer(&self) -> Result<Environment, StoreError> {
        let environment = Environment::new(EnvironmentName::new(&*self.name)?, self.external_url.clone());
        let dates = (Timestamp::from_milliseconds(self.created), Timestamp::from_milliseconds(self.modified));
        Ok(environment.with_dates(dates.0, dates.1))
    }
}

impl SecretRecord {
    pub(in crate::secrets) fn address(&self) -> SecretAddress {
        SecretAddress {
            environment: self.environment.as_deref().and_then(|name| EnvironmentName::new(name).ok()),
            name: SecretName::of_existing(&*self.name),
        }
    }

    pub(in crate::secrets) fn set_value(&mut self, value: &SecretValue) {
        self.value = value_text::write(value);
    }

    pub(in crate::secrets) fn value(&self) -> Result<SecretValue, StoreError> {
        value_text::read(&self.value).ok_or_else(|| StoreError::corrupt("a value", "its kind is unknown"))
    }

    /// Makes the header of the secret, with the fields that the store declares.
    pub(in crate::secrets) fn header(&self, habits: &Habits) -> SecretHeader {
        let id = if habits.odd_ids {
            format!("\u{1f511} {:?}/{}\n", !self.number, "-".repeat(300))
        } else {
            self.number.to_string()
        };
        let mut header = SecretHeader::new(id, self.address());
        if habits.capabilities.descriptions {
            header = header.with_description(self.description.clone());
        }
        if let (true, Some(version)) = (habits.capabilities.versions, SecretVersion::new(self.version)) {
            header = header.with_version(version);
        }
        if habits.capabilities.dates {
            let date = Timestamp::from_milliseconds;
            header = header.with_dates(date(self.created), date(self.modified));
        }
        header
    }
}
