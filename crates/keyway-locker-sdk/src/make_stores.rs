//! Makes the stores of a configuration.

use std::io;

use keyway_core::{Plugins, Resources, with_causes};
use keyway_secrets::{SecretStore as _, StoreError, StoreName};
use keyway_storage::Sqlite;

use crate::runtime::run_to_end;
use crate::{Configuration, project};

/// Makes the stores that do not exist yet, with their databases, and checks that the others open. Returns every
/// store, and whether it was made now. Blocks; it must not be called inside of a tokio runtime.
///
/// # Errors
/// A sentence that names the store and the fault. Stores that were made before the fault remain.
pub fn make_stores(plugins: &Plugins, configuration: &Configuration) -> io::Result<Vec<(StoreName, bool)>> {
    run_to_end(async {
        let mut stores = Vec::new();
        for (name, entry) in &configuration.stores {
            let failed = |reason: &dyn std::fmt::Display| io::Error::other(format!("store {name}: {reason}"));
            let store =
                project::open(plugins, name, entry, Resources::new(), |path| Sqlite::open_or_create(path))
                    .map_err(|_| failed(&"it cannot be opened, as the log says"))?;
            match store.initialize().await {
                Ok(()) => stores.push((name.clone(), true)),
                Err(StoreError::AlreadyInitialized) => {
                    store.check_written_by().await.map_err(|error| failed(&with_causes(&error)))?;
                    stores.push((name.clone(), false));
                }
                Err(error) => return Err(failed(&with_causes(&error))),
            }
        }
        Ok(stores)
    })?
}
