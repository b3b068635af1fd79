//! Carries out the commands of the state machine by calling plugins.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use keyway_core::{Clock, Effect, ErrorKind, PluginError, Registered, Registry, Resources, Timestamp};
use keyway_seal::{KeyId, KeyRing, KeySource};
use keyway_secrets::{OpenContext, Progress, SecretStore, SecretStores, StoreError, StoreName};
use tokio::sync::watch;

use super::error::StoresError;
use super::guard::GuardedStore;
use super::machine::{self, Command, Event, Phase, StoreState, TransitionError};
use super::record::StoreOrigin;
use crate::plugin::Calls;
use crate::records::{Due, Entry, RecordError, RecordKind, Recorded};
use crate::work::{Carried, Claimed, Failed, FailedBecause, Lane, Limits, Machine, Workflow, Working};

/// The plugins for secret stores, with their resources and limits.
#[derive(Debug)]
pub(crate) struct StoreWorkflow {
    pub(super) registry: Registry,
    pub(super) resources: Resources,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    pub(super) keys: Arc<dyn KeySource>,
    pub(super) calls: Mutex<BTreeMap<(&'static str, StoreName), Weak<Calls>>>,
}

/// The caller's part of a call, which is never stored.
pub(crate) struct Live {
    pub(super) guarded: Arc<GuardedStore>,
    /// The new keys of a rotation.
    pub(super) new: Option<KeyRing>,
    /// Receives the progress of a rotation.
    pub(super) progress: Option<watch::Sender<Progress>>,
}

impl Live {
    pub(super) fn new(guarded: &Arc<GuardedStore>) -> Self {
        Self { guarded: Arc::clone(guarded), new: None, progress: None }
    }
}

impl Recorded for StoreWorkflow {
    const KIND: RecordKind = RecordKind::Store;
    type Fixed = StoreOrigin;
    type State = StoreState;

    fn due(_: &StoreOrigin, state: &StoreState) -> Due {
        if state.phase == Phase::Active { Due::Never } else { Due::At(state.next) }
    }

    fn lane(origin: &StoreOrigin) -> &str {
        &origin.plugin
    }
}

type Done = Carried<StoreWorkflow>;

impl Workflow for StoreWorkflow {
    type Event = Event;
    type Command = Command;
    type TransitionError = TransitionError;
    type Live = Live;
    type Answer = ();
    type Failure = StoresError;

    const ENGINE: &'static str = "stores";
    const STEP: Machine<Self> = machine::step;

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn wake(&self, _: &StoreOrigin, _: Timestamp) -> Event {
        Event::Resume { is_worker: true }
    }

    fn record_id(entry: &Entry<Self>) -> String {
        entry.fixed.name.to_string()
    }

    fn is_elsewhere(failure: &StoresError) -> bool {
        matches!(
            failure,
            StoresError::Refused { reason: TransitionError::InFlight | TransitionError::NoStore, .. }
        )
    }

    fn lanes(&self) -> Vec<Lane> {
        let plugins = self.registry.iter_of::<SecretStores>();
        plugins.map(|plugin| Lane { name: plugin.id().to_owned(), is_ready: true }).collect()
    }

    /// Tells whether a command has no deadline. The time of a rotation or a deletion grows with the store.
    fn is_long(command: &Command) -> bool {
        matches!(command, Command::Rotate | Command::Delete)
    }

    async fn carry_out(&self, on: &Claimed<'_, Self>, command: Command, live: Option<&Live>) -> Done {
        self.carried(on, command, live).await.unwrap_or_else(|error| {
            Carried::failed(Event::Failed { again: on.again(error.kind().retry_after()) }, error)
        })
    }
}

impl StoreWorkflow {
    pub(super) fn plugin(&self, id: &str) -> Result<Registered<SecretStores>, StoresError> {
        Ok(self.registry.get::<SecretStores>(id)?)
    }

    /// Opens the store of a record, with its keys from `keys`. This does no I/O.
    pub(super) fn open(
        &self,
        origin: &StoreOrigin,
        state: &StoreState,
        keys: &KeyRing,
    ) -> Result<GuardedStore, StoresError> {
        let registered = self.plugin(&origin.plugin)?;
        let keys = ring(state, keys)?;
        let context = OpenContext::new(origin.name.clone(), registered.metadata().clone(), keys)
            .with_configuration(origin.configuration())
            .with_resources(self.resources.clone())
            .with_clock(Arc::clone(&self.clock));
        let calls = self.calls_of(registered.id(), &origin.name);
        Ok(GuardedStore::open_sharing(registered.plugin(), context, self.limits, calls)?)
    }

