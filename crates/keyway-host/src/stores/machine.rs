//! Defines the life of a store as a pure state machine.
//!
//! ```text
//!            create            initialized             rotate            rotated
//!  (no store) ─────► Creating ─────────────► Active ──────────► Rotating ───────► Active
//!      │ ▲     adopt            found          ▲ │                  │
//!      └─┼─────────► Adopting ─────────────────┘ │ delete           │ delete
//!        │               deleted                 ▼                  ▼
//!        └─────────────────────────────────── Deleting ◄────────────┘
//! ```
//!
//! Every effect of a plugin can be requested again (the contract demands that), so a caller's event counts even if
//! another host works on the store. Only the caller with the claim on the record can report that the plugin failed, or
//! that it deleted the store.

use keyway_core::Timestamp;
use keyway_seal::KeyId;

use super::workflow::StoreWorkflow;
use crate::work::{Again, Limits, Retries, Standing};

type Step = crate::work::Step<StoreWorkflow>;

/// The phase of a store's life. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The store is being initialized, or is initialized and the plugin's answer is not stored yet.
    Creating = 1,
    /// The store should exist already, and the plugin looks for it.
    Adopting = 2,
    /// The store is in use.
    Active = 3,
    /// The store is in use, and is being moved to other keys.
    Rotating = 4,
    /// The store is being deleted, or is gone and the plugin's answer is not stored yet.
    Deleting = 5,
}

/// The state of a store that exists or is to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreState {
    /// The phase of the store's life.
    pub phase: Phase,
    /// The keys that open data from before the current rotation. Without a rotation they open all data. Never empty.
    pub keys: Vec<KeyId>,
    /// The keys to which a rotation moves the store; empty unless the phase is `Rotating`, or a deletion interrupted a
    /// rotation.
    pub new_keys: Vec<KeyId>,
    /// How many times the plugin failed in this phase.
    pub failures: u32,
    /// When the host resumes the work in progress.
    pub next: Timestamp,
}

/// Something that happened to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A caller wants to make the store, sealed by these keys.
    Create { now: Timestamp, keys: Vec<KeyId> },
    /// A caller wants to add an existing store, which is sealed by these keys, to the host's list.
    Adopt { now: Timestamp, keys: Vec<KeyId> },
    /// A caller or a worker resumes the work in progress.
    Resume { is_worker: bool },
    /// The plugin made the store, had already made it, or found it.
    Initialized,
    /// The plugin refused to make the store and made nothing, or did not find the store that it should adopt.
    NotInitialized,
    /// A caller wants to move the store to these keys.
    Rotate { now: Timestamp, new_keys: Vec<KeyId> },
    /// The plugin moved all data to these keys.
    Rotated { new_keys: Vec<KeyId> },
    /// A caller wants to delete the store.
    Delete { now: Timestamp },
    /// The plugin deleted all data.
    Deleted,
    /// A caller wants the store off the host's list, without a call of the plugin.
    Forget,
    /// The plugin failed, and may have done a part of the work.
    Failed { again: Again },
}

/// A call of the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Make the store. `resumed` is set if it may have been made before.
    Initialize { resumed: bool },
    /// Find out whether the store exists.
    Find,
    /// Move the store to the new keys.
    Rotate,
    /// Delete the store.
    Delete,
}

/// The reason why an event does not fit the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// There is no such store.
    #[error("there is no store of this name: create it first, or check the name")]
    NoStore,
    /// The store exists already.
    #[error("there is a store of this name already: open it, or choose another name")]
    Exists,
    /// The store is not initialized yet.
    #[error("the store is still being created: open it to go on with that")]
    StillCreating,
    /// The store is being deleted.
    #[error("the store is being deleted")]
    BeingDeleted,
    /// Another host or another call works on the store.
    #[error("another host or another call works on the store")]
    InFlight,
    /// A rotation to other keys is under way.
    #[error("a rotation to other keys is under way: finish it first")]
    OtherRotation,
    /// No work of this kind is in progress.
    #[error("no such work is in progress at this store")]
    NotUnderWay,
    /// A store needs at least one key.
    #[error("a store needs at least one key")]
    NoKeys,
}

