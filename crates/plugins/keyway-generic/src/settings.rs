//! The settings of a store, which `configure` reads and replaces (decision C10).

use keyway_core::Table;
use keyway_secrets::StoreError;
use serde::{Deserialize, Serialize};

/// The settings. All are optional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The largest value in bytes that may be created or set from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_value_bytes: Option<u64>,
}

impl Settings {
    pub(crate) fn from_table(table: &Table) -> Result<Self, StoreError> {
        let json = table
            .to_json()
            .ok_or_else(|| StoreError::invalid("the settings", "no setting is of this type"))?;
        keyway_core::read_configuration(&serde_json::Value::Object(json))
            .map_err(|error| StoreError::invalid("the settings", error.to_string()))
    }

    pub(crate) fn to_table(self) -> Table {
        serde_json::to_value(self)
            .ok()
            .and_then(|json| json.as_object().and_then(Table::from_json))
            .unwrap_or_default()
    }

    /// Checks the size of a value that is to be stored.
    pub(crate) fn check_value_bytes(self, bytes: usize) -> Result<(), StoreError> {
        match self.maximum_value_bytes.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)) {
            Some(limit) if bytes > limit => Err(StoreError::TooLarge { what: "the value", bytes, limit }),
            _ => Ok(()),
        }
    }
}
