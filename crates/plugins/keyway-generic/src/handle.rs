//! The handle to a store. It reads the header and chooses the keys for every operation.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use keyway_core::{Clock, PluginMetadata};
use keyway_seal::KeyRing;
use keyway_secrets::{EnvironmentName, SecretAddress, StoreError, StoreName};
use keyway_storage::{Entry, Record, Revision, Storage, Turn};

use crate::counters::Pending;
use crate::header::{self, Header, StoredHeader};
use crate::layout::{Group, NameIndex, StoreMark, StorePrefix};
use crate::sealed_settings::{InForce, ReadSettings};
use crate::storage_error::from_storage;

/// The maximum number of attempts of an operation. An operation starts over when another writer was faster, and the
/// writers of this process then take turns. So only an operation that competes with many other processes for one record
/// approaches this limit.
pub(crate) const MAX_ATTEMPTS: u32 = 64;

/// The maximum number of environments that a handle remembers. A handle that reaches this number forgets all of them:
/// remembering only saves work, and the memory for it must not grow with the store.
const REMEMBERED_ENVIRONMENTS: usize = 1024;

/// A handle to a store on a storage engine.
pub(crate) struct Handle {
    pub(crate) store: StoreName,
    pub(crate) prefix: StorePrefix,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) metadata: PluginMetadata,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pending: Pending,
    pub(crate) read_settings: ReadSettings,
    state: RwLock<State>,
}

struct State {
    keys: KeyRing,
    /// The number of the current set of keys. It changes with every change of the keys.
    generation: u64,
    view: Option<View>,
    seen: Seen,
    deleted: bool,
}

/// The store that a handle saw when it last looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The handle has not looked yet.
    Unknown,
    /// There was no store.
    Nothing,
    /// There was this store. A later store of the same name has another mark.
    Store(StoreMark),
}

/// A header as it was read.
pub(crate) struct Loaded {
    pub(crate) revision: Revision,
    pub(crate) header: Header,
    pub(crate) settings: Arc<dyn InForce>,
    index: NameIndex,
    store_mark: StoreMark,
    shared: Group,
    groups: Mutex<HashMap<EnvironmentName, Group>>,
    existing: Mutex<HashSet<EnvironmentName>>,
}

/// The header and the keys that one attempt of an operation works with.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) loaded: Arc<Loaded>,
    /// The keys of the handle. The first one is the key of the store, which sealed the header. So even a handle that
    /// holds old and new keys in any order never seals with a key that a rotation has retired.
    pub(crate) keys: KeyRing,
    generation: u64,
}

/// A ring of keys, and the mark of the store whose records these keys seal.
#[derive(Clone, Copy)]
pub(crate) struct StoreKeys<'a> {
    pub(crate) ring: &'a KeyRing,
    pub(crate) store: StoreMark,
}

impl View {
    pub(crate) fn keys(&self) -> StoreKeys<'_> {
        self.with(&self.keys)
    }

    /// Returns the keys of `ring` for the same store.
    pub(crate) fn with<'a>(&self, ring: &'a KeyRing) -> StoreKeys<'a> {
        StoreKeys { ring, store: self.loaded.store_mark }
    }

    /// Tells whether both are views of the same store. A store that was deleted and made again is a different one.
    pub(crate) fn is_same_store(&self, other: &Self) -> bool {
        self.loaded.header.name_key == other.loaded.header.name_key
    }

    pub(crate) fn group(&self, environment: Option<&EnvironmentName>) -> Group {
        let Some(environment) = environment else { return self.loaded.shared };
        let mut groups = lock(&self.loaded.groups);
        if let Some(group) = groups.get(environment) {
            return *group;
        }
        let group = self.loaded.index.group(Some(environment));
        if groups.len() >= REMEMBERED_ENVIRONMENTS {
            groups.clear();
        }
        groups.insert(environment.clone(), group);
        group
    }

    pub(crate) fn secret_key(&self, prefix: StorePrefix, address: &SecretAddress) -> Vec<u8> {
        self.loaded.index.secret_key(prefix, self.group(address.environment.as_ref()), address)
    }

    pub(crate) fn environment_key(&self, prefix: StorePrefix, environment: &EnvironmentName) -> Vec<u8> {
        self.loaded.index.environment_key(prefix, environment)
    }

    /// Remembers that an environment exists. This stays true, because environments are never removed while the store
    /// exists.
    pub(crate) fn remember(&self, environment: &EnvironmentName) {
        let mut existing = lock(&self.loaded.existing);
        if existing.len() >= REMEMBERED_ENVIRONMENTS {
            existing.clear();
        }
        existing.insert(environment.clone());
    }

    fn remembers(&self, environment: &EnvironmentName) -> bool {
        lock(&self.loaded.existing).contains(environment)
    }
}

