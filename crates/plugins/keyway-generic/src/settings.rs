//! Holds the settings of a store of the plugin `generic`, which `configure` reads and replaces.
//!
//! See decision C10.

use keyway_core::SecretValue;
use keyway_secrets::StoreError;
use serde::{Deserialize, Serialize};

use crate::sealed_settings::StoreSettings;
use crate::value_size::value_bytes;

/// The settings. All are optional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The maximum size in bytes of a value that is created or changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_value_bytes: Option<u64>,
}

impl StoreSettings for Settings {
    fn check_value(&self, value: &SecretValue) -> Result<(), StoreError> {
        let Some(limit) = self.maximum_value_bytes else { return Ok(()) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match value_bytes(value) {
            bytes if bytes > limit => Err(StoreError::TooLarge { what: "the value", bytes, limit }),
            _ => Ok(()),
        }
    }
}
