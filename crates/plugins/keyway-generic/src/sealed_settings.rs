//! The settings of a sealed store, as the plugin that it belongs to understands them.

use std::fmt;
use std::sync::Arc;

use keyway_core::{SecretValue, Table};
use keyway_secrets::{NewValue, Recipe, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The settings of a [`SealedStore`](crate::SealedStore) (decision C10): what a plugin adds to
/// it. They are stored, sealed, in the header of the store, and the operations ask those that
/// are in force.
///
/// The type is a `serde` struct with `deny_unknown_fields`, where what may be left out has a default. None
/// of its functions does I/O, except that [`generate`](Self::generate) asks for randomness.
pub trait StoreSettings: fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Whether stores with these settings make values (decision C11).
    const GENERATES_VALUES: bool = false;

    /// Checks what their types do not say, before they are stored.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) says which setting is wrong.
    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Checks a value that is to be stored.
    ///
    /// # Errors
    /// [`TooLarge`](StoreError::TooLarge), [`Invalid`](StoreError::Invalid); never with the value.
    fn check_value(&self, value: &SecretValue) -> Result<(), StoreError> {
        let _ = value;
        Ok(())
    }

    /// Makes a value, by the settings and by `recipe` where that says otherwise. It is not stored
    /// if the settings change meanwhile; then it is asked again of the new ones.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) for a recipe that cannot be followed.
    fn generate(&self, recipe: &Recipe) -> Result<SecretValue, StoreError> {
        let _ = recipe;
        Err(NewValue::unsupported())
    }
}

const WHAT: &str = "the settings";

/// What the store asks of settings, whatever their type.
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

/// Reads settings of the type that a store has.
pub(crate) type ReadSettings = fn(&Map<String, Value>) -> Result<Arc<dyn InForce>, StoreError>;

/// Reads settings of type `S`, and checks them.
pub(crate) fn read<S: StoreSettings>(settings: &Map<String, Value>) -> Result<Arc<dyn InForce>, StoreError> {
    let settings: S = keyway_core::read_configuration(&Value::Object(settings.clone()).into())
        .map_err(|error| StoreError::invalid(WHAT, error.to_string()))?;
    settings.check()?;
    Ok(Arc::new(settings))
}

/// Settings that a caller gave, as they are stored.
pub(crate) fn given(table: &Table) -> Result<Map<String, Value>, StoreError> {
    table.to_json().ok_or_else(|| StoreError::invalid(WHAT, "no setting is of this type"))
}

/// Settings as a caller gets them.
pub(crate) fn answered(settings: &dyn InForce) -> Result<Table, StoreError> {
    // A setting that is null is one that is not set.
    let set = settings.to_json()?.into_iter().filter(|(_, value)| !value.is_null()).collect();
    Table::from_json(&set).ok_or_else(|| StoreError::invalid(WHAT, "a setting holds a null"))
}
