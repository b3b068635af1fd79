//! The life of a store as the host sees it: a pure state machine.
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
//! Every effect of a plugin can be asked for again (the contract demands that), so a caller's event
//! counts whether or not another host works on the store; an event that says that a plugin failed or
//! deleted counts only from the caller whose claim is on the record.

use keyway_core::Timestamp;
use keyway_seal::KeyId;

use super::workflow::StoreWorkflow;
use crate::work::{Again, Retries, Standing};

type Step = crate::work::Step<StoreWorkflow>;

/// Where a store is in its life. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is to be initialized; perhaps it is already.
    Creating = 1,
    /// It is said to exist already, and is looked for.
    Adopting = 2,
    /// It is in use.
    Active = 3,
    /// It is in use, and moves to other keys.
    Rotating = 4,
    /// It is to be deleted; perhaps it is already.
    Deleting = 5,
}

/// Describes a store that exists or is to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreState {
    /// Where it is in its life.
    pub phase: Phase,
    /// The keys that open what was sealed before the rotation that is under way, or all of
    /// it if there is none. Never empty.
    pub keys: Vec<KeyId>,
    /// The keys to which a rotation moves it; empty unless the phase is `Rotating` or a
    /// rotation was cut short by a deletion.
    pub new_keys: Vec<KeyId>,
    /// How often the plugin failed in this phase.
    pub failures: u32,
    /// When the host goes on with what is under way.
    pub next: Timestamp,
}

/// Tells the machine about something that happened to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A caller wants it made, sealed by these keys.
    Create { now: Timestamp, keys: Vec<KeyId> },
    /// A caller says that it exists already, sealed by these keys, and wants it listed.
    Adopt { now: Timestamp, keys: Vec<KeyId> },
    /// A caller or a worker goes on with what is under way.
    Resume { is_worker: bool },
    /// The plugin made it, had made it already, or found it.
    Initialized,
    /// The plugin refused to make it, and nothing was made; or it found none.
    NotInitialized,
    /// A caller wants it moved to these keys.
    Rotate { now: Timestamp, new_keys: Vec<KeyId> },
    /// The plugin moved all of it to these keys.
    Rotated { new_keys: Vec<KeyId> },
    /// A caller wants it deleted.
    Delete { now: Timestamp },
    /// The plugin deleted all of it.
    Deleted,
    /// The plugin failed, and may have done some of it.
    Failed { again: Again },
}

/// Asks the plugin for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Make the store. `resumed` if it may be made already.
    Initialize { resumed: bool },
    /// Tell whether there is the store.
    Find,
    /// Move it to the new keys.
    Rotate,
    /// Delete it.
    Delete,
}

/// Why an event does not fit the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// There is no such store.
    #[error("there is no store of this name: create it first, or check the name")]
    NoStore,
    /// There is such a store.
    #[error("there is a store of this name already: open it, or choose another name")]
    Exists,
    /// It is not initialized yet.
    #[error("the store is still being created: open it to go on with that")]
    StillCreating,
    /// It is being deleted.
    #[error("the store is being deleted")]
    BeingDeleted,
    /// Another host or another call works on it.
    #[error("another host or another call works on the store")]
    InFlight,
    /// A rotation to other keys is under way.
    #[error("a rotation to other keys is under way: finish it first")]
    OtherRotation,
    /// Nothing of the kind is under way.
    #[error("nothing of the kind is under way")]
    NotUnderWay,
    /// A store needs at least one key.
    #[error("a store needs at least one key")]
    NoKeys,
}

/// Computes the step that `event` causes in `state`.
///
/// # Errors
/// [`TransitionError`] when the event does not fit; it leaves everything as it was.
pub(crate) fn step(
    retries: &Retries,
    state: Option<&StoreState>,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    match (state, event) {
        (None, Event::Create { keys, .. } | Event::Adopt { keys, .. }) if keys.is_empty() => {
            Err(TransitionError::NoKeys)
        }
        (None, Event::Create { now, keys }) => {
            let state = StoreState::new(Phase::Creating, keys, now);
            Ok(Step::to(state).then(Command::Initialize { resumed: false }))
        }
        (None, Event::Adopt { now, keys }) => {
            Ok(Step::to(StoreState::new(Phase::Adopting, keys, now)).then(Command::Find))
        }
        (None, Event::Rotate { .. } | Event::Delete { .. } | Event::Resume { .. }) => {
            Err(TransitionError::NoStore)
        }
        // Another host has finished a deletion.
        (None, _) => Ok(Step::gone()),
        (Some(state), event) => step_existing(retries, state, standing, event),
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
        // Another host is at it, and will say so; or it has finished, and there is a new store.
        (_, Event::Deleted | Event::NotInitialized | Event::Failed { .. }) if standing != Standing::Ours => {
            keep()
        }
        (_, Event::Failed { again }) => {
            let failures = state.failures.saturating_add(1);
            let next = again.now.plus(retries.wait(failures, again));
            Step::to(StoreState { failures, next, ..state.clone() })
        }
        (_, Event::Resume { is_worker: true }) if standing != Standing::Free => {
            return Err(TransitionError::InFlight);
        }
        (_, Event::Resume { .. }) => match state.resumption() {
            Some(command) => keep().then(command),
            None => keep(),
        },
        (Deleting, Event::Deleted) | (Creating | Adopting, Event::NotInitialized) => Step::gone(),
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
        // Another handle was told to do the same, and was faster.
        (Active, Event::Rotated { new_keys }) if new_keys == state.keys => keep(),
        (Active | Rotating, Event::Initialized) => keep(),
        (Creating | Adopting | Active | Rotating, Event::Rotated { .. } | Event::Deleted)
        | (Active | Rotating, Event::NotInitialized) => return Err(TransitionError::NotUnderWay),
    })
}

impl StoreState {
    /// The state of a store that is to be made, to open it with.
    pub(super) fn planned(keys: Vec<KeyId>) -> Self {
        Self::new(Phase::Creating, keys, Timestamp::default())
    }

    fn new(phase: Phase, keys: Vec<KeyId>, next: Timestamp) -> Self {
        Self { phase, keys, new_keys: Vec::new(), failures: 0, next }
    }

    /// The command that goes on with interrupted work in this state.
    pub(crate) fn resumption(&self) -> Option<Command> {
        match self.phase {
            Phase::Creating => Some(Command::Initialize { resumed: true }),
            Phase::Adopting => Some(Command::Find),
            Phase::Active => None,
            Phase::Rotating => Some(Command::Rotate),
            Phase::Deleting => Some(Command::Delete),
        }
    }

    /// The keys that are needed to read everything in it.
    pub fn needed_keys(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.new_keys.iter().chain(&self.keys).copied()
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
