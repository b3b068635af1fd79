//! The fixture of the rules about stores: a scratch folder, a storage engine, a clock and keys.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyway_core::{Clock, PluginMetadata, Resources};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{Json, OpenContext, SecretStore, StoreError, StoreName};
use keyway_storage::{Layered, Storage};
use tempfile::TempDir;

use super::expected_error::Answer;
use super::lent_storage::{Failure, LentStorage};
use super::recorded::{Recorded, Recorder};
use super::samples::fill;
use super::snapshot::Snapshot;
use super::subject::SecretStoreSubject;
use crate::clock::KitClock;
use crate::notation::Fixture;
use crate::scratch::scratch_folder;
use crate::{Broken, Trial, broken};

/// Everything that a store needs from its host. A rule opens a store several times to get a second handle, to simulate
/// a restart, or to use other keys.
pub(super) struct StoreFixture<'a> {
    trial: &'a Trial<'a, SecretStoreSubject>,
    folder: PathBuf,
    /// Removes the folder at the end. `None` if another fixture owns the folder.
    _scratch: Option<TempDir>,
    opened: AtomicUsize,
    lent: Arc<Layered<LentStorage>>,
    pub(super) clock: Arc<KitClock>,
    /// The keys that a store is opened with by default.
    pub(super) keys: KeyRing,
    /// The text of the key in `keys`, so that rules can search for it in data that must not contain it.
    pub(super) key_text: String,
}

impl<'a> Fixture<'a> for StoreFixture<'a> {
    type Subject = SecretStoreSubject;

    fn new(trial: &'a Trial<'a, SecretStoreSubject>) -> Result<Self, Broken> {
        let number = trial.random();
        let scratch = scratch_folder()?;
        // The store gets a folder inside the scratch folder, so that a store that uses the name `..` as a path stays
        // inside the scratch folder.
        let folder = scratch.path().join("store");
        fs::create_dir(&folder).map_err(|error| broken("a folder for the store", error.to_string()))?;
        Ok(Self {
            trial,
            folder,
            _scratch: Some(scratch),
            opened: AtomicUsize::new(0),
            lent: Arc::new(Layered(LentStorage::new())),
            clock: Arc::new(KitClock::new()),
            keys: ring(number),
            key_text: key(number).expose_text().expose().to_owned(),
        })
    }
}

impl<'a> Deref for StoreFixture<'a> {
    type Target = Trial<'a, SecretStoreSubject>;

    fn deref(&self) -> &Self::Target {
        self.trial
    }
}

impl<'a> StoreFixture<'a> {
    /// Makes a new fixture, for another attempt of the same rule.
    pub(super) fn fresh(&self) -> Result<Self, Broken> {
        Self::new(self.trial)
    }

    /// Makes a fixture with the same keys in a folder that another process fills or has filled.
    pub(super) fn within(&self, folder: PathBuf) -> Self {
        Self {
            trial: self.trial,
            folder,
            _scratch: None,
            opened: AtomicUsize::new(0),
            lent: Arc::new(Layered(LentStorage::new())),
            clock: Arc::clone(&self.clock),
            keys: self.keys.clone(),
            key_text: self.key_text.clone(),
        }
    }

    /// Returns the storage engine that the plugin gets from the kit.
    pub(super) fn storage(&self) -> &LentStorage {
        &self.lent.0
    }

    /// Counts the references to the lent storage.
    pub(super) fn holders(&self) -> usize {
        Arc::strong_count(&self.lent)
    }

    /// Makes the storage fail after some more operations. If `stays_down` is set, all later operations fail too. If
    /// `takes_effect` is set, the failing commit takes effect, and the engine reports that the outcome is unknown.
    pub(super) fn fail_storage(&self, operations: u64, takes_effect: bool, stays_down: bool) {
        let failure = if takes_effect { Failure::Unknown } else { Failure::Refused };
        self.history().record(format!("the storage fails after {operations} operations: {failure:?}"));
        self.storage().fail_after(operations, failure, !stays_down);
    }

    /// Returns whether the store declares that it destroys single secrets.
    #[cfg(feature = "client")]
    pub(super) fn destroys(&self) -> bool {
        self.subject().capabilities().destroys
    }

    /// Returns the metadata under which the plugin is registered.
    pub(super) fn metadata(&self) -> &PluginMetadata {
        &self.subject().metadata
    }

