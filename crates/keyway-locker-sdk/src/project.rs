//! The store that an access key opens.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use keyway_client::Secrets;
use keyway_core::{Plugins, Resources, SecretText, with_causes};
use keyway_host::stores::{GuardedStore, Limits};
use keyway_seal::{FileKeySource, Key, KeyRing};
use keyway_secrets::{AcceptedAge, OpenContext, SecretStore as _, SecretStores, StoreError, StoreName};
use keyway_storage::{Sqlite, Storage, StorageError};

use crate::configuration::StoreEntry;
use crate::failure::Failure;

/// An open store. Locker calls it a project: an access key selects a project.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) secrets: Secrets,
    /// The project number in the objects of an answer.
    pub(crate) id: i64,
}

impl Project {
    /// Opens the store and checks that its data comes from the plugin of `entry`, in a version that the plugin can read
    /// (decision C4). `database` opens the database that the plugin may need. Needs a tokio runtime; blocks while it
    /// reads the key file and the database.
    ///
    /// # Errors
    /// [`Failure::File`], [`Failure::Database`], [`Failure::Internal`]; the log has the reason.
    pub(crate) async fn open(
        plugins: &Plugins,
        name: &StoreName,
        entry: &StoreEntry,
        accepted: AcceptedAge,
        database: fn(&Path) -> Result<Sqlite, StorageError>,
    ) -> Result<Self, Failure> {
        let store = open(plugins, name, entry, Resources::new().with(accepted), database)?;
        store.check_written_by().await?;
        Ok(Self { secrets: Secrets::new(Arc::new(store)), id: entry.project_id })
    }

    /// Returns the client for an environment, or for the secrets without an environment.
    pub(crate) fn within(&self, environment: Option<&SecretText>) -> Secrets {
        match environment {
            Some(environment) => self.secrets.in_environment(environment.expose()),
            None => self.secrets.shared(),
        }
    }
}

/// Opens a store without touching its data. The store gets `resources`, and also its database if `entry` names one.
///
/// # Errors
/// As [`Project::open`].
pub(crate) fn open(
    plugins: &Plugins,
    name: &StoreName,
    entry: &StoreEntry,
    mut resources: Resources,
    database: fn(&Path) -> Result<Sqlite, StorageError>,
) -> Result<GuardedStore, Failure> {
    let failed = |failure: Failure, reason: &dyn fmt::Display| {
        let (_, kind, _) = failure.row();
        tracing::error!(kind, "`stores.{name}`: {reason}");
        failure
    };
    let registry = plugins.registry().map_err(|error| failed(Failure::Internal, &error))?;
    let plugin = registry.get::<SecretStores>(&entry.plugin).map_err(|_| {
        let known: Vec<_> = registry.iter_of::<SecretStores>().map(|plugin| plugin.id()).collect();
        let (wanted, known) = (&entry.plugin, known.join(", "));
        failed(Failure::File, &format!("this program has no plugin `{wanted}`, only {known}"))
    })?;
    let keys = keys(entry.keys.as_deref()).map_err(|(failure, reason)| failed(failure, &reason))?;
    if let Some(path) = &entry.sqlite {
        let storage = database(path).map_err(|error| match error {
            StorageError::NoFile { .. } => {
                let reason =
                    format!("there is no database {}: make it with `locker-sdk init`", path.display());
                failed(Failure::Database, &reason)
            }
            error => failed(Failure::Database, &with_causes(&error)),
        })?;
        resources = resources.with::<Arc<dyn Storage>>(Arc::new(storage));
    }
    let opening = OpenContext::new(name.clone(), plugin.metadata().clone(), keys)
        .with_configuration(entry.configuration.clone())
        .with_resources(resources);
    let store =
        GuardedStore::open(plugin.plugin(), opening, Limits::default()).map_err(|error| match error {
            StoreError::MissingResource(_) if entry.sqlite.is_none() => {
                let reason = format!(
                    "the plugin `{}` needs a database: give the path of one as `sqlite`",
                    entry.plugin
                );
                failed(Failure::File, &reason)
            }
            error => failed(Failure::File, &with_causes(&error)),
        })?;
    // Only a store that cannot rotate works without keys of this program: an external service seals its data with other
    // keys (decision C16).
    if entry.keys.is_none() && store.capabilities().rotates {
        let reason =
            format!("the plugin `{}` needs keys: give the path of a file with them as `keys`", entry.plugin);
        return Err(failed(Failure::File, &reason));
    }
    Ok(store)
}

/// Reads the keys in a file. Without a file, it returns random keys, with which the plugin must not seal anything.
fn keys(file: Option<&Path>) -> Result<KeyRing, (Failure, String)> {
    let Some(file) = file else {
        let drawn = Key::generate().and_then(|key| KeyRing::new([key]));
        return drawn.map_err(|error| (Failure::Internal, with_causes(&error)));
    };
    FileKeySource::new(file).read().map_err(|error| (Failure::File, with_causes(&error)))
}
