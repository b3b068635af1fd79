//! The plugin that the registry holds, and with which a host opens stores.

use std::sync::Arc;

use keyway_core::configuration::configuration_keys;
use keyway_secrets::{Json, OpenContext, SecretStore, SecretStorePlugin, StoreError};
use serde::Deserialize;

use crate::settings::Settings;
use crate::store::SealedStore;

/// The plugin `generic`: sealed records on the storage engine that the host passes as an `Arc<dyn Storage>`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GenericPlugin;

/// The plugin's configuration, which has no fields yet. The host chooses the storage engine. Everything else is a
/// setting of the store, which `configure` changes at run time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GenericConfiguration {}

impl SecretStorePlugin for GenericPlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), StoreError> {
        keyway_core::read_configuration::<GenericConfiguration>(configuration)
            .map(|_| ())
            .map_err(|error| error.or_setting(configuration_keys::<Settings>().iter().copied()))
            .map_err(|error| StoreError::invalid("the configuration of the plugin", error.to_string()))
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        self.check_configuration(&context.configuration)?;
        Ok(Arc::new(SealedStore::new(context, &Settings::default())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_has_no_keys() {
        GenericPlugin.check_configuration(&Json::default()).unwrap();
        let setting = serde_json::json!({"maximum_value_bytes": 5});
        let error = GenericPlugin.check_configuration(&setting.into()).unwrap_err();
        assert!(
            error.to_string().contains("`maximum_value_bytes` is a setting, which `configure` changes"),
            "{error}"
        );
        for wrong in [serde_json::json!({"path": "x"}), serde_json::json!(null), serde_json::json!("x")] {
            let error = GenericPlugin.check_configuration(&wrong.clone().into()).unwrap_err();
            assert!(matches!(error, StoreError::Invalid { .. }), "{wrong}: {error}");
        }
    }

    #[cfg(feature = "schemars")]
    #[test]
    fn the_schema_says_so() {
        let schema = keyway_core::configuration::configuration_schema::<GenericConfiguration>();
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
    }
}
