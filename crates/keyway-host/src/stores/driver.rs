//! Carries the machine's effects out on plugins and records.

use std::sync::Arc;

use keyway_core::{Clock, ErrorKind, PluginError, Registered, Registry, Resources};
use keyway_seal::KeyRing;
use keyway_secrets::{Opening, RotationListener, SecretStore, SecretStores, StoreError, StoreName};
use keyway_storage::{Expectation, Revision, Storage};
use serde_json::Value;

use super::error::StoresError;
use super::guard::{GuardedStore, StoreLimits};
use super::hosted::HostedStore;
use super::machine::{Event, Phase, Refusal, StoreState, step};
use super::record::StoreRecord;
use crate::sealed_records::{RecordError, RecordKind, SealedRecords};

/// How often a step is tried again because another host changed the record first.
const MAX_ATTEMPTS: u32 = 16;

/// The engine for secret stores: makes, opens, rotates and deletes them, and goes on after a
/// crash with what was cut short.
///
/// What it knows of each store (plugin, configuration, keys by name, phase) it keeps on a
/// storage engine, sealed by the host's own keys (decision K1). Every step is stored before
/// the plugin is asked (decision R2). Several hosts may share one storage engine.
///
/// A clone is another handle to the same engine.
///
/// Its futures need a tokio runtime. They block as much as the storage engine does.
#[derive(Clone, Debug)]
pub struct Stores {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) registry: Registry,
    pub(super) records: SealedRecords,
    pub(super) resources: Resources,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: StoreLimits,
}

/// What the host knows of a store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreSummary {
    /// Its name.
    pub name: StoreName,
    /// The id of its plugin.
    pub plugin: String,
    /// Where it is in its life, and the keys that it needs.
    pub state: StoreState,
}

