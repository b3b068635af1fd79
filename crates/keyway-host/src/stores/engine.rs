//! The engine for secret stores.

use std::sync::{Arc, Mutex};

use keyway_core::{ErrorKind, Json, PluginError};
use keyway_seal::{KeyId, KeyRing, KeySource};
use keyway_secrets::{StoreError, StoreName};

use super::error::StoresError;
use super::guard::GuardedStore;
use super::hosted::{HostedLayer, HostedStore};
use super::machine::{Event, Phase, StoreState, TransitionError};
use super::record::StoreOrigin;
use super::workflow::{Live, StoreWorkflow};
use crate::host::Lent;
use crate::plugin::contain_call;
use crate::records::{Address, Entry, RecordError};
use crate::work::{Limits, Worker};

/// The engine for secret stores: makes, opens, rotates and deletes them.
///
/// For each store, a record (plugin, configuration, names of keys, phase) is kept on the host's storage engine, sealed
/// by the host's own keys (decision K1). Every step is stored before the plugin is asked (decision R2). Several hosts
/// may share one storage engine.
///
/// Get it from [`Host::stores`](crate::Host::stores); the host also resumes interrupted work. A clone is another handle
/// to the same engine. The futures need a tokio runtime, and block as much as the storage engine does.
#[derive(Clone, Debug)]
pub struct Stores {
    pub(crate) worker: Arc<Worker<StoreWorkflow>>,
}

/// A store as the host's records describe it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreSummary {
    /// The name of the store.
    pub name: StoreName,
    /// The id of the plugin.
    pub plugin: String,
    /// The phase of the store, and the keys that it needs.
    pub state: StoreState,
}

type StoreEntry = Box<Entry<StoreWorkflow>>;

impl Stores {
    pub(crate) fn open_engine(lent: &Lent, limits: Limits, keys: Arc<dyn KeySource>) -> Self {
        let workflow = StoreWorkflow {
            registry: lent.plugins.registry.clone(),
            resources: lent.plugins.resources.clone(),
            clock: Arc::clone(&lent.plugins.clock),
            limits,
            keys,
            calls: Mutex::default(),
        };
        Self { worker: lent.worker(workflow) }
    }

    /// Makes a new store with the plugin of this id, sealed by `keys`.
    ///
    /// # Errors
    /// [`TransitionError::Exists`] for a taken name; [`TransitionError::InFlight`] while another call of this name goes
    /// on; [`StoresError::DataExists`] if the plugin finds existing data, which is not changed
    /// ([`adopt`](Self::adopt) takes it over); and errors of the plugin. After an error with an
    /// unknown effect (a deadline, a panic, a failed disk), or after one that may pass, the store may be listed as
    /// being created, and then the host resumes the creation. After any other error, nothing is listed.
    ///
    /// # Cancel safety
    /// A dropped future leaves the store absent, or listed as being created; [`open`](Self::open) and the host resume
    /// the creation.
    pub async fn create(
        &self,
        name: &StoreName,
        plugin: &str,
        configuration: impl Into<Json>,
        keys: &KeyRing,
    ) -> Result<HostedStore, StoresError> {
        let (entry, guarded) = self.plan(name, plugin, &configuration.into(), keys)?;
        // This check finds data that existed before the record below was stored. Later, another host may make data for
        // that record, by opening or recovering the store before this call continues (decision H26).
        let found = match guarded.check_written_by().await {
            Ok(found) => found.is_some(),
            // Such data is not the caller's, or cannot be read, but it exists.
            Err(error) if shows_data(&error) => true,
            Err(error) => return Err(error.into()),
        };
        if found {
            let is_listed = self.entry(name).await?.is_some();
            return Err(if is_listed {
                TransitionError::Exists.of(name)
            } else {
                StoresError::DataExists { name: name.clone(), plugin: entry.fixed.plugin }
            });
        }
        let event = Event::Create { now: self.worker.clock.now(), keys: keys.ids().collect() };
        self.submit(entry, event, &Live::new(&guarded)).await?;
        Ok(HostedLayer::new(self, name, guarded))
    }

    /// Adds an existing store, such as a file of another system, to the host's list, after checking that the plugin may
    /// read it. The data is not changed (decision C4).
    ///
    /// # Errors
    /// [`TransitionError::Exists`] for a taken name, [`TransitionError::InFlight`] while another call of this name goes
    /// on, [`StoreError::NotInitialized`] if the store does not exist, [`StoreError::Incompatible`],
    /// [`StoreError::WrongKey`].
    ///
    /// # Cancel safety
    /// As [`create`](Self::create), except that no data is ever made: an interrupted adoption only looks for the data
    /// again.
    pub async fn adopt(
        &self,
        name: &StoreName,
        plugin: &str,
        configuration: impl Into<Json>,
        keys: &KeyRing,
    ) -> Result<HostedStore, StoresError> {
        let (entry, guarded) = self.plan(name, plugin, &configuration.into(), keys)?;
        let event = Event::Adopt { now: self.worker.clock.now(), keys: keys.ids().collect() };
        self.submit(entry, event, &Live::new(&guarded)).await?;
        Ok(HostedLayer::new(self, name, guarded))
    }