/// Computes the step that `event` causes in `state`.
///
/// # Errors
/// [`TransitionError`] if the event does not fit; the state is unchanged.
pub(crate) fn step(
    limits: &Limits,
    state: Option<&StoreState>,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    match (state, event) {
        (None, Event::Create { keys, .. } | Event::Adopt { keys, .. }) if keys.is_empty() => {
            Err(TransitionError::NoKeys)
        }
        // The call of the plugin under way may delete data of this name.
        (None, Event::Create { .. } | Event::Adopt { .. }) if standing == Standing::Others => {
            Err(TransitionError::InFlight)
        }
        (None, Event::Create { now, keys }) => {
            let state = StoreState::new(Phase::Creating, keys, now);
            Ok(Step::to(state).then(Command::Initialize { resumed: false }))
        }
        (None, Event::Adopt { now, keys }) => {
            Ok(Step::to(StoreState::new(Phase::Adopting, keys, now)).then(Command::Find))
        }
        (None, Event::Rotate { .. } | Event::Delete { .. } | Event::Resume { .. } | Event::Forget) => {
            Err(TransitionError::NoStore)
        }
        // Another host has finished the deletion.
        (None, _) => Ok(Step::gone()),
        (Some(state), event) => step_existing(&limits.retries, state, standing, event),
    }
}

fn step_existing(
    retries: &Retries,
    state: &StoreState,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    use Phase::{Active, Adopting, Creating, Deleting, Rotating};

    let keep = || Step::to(state.clone());
    let to = |phase, next| Step::to(StoreState { phase, failures: 0, next, ..state.clone() });
    Ok(match (state.phase, event) {
        // If another host works on the store, that host will report. If another host has finished the work, this record
        // is of a new store with the same name.
        (_, Event::Deleted | Event::NotInitialized | Event::Failed { .. }) if standing != Standing::Ours => {
            keep()
        }
        (_, Event::Failed { again }) => {
            let failures = state.failures.saturating_add(1);
            let next = again.now.plus(retries.wait(failures, again));
            Step::to(StoreState { failures, next, ..state.clone() })
        }
        // The call of the plugin under way may still make or move the data.
        (_, Event::Resume { is_worker: true } | Event::Forget) if standing != Standing::Free => {
            return Err(TransitionError::InFlight);
        }
        (_, Event::Resume { .. }) => match state.resumption() {
            Some(command) => keep().then(command),
            None => keep(),
        },
        (_, Event::Forget) | (Deleting, Event::Deleted) | (Creating | Adopting, Event::NotInitialized) => {
            Step::gone()
        }
        (_, Event::Delete { now }) => to(Deleting, now).then(Command::Delete),
        (Deleting, _) => return Err(TransitionError::BeingDeleted),
        (_, Event::Create { .. } | Event::Adopt { .. }) => return Err(TransitionError::Exists),
        (Creating | Adopting, Event::Initialized) => to(Active, state.next),
        (Creating | Adopting, Event::Rotate { .. }) => return Err(TransitionError::StillCreating),
        (Active | Rotating, Event::Rotate { new_keys, .. }) if new_keys.is_empty() => {
            return Err(TransitionError::NoKeys);
        }
        (Rotating, Event::Rotate { new_keys, .. }) if new_keys != state.new_keys => {
            return Err(TransitionError::OtherRotation);
        }
        (Active | Rotating, Event::Rotate { now, new_keys }) => {
            let rotating = StoreState { new_keys, ..StoreState::new(Rotating, state.keys.clone(), now) };
            Step::to(rotating).then(Command::Rotate)
        }
        (Rotating, Event::Rotated { new_keys }) if new_keys == state.new_keys => {
            Step::to(StoreState::new(Active, new_keys, state.next))
        }
        // Another handle made the same request, and has finished it.
        (Active, Event::Rotated { new_keys }) if new_keys == state.keys => keep(),
        (Active | Rotating, Event::Initialized) => keep(),
        (Creating | Adopting | Active | Rotating, Event::Rotated { .. } | Event::Deleted)
        | (Active | Rotating, Event::NotInitialized) => return Err(TransitionError::NotUnderWay),
    })
}

impl StoreState {
    /// Returns the state with which a store is opened before it has a record: a new store, or one to be adopted.
    pub(super) fn planned(keys: Vec<KeyId>) -> Self {
        Self::new(Phase::Creating, keys, Timestamp::default())
    }

    fn new(phase: Phase, keys: Vec<KeyId>, next: Timestamp) -> Self {
        Self { phase, keys, new_keys: Vec::new(), failures: 0, next }
    }

    /// Returns the command that resumes interrupted work in this state.
    pub(crate) fn resumption(&self) -> Option<Command> {
        match self.phase {
            Phase::Creating => Some(Command::Initialize { resumed: true }),
            Phase::Adopting => Some(Command::Find),
            Phase::Active => None,
            Phase::Rotating => Some(Command::Rotate),
            Phase::Deleting => Some(Command::Delete),
        }
    }

    /// Returns the keys that are needed to read all data.
    pub fn needed_keys(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.new_keys.iter().chain(&self.keys).copied()
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