impl Stores {
    /// [`builder`](Self::builder) with the usual settings.
    ///
    /// # Errors
    /// As [`StoresBuilder::start`](super::StoresBuilder::start).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn start(
        registry: Registry,
        storage: Arc<dyn Storage>,
        keys: KeyRing,
    ) -> Result<Self, StoresError> {
        Self::builder(registry, storage, keys).start().await
    }

    /// Makes a new store with the plugin of this id, sealed by `keys`.
    ///
    /// # Errors
    /// [`Refusal::Exists`] for a name that is taken; [`StoreError::AlreadyInitialized`] when
    /// the plugin finds data there already, which is left alone
    /// ([`adopt`](Self::adopt) takes it over); what the plugin answers. After an error
    /// that says that nothing was made, nothing is listed. One that leaves it open (a
    /// deadline, a panic, a disk that failed) leaves the store listed as being created:
    /// then [`open`](Self::open) or [`recover`](Self::recover) decides.
    ///
    /// # Cancel safety
    /// A dropped future leaves the store absent or listed as being created;
    /// [`open`](Self::open) and [`recover`](Self::recover) go on with that.
    pub async fn create(
        &self,
        name: &StoreName,
        plugin: &str,
        configuration: Value,
        keys: &KeyRing,
    ) -> Result<HostedStore, StoresError> {
        let intent = Event::Create { keys: keys.ids().collect() };
        let planned = self.plan(intent, name, plugin, configuration, keys)?;
        // Data that was there before is told from data that another host makes for the record below,
        // when it opens or recovers the store before we come to it.
        let was_empty = match planned.guarded.check_written_by().await {
            Ok(Some(_)) if self.read(name).await?.is_some() => return Err(Refusal::Exists.into()),
            Ok(Some(_)) => return Err(StoreError::AlreadyInitialized.into()),
            Ok(None) => true,
            // Whatever it is, `initialize` judges it.
            Err(_) => false,
        };
        let guarded = self.note_down(name, planned).await?;
        match guarded.initialize().await {
            Ok(()) => self.finish_creation(name, guarded).await,
            Err(StoreError::AlreadyInitialized) if was_empty => {
                guarded.check_written_by().await?;
                self.finish_creation(name, guarded).await
            }
            // Whether it took effect is not known: the record stays, and recover() decides.
            Err(error) if leaves_open(&error) => Err(error.into()),
            Err(error) => {
                self.advance(name, Event::NotInitialized).await?;
                Err(error.into())
            }
        }
    }

    /// Lists a store that exists already, such as a file of another system, after checking
    /// that the plugin may read it (decision C4). Nothing of it is changed.
    ///
    /// # Errors
    /// [`Refusal::Exists`] for a name that is taken, [`StoreError::NotInitialized`] when
    /// there is no store, [`StoreError::Incompatible`], [`StoreError::WrongKey`].
    ///
    /// # Cancel safety
    /// As [`create`](Self::create), except that nothing is ever made: an adoption that was cut
    /// short looks for the data again.
    pub async fn adopt(
        &self,
        name: &StoreName,
        plugin: &str,
        configuration: Value,
        keys: &KeyRing,
    ) -> Result<HostedStore, StoresError> {
        let intent = Event::Adopt { keys: keys.ids().collect() };
        let planned = self.plan(intent, name, plugin, configuration, keys)?;
        let guarded = self.note_down(name, planned).await?;
        self.carry_out_adoption(name, guarded).await
    }

    /// Opens a store that is listed: finds its plugin, takes what it needs out of `keys`, and
    /// checks who wrote its data (decision C4). A creation that was cut short is finished.
    ///
    /// # Errors
    /// [`Refusal::NoStore`], [`Refusal::BeingDeleted`], [`StoresError::Plugin`] when its plugin
    /// is not linked, [`StoresError::MissingKeys`], [`StoreError::Incompatible`],
    /// [`StoreError::NotInitialized`] when its data is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn open(&self, name: &StoreName, keys: &KeyRing) -> Result<HostedStore, StoresError> {
        let (record, _) = self.read(name).await?.ok_or(Refusal::NoStore)?;
        if record.state.phase == Phase::Deleting {
            return Err(Refusal::BeingDeleted.into());
        }
        let guarded = self.guarded(name, &record, keys)?;
        match record.state.phase {
            Phase::Creating => return self.resume_creation(name, guarded).await,
            Phase::Adopting => return self.carry_out_adoption(name, guarded).await,
            Phase::Active | Phase::Rotating | Phase::Deleting => {}
        }
        match guarded.check_written_by().await? {
            Some(_) => Ok(HostedStore::new(self.clone(), name.clone(), guarded)),
            None => Err(StoreError::NotInitialized.into()),
        }
    }

    /// All stores that are listed, sorted by name.
    ///
    /// # Errors
    /// [`StoresError::Record`] when one of them cannot be read.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn list(&self) -> Result<Vec<StoreSummary>, StoresError> {
        let mut summaries = Vec::new();
        for opened in self.inner.records.read_all(RecordKind::Store).await? {
            let StoreRecord { plugin, state, .. } = StoreRecord::from_bytes(&opened.payload)?;
            summaries.push(StoreSummary { name: StoreName::new(opened.name)?, plugin, state });
        }
        summaries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(summaries)
    }

    pub(super) async fn resume_creation(
        &self,
        name: &StoreName,
        guarded: GuardedStore,
    ) -> Result<HostedStore, StoresError> {
        match guarded.initialize().await {
            Ok(()) => {}
            // The crash came after the plugin had made it.
            Err(StoreError::AlreadyInitialized) => {
                guarded.check_written_by().await?;
            }
            Err(error) => return Err(error.into()),
        }
        self.finish_creation(name, guarded).await
    }

    pub(super) async fn carry_out_adoption(
        &self,
        name: &StoreName,
        guarded: GuardedStore,
    ) -> Result<HostedStore, StoresError> {
        let refused = match guarded.check_written_by().await {
            Ok(Some(_)) => return self.finish_creation(name, guarded).await,
            Ok(None) => StoreError::NotInitialized,
            // Whether there is a store is not known: the record stays.
            Err(error) if leaves_open(&error) => return Err(error.into()),
            Err(error) => error,
        };
        self.advance(name, Event::NotInitialized).await?;
        Err(refused.into())
    }

    /// Refuses what can be refused without a trace, before anything is stored.
    fn plan(
        &self,
        intent: Event,
        name: &StoreName,
        plugin: &str,
        configuration: Value,
        keys: &KeyRing,
    ) -> Result<Planned, StoresError> {
        let registered = self.plugin(plugin)?;
        registered.plugin().check_configuration(&configuration)?;
        let planned = step(None, intent)?;
        let state = planned.state.ok_or(Refusal::NoKeys)?;
        let record = StoreRecord { plugin: registered.id().to_owned(), configuration, state };
        let guarded = self.guarded(name, &record, keys)?;
        Ok(Planned { record, guarded })
    }

    /// Stores what is planned, if there is no store of this name.
    async fn note_down(&self, name: &StoreName, planned: Planned) -> Result<GuardedStore, StoresError> {
        let Planned { record, guarded } = planned;
        let written = self
            .inner
            .records
            .write(RecordKind::Store, name.as_str(), &record.to_bytes()?, Expectation::Absent)
            .await?;
        written.map(|_| guarded).ok_or_else(|| Refusal::Exists.into())
    }

    async fn finish_creation(
        &self,
        name: &StoreName,
        guarded: GuardedStore,
    ) -> Result<HostedStore, StoresError> {
        self.advance(name, Event::Initialized).await?;
        Ok(HostedStore::new(self.clone(), name.clone(), guarded))
    }

    pub(super) async fn rotate(
        &self,
        name: &StoreName,
        guarded: &GuardedStore,
        new: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<(), StoresError> {
        self.advance(name, Event::Rotate { new_keys: new.ids().collect() }).await?;
        self.carry_out_rotation(name, guarded, new, listener).await
    }

    pub(super) async fn carry_out_rotation(
        &self,
        name: &StoreName,
        guarded: &GuardedStore,
        new: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<(), StoresError> {
        guarded.rotate(new, listener).await?;
        self.advance(name, Event::Rotated { new_keys: new.ids().collect() }).await
    }

    pub(super) async fn delete(&self, name: &StoreName, guarded: &GuardedStore) -> Result<(), StoresError> {
        // Data of another version is not deleted (decision C13): asked before it is noted
        // down that it is to be.
        match guarded.check_written_by().await {
            Ok(_) => self.advance(name, Event::Delete).await?,
            // A deletion that was noted down before, and is not over: it goes on.
            Err(StoreError::Deleted) => {}
            Err(error) => return Err(error.into()),
        }
        self.carry_out_deletion(name, guarded).await
    }

    /// Another host may finish the same deletion at any moment, and make a new store of the name. So
    /// the handle looks once more which store there is, between two looks at one and the same record:
    /// that is the store to be deleted, and a plugin that can tell deletes no other. And the record
    /// that goes is that one.
    pub(super) async fn carry_out_deletion(
        &self,
        name: &StoreName,
        guarded: &GuardedStore,
    ) -> Result<(), StoresError> {
        let Some(revision) = self.deletion_under_way(name).await? else { return Ok(()) };
        match guarded.written_by().await {
            Err(error) if leaves_open(&error) => return Err(error.into()),
            // Whatever it is, `marked_for_delete` will judge it.
            _ => {}
        }
        if self.deletion_under_way(name).await? != Some(revision) {
            return Ok(());
        }
        guarded.marked_for_delete().await?;
        // If that is not the record any more, another host has finished the deletion.
        self.inner.records.remove(RecordKind::Store, name.as_str(), revision).await?;
        Ok(())
    }

    /// The revision of a record that says that the store is being deleted.
    async fn deletion_under_way(&self, name: &StoreName) -> Result<Option<Revision>, StoresError> {
        Ok(match self.read(name).await? {
            Some((record, revision)) => step(Some(&record.state), Event::Deleted).is_ok().then_some(revision),
            None => None,
        })
    }

    fn plugin(&self, id: &str) -> Result<Registered<SecretStores>, StoresError> {
        Ok(self.inner.registry.get::<SecretStores>(id)?)
    }

    pub(super) fn guarded(
        &self,
        name: &StoreName,
        record: &StoreRecord,
        keys: &KeyRing,
    ) -> Result<GuardedStore, StoresError> {
        let registered = self.plugin(&record.plugin)?;
        let opening = Opening::new(name.clone(), registered.metadata().clone(), ring(&record.state, keys)?)
            .with_configuration(record.configuration.clone())
            .with_resources(self.inner.resources.clone())
            .with_clock(Arc::clone(&self.inner.clock));
        Ok(GuardedStore::open(registered.plugin(), opening, self.inner.limits)?)
    }

    pub(super) async fn read(
        &self,
        name: &StoreName,
    ) -> Result<Option<(StoreRecord, Revision)>, RecordError> {
        match self.inner.records.read(RecordKind::Store, name.as_str()).await? {
            None => Ok(None),
            Some(opened) => Ok(Some((StoreRecord::from_bytes(&opened.payload)?, opened.revision))),
        }
    }

    /// Persists what `event` does to the store.
    async fn advance(&self, name: &StoreName, event: Event) -> Result<(), StoresError> {
        for _ in 0..MAX_ATTEMPTS {
            let (record, revision) = self.read(name).await?.ok_or(Refusal::NoStore)?;
            let planned = step(Some(&record.state), event.clone())?;
            if planned.state.as_ref() == Some(&record.state) {
                return Ok(());
            }
            let records = &self.inner.records;
            let persisted = match planned.state {
                Some(state) => {
                    let payload = StoreRecord { state, ..record }.to_bytes()?;
                    let expectation = Expectation::Revision(revision);
                    records.write(RecordKind::Store, name.as_str(), &payload, expectation).await?.is_some()
                }
                None => records.remove(RecordKind::Store, name.as_str(), revision).await?,
            };
            if persisted {
                return Ok(());
            }
        }
        Err(StoresError::Contended { attempts: MAX_ATTEMPTS })
    }

    pub(super) async fn state(&self, name: &StoreName) -> Result<StoreState, StoresError> {
        let (record, _) = self.read(name).await?.ok_or(Refusal::NoStore)?;
        Ok(record.state)
    }
}

/// A store that is to be, and a handle to it.
struct Planned {
    record: StoreRecord,
    guarded: GuardedStore,
}

/// Whether an error leaves open what is there now: a deadline, a disk that failed, a plugin
/// that panicked, another host that was first with the same. The others say that nothing was made.
fn leaves_open(error: &StoreError) -> bool {
    let kind = error.kind();
    kind.is_retryable()
        || matches!(
            kind,
            ErrorKind::Conflict
                | ErrorKind::DeadlineExceeded
                | ErrorKind::Indeterminate
                | ErrorKind::Internal
                | ErrorKind::ContractViolation
        )
}

/// The keys that a store needs. During a rotation only the new ones seal: by the time that this handle
/// writes, another one may have ended the rotation, and the old keys may be gone.
fn ring(state: &StoreState, keys: &KeyRing) -> Result<KeyRing, StoresError> {
    let needed: Vec<_> = state.needed_keys().collect();
    let all = select(keys, &needed)?;
    if state.new_keys.is_empty() {
        return Ok(all);
    }
    Ok(select(&all, &state.new_keys)?.with_retiring(&all))
}

/// The keys `needed`, in this order, out of all that are at hand.
pub(super) fn select(keys: &KeyRing, needed: &[keyway_seal::KeyId]) -> Result<KeyRing, StoresError> {
    keys.select(needed.iter().copied()).ok_or_else(|| {
        let missing = needed.iter().copied().filter(|key| !keys.contains(*key)).collect();
        StoresError::MissingKeys { missing }
    })
}