    /// Opens a listed store, with its keys from the host's [keys for stores](crate::HostBuilder::store_keys).
    ///
    /// # Errors
    /// [`StoresError::Keys`] if the keys cannot be read; the errors of [`open_with`](Self::open_with).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn open(&self, name: &StoreName) -> Result<HostedStore, StoresError> {
        let keys = self.worker.workflow.keys.keys().await?;
        self.open_with(name, &keys).await
    }

    /// Opens a listed store: finds its plugin, selects its keys from `keys`, and checks the writer
    /// of its data. An interrupted creation is finished first (decision C4).
    ///
    /// # Errors
    /// [`TransitionError::NoStore`], [`TransitionError::BeingDeleted`], [`StoresError::Plugin`] when its plugin
    /// is not linked, [`StoresError::MissingKeys`], [`StoreError::Incompatible`],
    /// [`StoreError::NotInitialized`] when its data is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn open_with(&self, name: &StoreName, keys: &KeyRing) -> Result<HostedStore, StoresError> {
        let entry = self.entry(name).await?.ok_or_else(|| TransitionError::NoStore.of(name))?;
        let state = entry.state.as_ref().ok_or_else(|| TransitionError::NoStore.of(name))?;
        if state.phase == Phase::Deleting {
            return Err(TransitionError::BeingDeleted.of(name));
        }
        let guarded = Arc::new(self.worker.workflow.open(&entry.fixed, state, keys)?);
        if matches!(state.phase, Phase::Creating | Phase::Adopting) {
            let event = Event::Resume { is_worker: false };
            self.submit(entry, event, &Live::new(&guarded)).await?;
        } else if guarded.check_written_by().await?.is_none() {
            return Err(StoreError::NotInitialized.into());
        }
        Ok(HostedLayer::new(self, name, guarded))
    }

    /// Removes a store from the host's list without asking its plugin, so that its name can be used again. For a store
    /// whose data is gone, or whose creation or deletion can never be finished, for example because its configuration
    /// is wrong (decision H326).
    ///
    /// Data that exists stays where it is: [`adopt`](Self::adopt) lists it again, with the same keys.
    ///
    /// # Errors
    /// [`TransitionError::NoStore`]; [`TransitionError::InFlight`] while another call or another host works on the
    /// store: try again later; [`StoresError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the store listed or forgotten.
    pub async fn forget(&self, name: &StoreName) -> Result<(), StoresError> {
        let entry = self.entry(name).await?.ok_or_else(|| TransitionError::NoStore.of(name))?;
        self.worker.submit(entry, Event::Forget, None).await?;
        Ok(())
    }

    /// Lists all stores, sorted by name.
    ///
    /// # Errors
    /// [`StoresError::Record`] if a record cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn list(&self) -> Result<Vec<StoreSummary>, StoresError> {
        let mut summaries = Vec::new();
        for entry in self.worker.journal.all().await? {
            let Entry { fixed, state, .. } = *entry;
            let Some(state) = state else { continue };
            summaries.push(StoreSummary { name: fixed.name, plugin: fixed.plugin, state });
        }
        summaries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(summaries)
    }

    /// Lists the stores that need a key of which `is` is true.
    pub(crate) async fn needing(&self, is: impl Fn(KeyId) -> bool) -> Result<Vec<String>, RecordError> {
        let all = self.worker.journal.all().await?;
        let needing = all
            .into_iter()
            .filter(|entry| entry.state.as_ref().is_some_and(|state| state.needed_keys().any(&is)));
        Ok(needing.map(|entry| entry.fixed.name.to_string()).collect())
    }

    /// Finds the plugin, checks the configuration, and opens a handle to the store. If one of these steps fails, the
    /// call's intent is not stored.
    fn plan(
        &self,
        name: &StoreName,
        plugin: &str,
        configuration: &Json,
        keys: &KeyRing,
    ) -> Result<(StoreEntry, Arc<GuardedStore>), StoresError> {
        let workflow = &self.worker.workflow;
        let registered = workflow.plugin(plugin)?;
        contain_call("check_configuration", || registered.plugin().check_configuration(configuration))?;
        let origin = StoreOrigin::new(name.clone(), registered.id(), configuration)?;
        let planned = StoreState::planned(keys.ids().collect());
        let guarded = Arc::new(workflow.open(&origin, &planned, keys)?);
        Ok((Box::new(Entry::new(self.address(name), origin)), guarded))
    }

    pub(super) async fn submit(
        &self,
        entry: StoreEntry,
        event: Event,
        live: &Live,
    ) -> Result<(), StoresError> {
        let name = entry.fixed.name.clone();
        let mut submitted = self.worker.submit(entry, event, Some(live)).await?;
        let phase = submitted.entry.state.as_ref().map(|state| state.phase);
        match (submitted.failures.pop(), phase) {
            // A failure does not count if another host has finished the work.
            (_, Some(Phase::Active)) => Ok(()),
            (Some(error), _) => Err(error),
            // Another call took this caller's claim, so the plugin was not asked, and that call goes on.
            (None, Some(Phase::Deleting)) => Err(TransitionError::InFlight.of(&name)),
            (None, _) => Ok(()),
        }
    }

    fn address(&self, name: &StoreName) -> Address {
        let journal = &self.worker.journal;
        Address { scope: journal.scope(&[]), id: journal.id_of(&[name.as_str().as_bytes()]) }
    }

    pub(super) async fn entry(&self, name: &StoreName) -> Result<Option<StoreEntry>, RecordError> {
        self.worker.journal.load(self.address(name)).await
    }
}

/// Tells whether an error of the check for data means that there is data.
fn shows_data(error: &StoreError) -> bool {
    matches!(error.kind(), ErrorKind::Incompatible | ErrorKind::WrongKey | ErrorKind::Corrupt)
}