impl Handle {
    /// Prepares a writer's turn.
    pub(crate) fn turn(&self) -> Turn {
        Turn::new(&self.storage)
    }

    pub(crate) fn new(
        store: StoreName,
        storage: Arc<dyn Storage>,
        metadata: PluginMetadata,
        clock: Arc<dyn Clock>,
        keys: KeyRing,
        read_settings: ReadSettings,
    ) -> Self {
        let prefix = StorePrefix::of(&store);
        let state =
            RwLock::new(State { keys, generation: 0, view: None, seen: Seen::Unknown, deleted: false });
        let pending = Pending::default();
        Self { store, prefix, storage, metadata, clock, pending, read_settings, state }
    }

    pub(crate) fn keys(&self) -> KeyRing {
        self.read_state().keys.clone()
    }

    pub(crate) fn set_keys(&self, keys: KeyRing) {
        let mut state = self.write_state();
        state.keys = keys;
        state.generation += 1;
        state.view = None;
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.read_state().deleted
    }

    pub(crate) fn set_deleted(&self) {
        let mut state = self.write_state();
        state.deleted = true;
        state.view = None;
    }

    pub(crate) fn seen(&self) -> Seen {
        self.read_state().seen
    }

    pub(crate) fn set_seen(&self, header: Option<&Header>) {
        self.write_state().seen = header.map_or(Seen::Nothing, |header| Seen::Store(header.store_mark()));
    }

    /// Returns the keys and the header that this handle read last.
    pub(crate) async fn view(&self) -> Result<View, StoreError> {
        {
            let state = self.read_state();
            if state.deleted {
                return Err(StoreError::Deleted);
            }
            if let Some(view) = &state.view {
                return Ok(view.clone());
            }
        }
        self.fresh_view().await
    }

    /// Returns the keys and the current header.
    pub(crate) async fn fresh_view(&self) -> Result<View, StoreError> {
        loop {
            let (keys, generation) = {
                let state = self.read_state();
                (state.keys.clone(), state.generation)
            };
            let found = self.read_header_with(&keys).await;
            if matches!(found, Err(StoreError::WrongKey { .. })) && self.generation() != generation {
                continue;
            }
            let StoredHeader { header, revision, sealed_by } = found?.ok_or(StoreError::NotInitialized)?;
            if header.text.deleting {
                return Err(StoreError::Deleted);
            }
            self.metadata.check(&header.text.written_by)?;
            let settings = (self.read_settings)(&header.text.settings)
                .map_err(|error| StoreError::corrupt("the stored settings", error.to_string()))?;

            let mut state = self.write_state();
            if state.deleted {
                return Err(StoreError::Deleted);
            }
            if state.generation != generation {
                continue;
            }
            match &state.view {
                // The header is unchanged, so the cached view stays.
                Some(view) if view.loaded.revision == revision => return Ok(view.clone()),
                _ => {}
            }
            let index = NameIndex::new(&header.name_key);
            let loaded = Arc::new(Loaded {
                revision,
                shared: index.group(None),
                store_mark: index.store_mark(),
                index,
                header,
                settings,
                groups: Mutex::default(),
                existing: Mutex::default(),
            });
            let keys = keys.led_by(sealed_by).unwrap_or(keys);
            let view = View { loaded, keys, generation };
            state.seen = Seen::Store(view.loaded.store_mark);
            state.view = Some(view.clone());
            return Ok(view);
        }
    }

