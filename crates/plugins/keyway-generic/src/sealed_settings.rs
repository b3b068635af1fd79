//! The settings of a sealed store, in the type that its plugin defines.

use std::fmt;
use std::sync::Arc;

use keyway_core::{SecretValue, Table};
use keyway_secrets::{NewValue, Recipe, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The settings of a [`SealedStore`](crate::SealedStore), which a plugin defines. They are sealed in the header of the
/// store, and operations follow the settings in force (decision C10).
///
/// The type is a `serde` struct with `deny_unknown_fields`; optional settings have a default. No function does I/O,
/// except that [`generate`](Self::generate) draws random bytes.
pub trait StoreSettings: fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Whether stores with these settings generate values.
    ///
    /// See decision C11.
    const GENERATES_VALUES: bool = false;

    /// Checks everything that the types of the fields do not ensure, before the settings are stored.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) names the wrong setting.
    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Checks a value before it is stored.
    ///
    /// # Errors
    /// [`TooLarge`](StoreError::TooLarge), [`Invalid`](StoreError::Invalid). An error never holds the value.
    fn check_value(&self, value: &SecretValue) -> Result<(), StoreError> {
        let _ = value;
        Ok(())
    }

    /// Generates a value from the recipe, with gaps filled from the settings. If the settings change before the value
    /// is stored, the store discards the value and generates another one from the new settings.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) for a recipe that cannot be followed.
    fn generate(&self, recipe: &Recipe) -> Result<SecretValue, StoreError> {
        let _ = recipe;
        Err(NewValue::unsupported())
    }
}

const WHAT: &str = "the settings";

/// The functions that the store needs from settings of any type.
pub(crate) trait InForce: fmt::Debug + Send + Sync {
    fn to_json(&self) -> Result<Map<String, Value>, StoreError>;
    fn check_value(&self, value: &SecretValue) -> Result<(), StoreError>;
    fn generate(&self, recipe: &Recipe) -> Result<SecretValue, StoreError>;
}

impl<S: StoreSettings> InForce for S {
    fn to_json(&self) -> Result<Map<String, Value>, StoreError> {
        match serde_json::to_value(self) {
            Ok(Value::Object(settings)) => Ok(settings),
            Ok(_) => Err(StoreError::invalid(WHAT, "they are no table of names and values")),
            Err(error) => Err(StoreError::invalid(WHAT, error.to_string())),
        }
    }

    fn check_value(&self, value: &SecretValue) -> Result<(), StoreError> {
        StoreSettings::check_value(self, value)
    }

    fn generate(&self, recipe: &Recipe) -> Result<SecretValue, StoreError> {
        StoreSettings::generate(self, recipe)
    }
}

/// The function that reads stored settings in the type that the store's plugin defines.
pub(crate) type ReadSettings = fn(&Map<String, Value>) -> Result<Arc<dyn InForce>, StoreError>;

/// Reads settings of type `S`, and checks them.
pub(crate) fn read<S: StoreSettings>(settings: &Map<String, Value>) -> Result<Arc<dyn InForce>, StoreError> {
    let settings: S = keyway_core::read_configuration(&Value::Object(settings.clone()).into())
        .map_err(|error| StoreError::invalid(WHAT, error.to_string()))?;
    settings.check()?;
    Ok(Arc::new(settings))
}

/// Converts settings from a caller to the form that is stored.
pub(crate) fn given(table: &Table) -> Result<Map<String, Value>, StoreError> {
    table.to_json().ok_or_else(|| StoreError::invalid(WHAT, "no setting is of this type"))
}

/// Converts settings to the form that is returned to a caller.
pub(crate) fn answered(settings: &dyn InForce) -> Result<Table, StoreError> {
    // A setting that is null counts as not set, so it is left out.
    let set = settings.to_json()?.into_iter().filter(|(_, value)| !value.is_null()).collect();
    Table::from_json(&set).ok_or_else(|| StoreError::invalid(WHAT, "a setting holds a null"))
}
