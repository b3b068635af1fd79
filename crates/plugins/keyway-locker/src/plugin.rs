//! Defines the plugin that the registry holds, and that opens stores.

use std::sync::Arc;

use keyway_secrets::{Json, OpenContext, SecretStore, SecretStorePlugin, StoreError};

use crate::configuration::LockerConfiguration;
use crate::store::LockerStore;

/// The plugin `locker`: a project of the service Locker, over its HTTP interface.
#[derive(Clone, Copy, Debug, Default)]
pub struct LockerPlugin;

impl SecretStorePlugin for LockerPlugin {
    fn check_configuration(&self, configuration: &Json) -> Result<(), StoreError> {
        LockerConfiguration::read(configuration).map(drop)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        Ok(Arc::new(LockerStore::new(context)?))
    }
}
