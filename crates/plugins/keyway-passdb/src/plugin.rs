//! Defines the plugin. The registry holds it, and a host opens stores with it.

use std::sync::Arc;

use keyway_core::configuration::{ConfigurationError, configuration_keys};
use keyway_generic::{SealedStore, StoreSettings as _};
use keyway_secrets::{Json, OpenContext, SecretStore, SecretStorePlugin, StoreError};
use serde::Deserialize;

use crate::PassDbSettings;

/// The plugin `passdb`: sealed records on the storage engine that the host passes as an `Arc<dyn Storage>`, and
/// passwords by stored settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct PassDbPlugin;

/// The plugin's configuration. The host chooses the storage engine that holds the records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PassDbConfiguration {
    /// The settings of a new store. An existing store keeps its own.
    #[serde(default)]
    pub settings: PassDbSettings,
}

impl PassDbConfiguration {
    fn read(configuration: &Json) -> Result<Self, StoreError> {
        const WHAT: &str = "the configuration of the plugin";

        let invalid = |reason: String| StoreError::invalid(WHAT, reason);
        let read: Self =
            keyway_core::read_configuration(configuration).map_err(|error: ConfigurationError| {
                let settings = configuration_keys::<PassDbSettings>().iter().copied();
                invalid(error.or_setting(settings).to_string())
            })?;
        read.settings.check().map_err(|error| invalid(error.to_string()))?;
        Ok(read)
    }
}

impl SecretStorePlugin for PassDbPlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), StoreError> {
        PassDbConfiguration::read(configuration).map(drop)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        let configuration = PassDbConfiguration::read(&context.configuration)?;
        Ok(Arc::new(SealedStore::new(context, &configuration.settings)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_configuration_is_checked_before_anything_is_opened() {
        for good in
            [json!({}), json!({"settings": {}}), json!({"settings": {"length": 1024, "require": ["digit"]}})]
        {
            PassDbPlugin.check_configuration(&good.clone().into()).unwrap();
        }
        for (wrong, says) in [
            (json!({"settings": {"length": 7}}), "8 to 1024"),
            (json!({"settings": {"length": -3}}), "length"),
            (json!({"settings": {"length": "20"}}), "length"),
            (json!({"settings": {"letters": "digits"}}), "letters"),
            (json!({"settings": {"alphabet": "string"}}), "ascii_letters"),
            (json!({"path": "x"}), "path"),
            (
                json!({"length": 20}),
                "`length` is a setting, which `configure` changes: for a new store, put it inside",
            ),
            (json!(null), "configuration"),
        ] {
            let error = PassDbPlugin.check_configuration(&wrong.clone().into()).unwrap_err();
            assert!(matches!(error, StoreError::Invalid { .. }), "{wrong}: {error}");
            assert!(error.to_string().contains(says), "{wrong}: {error}");
        }
    }

    #[cfg(feature = "schemars")]
    #[test]
    fn the_schema_names_every_key() {
        let schema = keyway_core::configuration::configuration_schema::<PassDbConfiguration>();
        assert_eq!(schema["additionalProperties"], false);
        let settings = serde_json::to_string(&schema).unwrap();
        for key in ["settings", "length", "alphabet", "require"] {
            assert!(settings.contains(&format!("{key:?}")), "{settings}");
        }
    }
}
