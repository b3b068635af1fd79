//! The settings of a reference store, and passwords that it generates from them.

use std::fmt;

use keyway_core::{SecretValue, Table};
use keyway_passwords::{Alphabet, PasswordRule};
use keyway_secrets::{Recipe, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The settings of a store: a note, and the length and alphabet of passwords if the store generates them.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::secrets) struct Settings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::secrets) note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::secrets) length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::secrets) alphabet: Option<String>,
}

fn invalid(reason: impl fmt::Display) -> StoreError {
    StoreError::invalid("the settings", reason.to_string())
}

impl Settings {
    /// Checks the settings that a caller gave.
    pub(in crate::secrets) fn given(table: &Table, generates: bool) -> Result<Self, StoreError> {
        let json = table.to_json().ok_or_else(|| invalid("no setting is of this type"))?;
        let settings: Self = serde_json::from_value(Value::Object(json)).map_err(invalid)?;
        if !generates && (settings.length.is_some() || settings.alphabet.is_some()) {
            return Err(invalid("this store generates no passwords, so it has no settings for them"));
        }
        settings.rule(&Recipe::new())?;
        Ok(settings)
    }

    pub(in crate::secrets) fn table(&self) -> Table {
        let json = serde_json::to_value(self).unwrap_or_default();
        json.as_object().and_then(Table::from_json).unwrap_or_default()
    }

    fn rule(&self, recipe: &Recipe) -> Result<PasswordRule, StoreError> {
        let alphabet = recipe.alphabet.as_deref().or(self.alphabet.as_deref()).unwrap_or("printable");
        let alphabet: Alphabet = alphabet.parse().map_err(invalid)?;
        PasswordRule::new(recipe.length.or(self.length).unwrap_or(20), alphabet).map_err(invalid)
    }

    /// Generates a password from these settings and a recipe.
    pub(in crate::secrets) fn password(&self, recipe: &Recipe) -> Result<SecretValue, StoreError> {
        let password = self.rule(recipe)?.generate();
        let password = password.map_err(|error| StoreError::system("draw a password", error))?;
        Ok(SecretValue::text(password.as_str()))
    }
}