    /// Opens the store with the fixture's own keys. Then, if reads may be stale, advances the clock until every
    /// read sees all earlier writes.
    pub(super) fn open(&self) -> Result<Recorded<'a>, Broken> {
        self.open_with(&self.keys)
    }

    /// Opens the store with other keys.
    pub(super) fn open_with(&self, keys: &KeyRing) -> Result<Recorded<'a>, Broken> {
        self.open_as(keys, self.metadata())
    }

    /// Opens the store with other metadata of the plugin.
    pub(super) fn open_as(&self, keys: &KeyRing, metadata: &PluginMetadata) -> Result<Recorded<'a>, Broken> {
        self.open_named("store", keys, metadata)
    }

    /// Opens a store with another name.
    pub(super) fn open_named(
        &self,
        name: &str,
        keys: &KeyRing,
        metadata: &PluginMetadata,
    ) -> Result<Recorded<'a>, Broken> {
        let number = self.opened.fetch_add(1, Ordering::SeqCst) + 1;
        let opened = self.try_open(name, keys, metadata, self.configuration());
        let label = if number == 1 { name.to_owned() } else { format!("{name}#{number}") };
        match opened {
            Ok(store) => {
                self.settle(&*store);
                Ok(keyway_secrets::Layered(Recorder { label, store, history: self.history() }))
            }
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
        configuration: Json,
    ) -> Result<Arc<dyn SecretStore>, StoreError> {
        let storage: Arc<dyn Storage> = Arc::clone(&self.lent) as Arc<dyn Storage>;
        let resources = (self.subject().lending)(Resources::new().with(storage), &self.folder);
        let opening = OpenContext::new(StoreName::new(name)?, metadata.clone(), keys.clone())
            .with_configuration(configuration)
            .with_resources(resources)
            .with_clock(Arc::clone(&self.clock) as Arc<dyn Clock>);
        self.subject().plugin.open(&opening)
    }

    /// Advances the clock until every read of the store sees all earlier writes.
    pub(super) fn settle(&self, store: &dyn SecretStore) {
        self.clock.advance(store.capabilities().staleness);
    }

    /// Returns the subject's configuration for the scratch folder of this rule.
    pub(super) fn configuration(&self) -> Json {
        (self.subject().configuration)(&self.folder)
    }

    /// Makes a new store.
    pub(super) async fn initialized(&self) -> Result<Recorded<'a>, Broken> {
        let store = self.open()?;
        match store.initialize().await {
            Ok(()) => Ok(store),
            Err(error) => Err(broken("`initialize` to make the store", format!("it failed: {error}"))),
        }
    }

    /// Makes a store with some secrets. The value of `a` is `value of a`, and so on.
    pub(super) async fn filled(&self, names: &[&str]) -> Result<Recorded<'a>, Broken> {
        let store = self.initialized().await?;
        fill(&store, names).await?;
        Ok(store)
    }

    /// Makes a store with some secrets, and takes a snapshot of it.
    pub(super) async fn seen(&self, names: &[&str]) -> Result<(Recorded<'a>, Snapshot), Broken> {
        let store = self.filled(names).await?;
        let snapshot = Snapshot::of(&store).await?;
        Ok((store, snapshot))
    }

    /// Makes a store with other metadata of the plugin, and creates the secret `a`.
    pub(super) async fn filled_as(&self, metadata: &PluginMetadata) -> Result<Recorded<'a>, Broken> {
        let store = self.open_as(&self.keys, metadata)?;
        store.initialize().await.works("making the store")?;
        fill(&store, &["a"]).await?;
        Ok(store)
    }

    /// Reads all data at rest: the records of the storage, and the files of the scratch folder.
    pub(super) async fn at_rest(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = self.storage().records().await;
        all.extend(self.files());
        all
    }

    /// Reads the files of the scratch folder.
    pub(super) fn files(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut files = Vec::new();
        collect_files(&self.folder, &mut files);
        files.sort();
        let read = |file: PathBuf| {
            let content = fs::read(&file).unwrap_or_default();
            (file.to_string_lossy().into_owned().into_bytes(), content)
        };
        files.into_iter().map(read).collect()
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

/// Makes a ring of one key that depends only on the number.
pub(super) fn ring(number: u64) -> KeyRing {
    KeyRing::new([key(number)]).expect("it has a key")
}

fn key(number: u64) -> Key {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Key::from_bytes(&mut bytes)
}
