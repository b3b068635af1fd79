//! The plugins that Convection's vectors are replayed against.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use keyway_core::{Plugins, plugins};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{OpenContext, SecretStore, SecretStores, StoreError, StoreName};
use serde_json::{Value, json};

const PLUGINS: Plugins = plugins! { keyway_convection };

/// A plugin that reads and writes Convection's files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plugin {
    id: &'static str,
    /// The folder of its files.
    pub(super) folder: &'static str,
}

impl Plugin {
    /// Returns the plugin by its name in Convection.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "generic" => Some(Self { id: "convection-generic", folder: "secrets" }),
            "passdb" => Some(Self { id: "convection-passdb", folder: "passdb" }),
            _ => None,
        }
    }

    /// Returns a ring with one arbitrary key.
    pub(super) fn some_keys() -> KeyRing {
        KeyRing::new([Key::from_bytes(&mut [7; 32])]).expect("one key is enough")
    }

    /// Opens the store `name` in Convection's storage folder `root`.
    ///
    /// Upstream seals with the first key of the ring, and the vectors depend on that. So this store does not draw a
    /// random key.
    pub(super) fn open(
        self,
        root: &Path,
        name: &str,
        keys: &KeyRing,
        settings: Option<&Value>,
    ) -> Result<Arc<dyn SecretStore>, StoreError> {
        let name = StoreName::new(name)?;
        let registry = PLUGINS.registry().map_err(|error| StoreError::system("link the plugins", error))?;
        let plugin = registry
            .get::<SecretStores>(self.id)
            .map_err(|error| StoreError::system("find the plugin", error))?;
        let mut configuration = json!({ "directory": root, "shuffle_keys": false });
        if let Some(settings) = settings {
            configuration["settings"] = settings.clone();
        }
        let opening =
            OpenContext::new(name, plugin.metadata().clone(), keys.clone()).with_configuration(configuration);
        plugin.open(&opening)
    }
}

/// Returns the files under `root`, relative and sorted.
///
/// The lock file beside a store file is omitted. It keeps other processes out (decision C6), and its name begins with a
/// dot, unlike the names of stores.
pub(super) fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    collect(root, "", &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), found);
        } else if !(name.starts_with('.')
            && Path::new(&name).extension().is_some_and(|end| end == "keyway-lock"))
        {
            found.push(format!("{prefix}{name}"));
        }
    }
}
