//! The plugin: what the registry holds and a host opens stores with.

use std::sync::Arc;

use keyway_secrets::{Opening, SecretStore, SecretStorePlugin, StoreError};
use keyway_storage::Storage;
use serde::Deserialize;

use crate::handle::Handle;
use crate::store::GenericStore;

/// The plugin `generic`: sealed records on the storage engine that the host lends as an
/// `Arc<dyn Storage>`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GenericPlugin;

/// The plugin's configuration: it has no keys yet. Where the records lie is the host's
/// choice of a storage engine, and what else can be set is a setting of the store, which
/// `configure` changes while it runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenericConfiguration {}

impl SecretStorePlugin for GenericPlugin {
    fn check_configuration(&self, configuration: &serde_json::Value) -> Result<(), StoreError> {
        keyway_core::read_configuration::<GenericConfiguration>(configuration)
            .map(|_| ())
            .map_err(|error| StoreError::invalid("the configuration of the plugin", error.to_string()))
    }

    fn open(&self, opening: &Opening) -> Result<Arc<dyn SecretStore>, StoreError> {
        self.check_configuration(&opening.configuration)?;
        let storage = opening.resources.require::<Arc<dyn Storage>>()?;
        Ok(Arc::new(GenericStore::new(Handle::new(
            opening.store.clone(),
            Arc::clone(storage),
            opening.metadata.clone(),
            Arc::clone(&opening.clock),
            opening.keys.clone(),
        ))))
    }
}