    /// Reads the header, and tells whether it is still as in `view`. If not, the handle has a new view afterwards.
    pub(crate) async fn is_current(&self, view: &View) -> Result<bool, StoreError> {
        Ok(self.fresh_view().await?.loaded.revision == view.loaded.revision)
    }

    /// Reads the header without checking who wrote it, or whether a rotation or a deletion is in progress.
    pub(crate) async fn read_header(&self) -> Result<Option<StoredHeader>, StoreError> {
        self.read_header_with(&self.keys()).await
    }

    pub(crate) async fn read_header_with(&self, keys: &KeyRing) -> Result<Option<StoredHeader>, StoreError> {
        if self.is_deleted() {
            return Err(StoreError::Deleted);
        }
        let mut found = self.storage.get(&self.prefix.header()).await.map_err(from_storage)?;
        if found.is_none() {
            found = self.first_record().await?;
        }
        found.map(|record| StoredHeader::open(&record, self.store.as_str(), keys)).transpose()
    }

    /// Reads the first record of the store, which is its header.
    ///
    /// The header is written before all other records, and deleted in one commit with the last of them. If there are
    /// other records but no header, the header was lost, and the store is neither new nor deleted (decision H58).
    pub(crate) async fn first_record(&self) -> Result<Option<Record>, StoreError> {
        let page = self.storage.scan(&self.prefix.all(), None, 1).await.map_err(from_storage)?;
        match page.entries.into_iter().next() {
            None => Ok(None),
            Some(Entry { key, value, revision }) if key == self.prefix.header() => {
                Ok(Some(Record { value, revision }))
            }
            Some(_) => Err(StoreError::corrupt(header::WHAT, "it is missing and other records are there")),
        }
    }

    /// Tells whether the keys have changed since `view` was made. If so, the new keys may open a record that the keys
    /// of `view` did not open.
    pub(crate) fn keys_changed_since(&self, view: &View) -> bool {
        self.generation() != view.generation
    }

    /// Tells whether the environment exists.
    pub(crate) async fn has_environment(
        &self,
        view: &View,
        environment: &EnvironmentName,
    ) -> Result<bool, StoreError> {
        if view.remembers(environment) {
            return Ok(true);
        }
        let key = view.environment_key(self.prefix, environment);
        let found = self.storage.get(&key).await.map_err(from_storage)?.is_some();
        if found {
            view.remember(environment);
        }
        Ok(found)
    }

    /// Returns the reason why there is no secret at `address`.
    pub(crate) async fn missing(&self, view: &View, address: &SecretAddress) -> StoreError {
        match &address.environment {
            Some(environment) => match self.has_environment(view, environment).await {
                Ok(true) => StoreError::SecretNotFound { address: address.clone() },
                Ok(false) => StoreError::EnvironmentNotFound { environment: environment.clone() },
                Err(error) => error,
            },
            None => StoreError::SecretNotFound { address: address.clone() },
        }
    }

    pub(crate) fn forget(&self, view: &View) {
        let mut state = self.write_state();
        if state.view.as_ref().is_some_and(|current| Arc::ptr_eq(&current.loaded, &view.loaded)) {
            state.view = None;
        }
    }

    fn generation(&self) -> u64 {
        self.read_state().generation
    }

    // Every change of the state is one assignment, so a panic of another thread cannot leave the state half-changed.
    // Even a poisoned lock holds a valid state.
    fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedStore")
            .field("store", &self.store)
            .field("storage", &self.storage)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
