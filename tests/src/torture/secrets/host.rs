//! The host that the processes run: the real engine over one SQLite file, with files beside it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::{ErrorKind, PluginError as _, Plugins, plugins};
use keyway_host::Host as Engines;
use keyway_host::stores::{HostedStore, Stores, StoresError};
use keyway_seal::{Key, KeyId, KeyRing};
use keyway_secrets::{
    EnvironmentName, NewEnvironment, SecretAddress, SecretName, SecretStore as _, StoreName,
};
use keyway_storage::{CommitMode, Sqlite, Storage};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::defect::Defect;
use super::plan::Plan;
use crate::torture::clock::JumpingClock;
use crate::torture::draw::Draw;
use crate::torture::lazy_storage::LazyStorage;

const PLUGINS: Plugins = plugins! { keyway_generic, keyway_convection };

/// The store on records to which all processes write.
pub(super) const RECORDS: &str = "records";
/// The store on a file to which all processes write.
pub(super) const FILES: &str = "files";
/// The environment of half of the secrets on records.
pub(super) const ENVIRONMENT: &str = "staging";

/// The key with which a task creates a store of its own. `GROWN` is the key to which the task rotates the store.
pub(super) const FIRST: &str = "born";
pub(super) const GROWN: &str = "grown";

/// A host of a process.
pub(super) struct Host {
    pub(super) engines: Engines,
    pub(super) storage: Sqlite,
    labels: Vec<(KeyId, String)>,
    plan: Plan,
}

impl Host {
    /// Starts the host of this slot, without resuming interrupted work. At most one run of this host may exist.
    pub(super) async fn start(plan: &Plan, slot: u32) -> Result<Self, String> {
        let path = plan.folder.join("host.db");
        let mode = if plan.slot.is_multiple_of(2) { CommitMode::Inline } else { CommitMode::Thread };
        let storage =
            Sqlite::options().commit_mode(mode).open_or_create(&path).map_err(|error| error.detail())?;
        let lent: Arc<dyn Storage> = match plan.defect {
            Some(Defect::AcknowledgesBeforeWriting) => {
                Arc::new(LazyStorage::over(storage.clone()).await.map_err(|error| error.detail())?)
            }
            _ => Arc::new(storage.clone()),
        };
        let registry = PLUGINS.registry().map_err(|faults| faults.to_string())?;
        let host_keys = ring(["host".to_owned()]);
        let labels: Vec<String> = (plan.oldest_key..=plan.newest_key)
            .rev()
            .map(label)
            .chain([FIRST.to_owned(), GROWN.to_owned()])
            .collect();
        let keys = ring(labels.clone());
        let labels = keys.ids().zip(labels).collect();
        // An earlier run of this host was killed and cannot answer, so its claims are taken over at once.
        let builder = Engines::builder(registry, lent, host_keys)
            .name(&format!("host-{slot}"))
            .store_keys(keys.clone())
            .clock(Arc::new(JumpingClock::new(Draw::new(plan.seed).fork(2000 + u64::from(slot)))))
            .takeover_after(Duration::ZERO);
        let engines = builder.start().await.map_err(|error| error.detail())?;
        Ok(Self { engines, storage, labels, plan: plan.clone() })
    }

    pub(super) fn stores(&self) -> &Stores {
        self.engines.stores()
    }

    /// Returns the labels of a store's keys, one after the other.
    pub(super) fn labels(&self, ids: &[KeyId]) -> String {
        let name =
            |id: &KeyId| self.labels.iter().find(|(known, _)| known == id).map(|(_, label)| label.as_str());
        ids.iter().map(|id| name(id).unwrap_or("unknown")).collect::<Vec<_>>().join("+")
    }

    /// Creates a store that is sealed by the key with this label.
    pub(super) async fn create(
        &self,
        name: &str,
        plugin: &str,
        label: &str,
    ) -> Result<HostedStore, StoresError> {
        self.stores()
            .create(&store_name(name), plugin, self.configuration(plugin), &ring([label.to_owned()]))
            .await
    }

    /// Opens a store.
    ///
    /// If another process rotates the store at the same time, the recorded keys are wrong. Then this method tries
    /// again.
    pub(super) async fn open(&self, name: &str) -> Result<HostedStore, StoresError> {
        let mut attempts = 0;
        loop {
            match self.stores().open(&store_name(name)).await {
                Err(error) if error.kind() == ErrorKind::WrongKey && attempts < 50 => {
                    attempts += 1;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                other => return other,
            }
        }
    }

    /// Opens one of the two stores to which all processes write, or creates it.
    pub(super) async fn main_store(&self, name: &str) -> Result<HostedStore, StoresError> {
        let plugin = if name == FILES { "convection-generic" } else { "generic" };
        let store = match self.open(name).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                match self.create(name, plugin, &label(self.plan.oldest_key)).await {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => self.open(name).await?,
                    other => other?,
                }
            }
            other => other?,
        };
        if name == RECORDS {
            let environment = EnvironmentName::new(ENVIRONMENT)?;
            match store.create_environment(NewEnvironment { name: environment, external_url: None }).await {
                Err(error) if error.kind() != ErrorKind::AlreadyExists && !is_passing(error.kind()) => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(store)
    }

    /// Returns the path of a store's file.
    pub(super) fn files(folder: &Path) -> std::path::PathBuf {
        folder.join("convection")
    }

    fn configuration(&self, plugin: &str) -> Value {
        match plugin {
            "convection-generic" => json!({ "directory": Self::files(&self.plan.folder) }),
            _ => json!({}),
        }
    }
}

/// Tells whether a writer must try again because nothing happened: another writer was first, or the
/// store was rotated to keys that this handle does not have.
pub(super) fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Conflict | ErrorKind::WrongKey | ErrorKind::Unavailable { .. })
}

/// Returns the label of key `number` of the main stores.
pub(super) fn label(number: u64) -> String {
    number.to_string()
}

/// Returns the keys with these labels. They are not secret: all processes derive the same keys.
pub(super) fn ring(labels: impl IntoIterator<Item = String>) -> KeyRing {
    let keys = labels.into_iter().map(|label| {
        let mut bytes: [u8; 32] = Sha256::digest(format!("keyway torture {label}")).into();
        Key::from_bytes(&mut bytes)
    });
    KeyRing::new(keys).expect("different labels must give different keys")
}

pub(super) fn store_name(name: &str) -> StoreName {
    StoreName::new(name).expect("a name of the torture is valid")
}

/// Returns the address of the secret that is called `name` or `environment:name` in a cell.
pub(super) fn address(text: &str) -> SecretAddress {
    let name = |name: &str| SecretName::new(name).expect("a name of the torture is valid");
    match text.split_once(':') {
        None => SecretAddress::shared(name(text)),
        Some((environment, text)) => {
            let environment = EnvironmentName::new(environment).expect("a name of the torture is valid");
            SecretAddress::in_environment(name(text), environment)
        }
    }
}

/// Returns the name that a cell uses for the secret at an address.
pub(super) fn cell_of(address: &SecretAddress) -> String {
    match &address.environment {
        None => address.name.to_string(),
        Some(environment) => format!("{environment}:{}", address.name),
    }
}
