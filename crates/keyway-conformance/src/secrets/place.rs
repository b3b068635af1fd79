//! Where the stores of one rule live: a scratch folder, a storage engine, a clock, keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyway_core::{Clock, PluginMetadata, Resources};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{OpenContext, SecretStore, StoreError, StoreName};
use keyway_storage::Storage;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::clock::KitClock;
use super::lent_storage::LentStorage;
use super::recorded::Recorded;
use super::subject::SecretStoreSubject;
use crate::trial::History;
use crate::{Broken, Trial, broken};

/// One place. It can be opened many times: that is how a rule gets a second handle, a
/// restart, or other keys.
#[derive(Debug)]
pub(super) struct Place<'a> {
    subject: &'a SecretStoreSubject,
    history: &'a History,
    scratch: TempDir,
    opened: AtomicUsize,
    pub(super) storage: Arc<LentStorage>,
    pub(super) clock: Arc<KitClock>,
    /// The keys that a store is opened with if nothing else is said.
    pub(super) keys: KeyRing,
}

impl<'a> Place<'a> {
    /// A fresh place for a rule.
    pub(super) fn new(trial: &Trial<'a, SecretStoreSubject>) -> Result<Self, Broken> {
        Self::of(trial.subject(), trial.history(), trial.random())
    }

    pub(super) fn of(
        subject: &'a SecretStoreSubject,
        history: &'a History,
        number: u64,
    ) -> Result<Self, Broken> {
        let scratch = tempfile::tempdir().map_err(|error| {
            broken("a scratch folder to work in", format!("the system gave none: {error}"))
        })?;
        Ok(Self {
            subject,
            history,
            scratch,
            opened: AtomicUsize::new(0),
            storage: LentStorage::new(),
            clock: Arc::new(KitClock::new()),
            keys: ring(number),
        })
    }

    /// The metadata under which the plugin is registered.
    pub(super) fn metadata(&self) -> &PluginMetadata {
        &self.subject.metadata
    }

    /// A handle with the place's own keys.
    pub(super) fn open(&self) -> Result<Recorded<'a>, Broken> {
        self.open_with(&self.keys)
    }

    /// A handle with other keys.
    pub(super) fn open_with(&self, keys: &KeyRing) -> Result<Recorded<'a>, Broken> {
        self.open_as(keys, self.metadata())
    }

    /// A handle of a plugin with other metadata.
    pub(super) fn open_as(&self, keys: &KeyRing, metadata: &PluginMetadata) -> Result<Recorded<'a>, Broken> {
        self.open_named("store", keys, metadata)
    }

    /// A handle to a store of another name.
    pub(super) fn open_named(
        &self,
        name: &str,
        keys: &KeyRing,
        metadata: &PluginMetadata,
    ) -> Result<Recorded<'a>, Broken> {
        let number = self.opened.fetch_add(1, Ordering::SeqCst) + 1;
        let configuration = (self.subject.configuration)(self.scratch.path());
        let opened = self.try_open(name, keys, metadata, configuration);
        let label = if number == 1 { name.to_owned() } else { format!("{name}#{number}") };
        match opened {
            Ok(store) => Ok(Recorded::new(label, store, self.history)),
            Err(error) => Err(broken(
                "a handle to the store, whether or not the store exists",
                format!("opening it failed: {error}"),
            )),
        }
    }

    pub(super) fn try_open(
        &self,
        name: &str,
        keys: &KeyRing,
        metadata: &PluginMetadata,
        configuration: serde_json::Value,
    ) -> Result<Arc<dyn SecretStore>, StoreError> {
        let storage: Arc<dyn Storage> = Arc::clone(&self.storage) as Arc<dyn Storage>;
        let resources = (self.subject.lending)(Resources::new().with(storage), self.scratch.path());
        let opening = OpenContext::new(StoreName::new(name)?, metadata.clone(), keys.clone())
            .with_configuration(configuration)
            .with_resources(resources)
            .with_clock(Arc::clone(&self.clock) as Arc<dyn Clock>);
        self.subject.plugin.open(&opening)
    }

    /// The configuration that the subject names for this place.
    pub(super) fn configuration(&self) -> serde_json::Value {
        (self.subject.configuration)(self.scratch.path())
    }

    /// A handle to a new store.
    pub(super) async fn initialized(&self) -> Result<Recorded<'a>, Broken> {
        let store = self.open()?;
        match store.initialize().await {
            Ok(()) => Ok(store),
            Err(error) => Err(broken("`initialize` to make the store", format!("it failed: {error}"))),
        }
    }

    /// Whether the plugin keeps its data in the storage that was lent.
    pub(super) fn uses_storage(&self) -> bool {
        self.storage.operations() > 0
    }

    /// Everything that lies in the place: the records of the storage, and the files of the
    /// scratch folder.
    pub(super) async fn at_rest(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = self.storage.records().await;
        let mut files = Vec::new();
        collect_files(self.scratch.path(), &mut files);
        files.sort();
        all.extend(files.into_iter().map(|file| {
            let content = fs::read(&file).unwrap_or_default();
            (file.to_string_lossy().into_owned().into_bytes(), content)
        }));
        all
    }
}

fn collect_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_files(&path, into);
        } else {
            into.push(path);
        }
    }
}

/// A ring of one key, the same for the same number.
pub(super) fn ring(number: u64) -> KeyRing {
    KeyRing::new([key(number)]).expect("it has a key")
}

/// The text of the key of that ring, to look for it where it must not be.
pub(super) fn key_text(number: u64) -> String {
    key(number).expose_text().expose_secret().to_owned()
}

fn key(number: u64) -> Key {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Key::from_bytes(&mut bytes)
}
