//! The plugins that the registry holds, and with which a host opens stores.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyway_core::configuration::ConfigurationError;
use keyway_core::{Json, Table, read_configuration};
use keyway_seal::Choice;
use keyway_secrets::{DocumentStore, OpenContext, SecretStore, SecretStorePlugin, StoreError, StoreName};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::flavour::Flavour;
use crate::store_file::StoreFile;

/// The plugin `convection-generic`: stores on the files of Convection's Generic plugin.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConvectionPlugin;

/// The plugin `convection-passdb`: stores on the files of Convection's PassDB plugin. These stores generate passwords.
///
/// See decision C11.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConvectionPassDbPlugin;

/// The configuration of both plugins: either `directory` or `path` locates the file.
///
/// A new store's `settings` follow the same rules as
/// [`configure`](keyway_secrets::SecretStore::configure). For `convection-generic` they are one
/// table `data` with any content. For `convection-passdb` they are one table `default` with
/// `length` (8 to 1024) and `letters` (`printable`, `ascii_letters` or `digits`).
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schemars", derive(keyway_core::configuration::schemars::JsonSchema))]
#[cfg_attr(feature = "schemars", schemars(crate = "keyway_core::configuration::schemars"))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ConvectionConfiguration {
    /// Convection's storage folder. The file of the store `name` is `secrets/name` or `passdb/name` in this folder.
    #[serde(default)]
    pub directory: Option<PathBuf>,
    /// The path of the file, which does not depend on the name of the store.
    ///
    /// See decision C9.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// True if each write is sealed with a random key of the ring, as Convection does it; false if each write is sealed
    /// with the first key. The default is true (decision C8).
    #[serde(default = "yes")]
    pub shuffle_keys: bool,
    /// The settings of a new store.
    #[serde(default)]
    pub settings: Option<Map<String, Value>>,
}

fn yes() -> bool {
    true
}

const WHAT: &str = "the configuration of the plugin";

impl ConvectionConfiguration {
    fn read(flavour: Flavour, configuration: &Json) -> Result<Self, StoreError> {
        read_configuration(configuration).map_err(|error: ConfigurationError| {
            let settings = flavour.initial_settings();
            let error = error.or_setting(settings.iter().map(|(name, _)| name));
            StoreError::invalid(WHAT, error.to_string())
        })
    }

    fn file(&self, flavour: Flavour, store: &StoreName) -> Result<PathBuf, StoreError> {
        let is_empty = |path: &Path| path.as_os_str().is_empty();
        match (&self.directory, &self.path) {
            (Some(directory), None) if !is_empty(directory) => {
                Ok(directory.join(flavour.folder()).join(store.as_str()))
            }
            (None, Some(path)) if path.file_name().is_some() => Ok(path.clone()),
            (Some(_), Some(_)) => {
                Err(StoreError::invalid(WHAT, "`directory` and `path` are both given: give only one of them"))
            }
            (None, None) => Err(StoreError::invalid(
                WHAT,
                "neither `directory` nor `path` is given: give one of them, to locate the file",
            )),
            (Some(_), None) => Err(StoreError::invalid(WHAT, "`directory` is empty")),
            (None, Some(_)) => Err(StoreError::invalid(WHAT, "`path` does not name a file")),
        }
    }

    fn initial_settings(&self, flavour: Flavour) -> Result<Table, StoreError> {
        let Some(given) = &self.settings else { return Ok(flavour.initial_settings()) };
        let table = Table::from_json(given).ok_or_else(|| {
            StoreError::invalid(WHAT, "`settings` holds a null, for which files have no type")
        })?;
        flavour.check_settings(&table)?;
        Ok(flavour.settings_in_force(table))
    }
}

impl Flavour {
    fn check_configuration(self, configuration: &Json) -> Result<(), StoreError> {
        let configuration = ConvectionConfiguration::read(self, configuration)?;
        // The check works with any name, because every name of a store is a valid file name.
        configuration.file(self, &StoreName::new("any")?)?;
        configuration.initial_settings(self).map(|_| ())
    }

    fn open(self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        let configuration = ConvectionConfiguration::read(self, &context.configuration)?;
        // The path is made absolute, because the process may change its working directory while the store is open.
        let path = std::path::absolute(configuration.file(self, &context.store)?)
            .map_err(|error| StoreError::system("find the folder of the store file", error))?;
        let file = StoreFile::new(
            path,
            context.metadata.clone(),
            self,
            configuration.initial_settings(self)?,
            if configuration.shuffle_keys { Choice::Random } else { Choice::First },
        );
        Ok(Arc::new(DocumentStore::new(file, context.keys.clone())))
    }
}

impl SecretStorePlugin for ConvectionPlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), StoreError> {
        Flavour::Generic.check_configuration(configuration)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        Flavour::Generic.open(context)
    }
}

impl SecretStorePlugin for ConvectionPassDbPlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), StoreError> {
        Flavour::PassDb.check_configuration(configuration)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        Flavour::PassDb.open(context)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_setting_among_the_keys_is_named_as_one() {
        use super::*;

        for (plugin, setting) in [
            (&ConvectionPlugin as &dyn SecretStorePlugin, "data"),
            (&ConvectionPassDbPlugin as &dyn SecretStorePlugin, "default"),
        ] {
            let given = serde_json::json!({"path": "/f", setting: {}});
            let error = plugin.check_configuration(&given.into()).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{setting}` is a setting, which `configure` changes")),
                "{error}"
            );
            assert!(error.ends_with("put it inside `settings`"), "{error}");
        }
    }

    #[cfg(feature = "schemars")]
    #[test]
    fn the_schema_names_every_key() {
        let schema = keyway_core::configuration::configuration_schema::<super::ConvectionConfiguration>();
        let keys: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["directory", "path", "settings", "shuffle_keys"]);
        assert_eq!(schema["additionalProperties"], false);
    }
}