    /// Finds the state that all handles to a store share. It exists while there is a handle, or while a call hangs.
    fn calls_of(&self, plugin: &'static str, store: &StoreName) -> Arc<Calls> {
        let mut shared = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|_, calls| calls.strong_count() > 0);
        let known = shared.get(&(plugin, store.clone())).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let calls = Arc::default();
            shared.insert((plugin, store.clone()), Arc::downgrade(&calls));
            calls
        })
    }

    async fn open_from_source(&self, entry: &Entry<Self>) -> Result<GuardedStore, StoresError> {
        let keys = self.keys.keys().await?;
        let state = entry.state.as_ref().ok_or_else(|| TransitionError::NoStore.of(&entry.fixed.name))?;
        let guarded = self.open(&entry.fixed, state, &keys)?;
        if state.phase == Phase::Rotating {
            guarded.check_written_by().await?;
        }
        Ok(guarded)
    }

    async fn carried(
        &self,
        on: &Claimed<'_, Self>,
        command: Command,
        live: Option<&Live>,
    ) -> Result<Done, StoresError> {
        let guarded = match live {
            Some(live) => Arc::clone(&live.guarded),
            None => Arc::new(self.open_from_source(on.entry).await?),
        };
        let held = on.working().await;
        let (made, resumed) = match command {
            Command::Initialize { resumed } => (guarded.initialize_holding(held).await, resumed),
            Command::Find => {
                let found = guarded.check_written_by().await;
                (found.and_then(|found| found.map(|_| ()).ok_or(StoreError::NotInitialized)), false)
            }
            Command::Rotate => return self.rotate(on, &guarded, live, held).await,
            Command::Delete => return Self::delete(on, &guarded, held).await,
        };
        match made {
            Ok(()) => {}
            // The store was made before a crash, or by another host. There was no data before the record was made.
            Err(StoreError::AlreadyInitialized) => {
                guarded.check_written_by().await?;
            }
            // A refusal means that nothing was made. After any other error this is not certain, and the record stays.
            Err(error) if !resumed && !leaves_open(&error) => {
                return Ok(Carried::failed(Event::NotInitialized, error.into()));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Carried::done(Event::Initialized))
    }

    async fn rotate(
        &self,
        on: &Claimed<'_, Self>,
        guarded: &GuardedStore,
        live: Option<&Live>,
        held: Working,
    ) -> Result<Done, StoresError> {
        let new_keys = on.entry.state.as_ref().map_or(&[][..], |state| &state.new_keys);
        let new = match live.and_then(|live| live.new.clone()) {
            Some(new) => new,
            None => select(&self.keys.keys().await?, new_keys)?,
        };
        let sender = live.and_then(|live| live.progress.clone());
        let listener = move |progress| {
            if let Some(sender) = &sender {
                sender.send_replace(progress);
            }
        };
        guarded.rotate_holding(&new, &listener, held).await?;
        Ok(Carried::done(Event::Rotated { new_keys: new.ids().collect() }))
    }

    /// Deletes the store. At any moment, another host may finish the same deletion and make a new store of the same
    /// name. So this function first asks the plugin which store exists, and then checks that the record is unchanged
    /// since it was claimed. The store that existed at that moment is the one to delete, and a plugin that can
    /// distinguish stores deletes no other store (decision H51).
    async fn delete(
        on: &Claimed<'_, Self>,
        guarded: &GuardedStore,
        held: Working,
    ) -> Result<Done, StoresError> {
        match guarded.written_by().await {
            Err(error) if leaves_open(&error) => return Err(error.into()),
            // In every other case, `marked_for_delete` decides.
            _ => {}
        }
        if on.is_claimed().await? {
            guarded.delete_holding(held).await?;
        }
        Ok(Carried::done(Event::Deleted))
    }
}

impl From<Failed<StoreWorkflow>> for StoresError {
    fn from(failed: Failed<StoreWorkflow>) -> Self {
        let Failed { because, record, mut failures, was_asked, .. } = failed;
        let is_open = failures.first().is_some_and(|failure| failure.effect() == Effect::Unknown);
        match because {
            // The record stays, so a failure without an effect is not the whole truth.
            FailedBecause::Storage(error) if was_asked && !is_open => {
                Self::NotStored { store: record, error }
            }
            _ if !failures.is_empty() => failures.swap_remove(0),
            FailedBecause::Refused { error, .. } => Self::Refused { store: record, reason: error },
            FailedBecause::Storage(error) => error.into(),
            // The number of stores has no limit, so this does not happen.
            FailedBecause::LimitReached(_) => RecordError::Contended.into(),
        }
    }
}

/// Tells whether the outcome is uncertain after an error: the call may have had an effect, another host was faster, or
/// the plugin could not be reached. After any other error nothing was made.
fn leaves_open(error: &StoreError) -> bool {
    let kind = error.kind();
    error.effect() == Effect::Unknown || kind.is_retryable() || kind == ErrorKind::Conflict
}

/// Returns the keys for a store. During a rotation only the new keys seal. Otherwise this handle could write with an
/// old key after another handle has ended the rotation, when the old keys may be discarded.
fn ring(state: &StoreState, keys: &KeyRing) -> Result<KeyRing, StoresError> {
    let needed: Vec<_> = state.needed_keys().collect();
    let all = select(keys, &needed)?;
    if state.new_keys.is_empty() {
        return Ok(all);
    }
    Ok(select(&all, &state.new_keys)?.with_retiring(&all))
}

/// Selects the `needed` keys, in this order, from `keys`.
fn select(keys: &KeyRing, needed: &[KeyId]) -> Result<KeyRing, StoresError> {
    keys.select(needed.iter().copied()).ok_or_else(|| {
        let missing = needed.iter().copied().filter(|key| !keys.contains(*key)).collect();
        StoresError::MissingKeys { missing }
    })
}
