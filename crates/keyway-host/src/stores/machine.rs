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
//! No clock, no I/O, no randomness. Each step is persisted before its effect is carried out
//! (write ahead), and each effect can be carried out again, so a crash at any point leaves a
//! phase from which [`StoreState::resumption`] goes on.

use keyway_seal::KeyId;
use serde::{Deserialize, Serialize};

/// Where a store is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is to be initialized; perhaps it is already.
    Creating,
    /// It is said to exist already, and is looked for.
    Adopting,
    /// It is in use.
    Active,
    /// It is in use, and moves to other keys.
    Rotating,
    /// It is to be deleted; perhaps it is already.
    Deleting,
}

/// What the host knows of a store that exists or is to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreState {
    /// Where it is in its life.
    pub phase: Phase,
    /// The keys that open what was sealed before the rotation that is under way, or all of
    /// it if there is none. Never empty.
    pub keys: Vec<KeyId>,
    /// The keys to which a rotation moves it; empty unless the phase is `Rotating` or a
    /// rotation was cut short by a deletion.
    pub new_keys: Vec<KeyId>,
}

/// What happens to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it made, sealed by these keys.
    Create {
        /// The keys that will open it.
        keys: Vec<KeyId>,
    },
    /// Somebody says that it exists already, sealed by these keys, and wants it listed.
    Adopt {
        /// The keys that open it.
        keys: Vec<KeyId>,
    },
    /// The plugin made it, had made it already, or found it.
    Initialized,
    /// The plugin refused to make it, and nothing was made; or it found none.
    NotInitialized,
    /// Somebody wants it moved to these keys.
    Rotate {
        /// The keys that will open it.
        new_keys: Vec<KeyId>,
    },
    /// The plugin moved all of it to these keys.
    Rotated {
        /// The keys that open it.
        new_keys: Vec<KeyId>,
    },
    /// Somebody wants it deleted.
    Delete,
    /// The plugin deleted all of it.
    Deleted,
}

/// What the driver does after it has persisted the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing more.
    None,
    /// Ask the plugin to make the store.
    Initialize,
    /// Ask the plugin whether there is the store.
    Find,
    /// Ask the plugin to move it to the new keys.
    Rotate,
    /// Ask the plugin to delete it.
    Delete,
}

/// A step: what to persist, then what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state to persist; `None` takes the record away.
    pub state: Option<StoreState>,
    /// What to do when that is done.
    pub effect: Effect,
}

/// Why an event does not fit the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such store.
    #[error("there is no such store: create it first, or check its name")]
    NoStore,
    /// There is such a store.
    #[error("there is a store of this name already")]
    Exists,
    /// It is not initialized yet.
    #[error("the store is still being created: open it to go on with that")]
    StillCreating,
    /// It is being deleted.
    #[error("the store is being deleted")]
    BeingDeleted,
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

/// What `event` does to a store in `state`.
///
/// # Errors
/// [`Refusal`] when the event does not fit; nothing is to be done then.
pub fn step(state: Option<&StoreState>, event: Event) -> Result<Step, Refusal> {
    match (state, event) {
        (None, Event::Create { keys } | Event::Adopt { keys }) if keys.is_empty() => Err(Refusal::NoKeys),
        (None, Event::Create { keys }) => {
            let state = StoreState { phase: Phase::Creating, keys, new_keys: Vec::new() };
            Ok(Step { state: Some(state), effect: Effect::Initialize })
        }
        (None, Event::Adopt { keys }) => {
            let state = StoreState { phase: Phase::Adopting, keys, new_keys: Vec::new() };
            Ok(Step { state: Some(state), effect: Effect::Find })
        }
        (None, _) => Err(Refusal::NoStore),
        (Some(state), event) => step_existing(state, event),
    }
}

fn step_existing(state: &StoreState, event: Event) -> Result<Step, Refusal> {
    use Phase::{Active, Adopting, Creating, Deleting, Rotating};

    let to = |phase| StoreState { phase, ..state.clone() };
    match (state.phase, event) {
        (Deleting, Event::Deleted) | (Creating | Adopting, Event::NotInitialized) => {
            Ok(Step { state: None, effect: Effect::None })
        }
        (Deleting | Active | Rotating | Creating | Adopting, Event::Delete) => {
            Ok(Step { state: Some(to(Deleting)), effect: Effect::Delete })
        }
        (Deleting, _) => Err(Refusal::BeingDeleted),
        (_, Event::Create { .. } | Event::Adopt { .. }) => Err(Refusal::Exists),
        (Creating | Adopting, Event::Initialized) => {
            Ok(Step { state: Some(to(Active)), effect: Effect::None })
        }
        (Creating | Adopting, Event::Rotate { .. }) => Err(Refusal::StillCreating),
        (Active | Rotating, Event::Rotate { new_keys }) if new_keys.is_empty() => Err(Refusal::NoKeys),
        (Rotating, Event::Rotate { new_keys }) if new_keys != state.new_keys => Err(Refusal::OtherRotation),
        (Active | Rotating, Event::Rotate { new_keys }) => {
            let state = StoreState { phase: Rotating, keys: state.keys.clone(), new_keys };
            Ok(Step { state: Some(state), effect: Effect::Rotate })
        }
        (Rotating, Event::Rotated { new_keys }) if new_keys == state.new_keys => {
            let state = StoreState { phase: Active, keys: new_keys, new_keys: Vec::new() };
            Ok(Step { state: Some(state), effect: Effect::None })
        }
        // Another handle was told to do the same, and was faster.
        (Active, Event::Rotated { new_keys }) if new_keys == state.keys => {
            Ok(Step { state: Some(state.clone()), effect: Effect::None })
        }
        (Active | Rotating, Event::Initialized) => {
            Ok(Step { state: Some(state.clone()), effect: Effect::None })
        }
        (Creating | Adopting | Active | Rotating, Event::Rotated { .. } | Event::Deleted)
        | (Active | Rotating, Event::NotInitialized) => Err(Refusal::NotUnderWay),
    }
}

impl StoreState {
    /// What to do first with a store that is found in this state: after a crash, what was
    /// cut short.
    pub fn resumption(&self) -> Effect {
        match self.phase {
            Phase::Creating => Effect::Initialize,
            Phase::Adopting => Effect::Find,
            Phase::Active => Effect::None,
            Phase::Rotating => Effect::Rotate,
            Phase::Deleting => Effect::Delete,
        }
    }

    /// The keys that are needed to read everything in it.
    pub fn needed_keys(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.new_keys.iter().chain(&self.keys).copied()
    }

    /// The keys of `needed_keys` that `at_hand` lacks.
    pub fn missing_keys(&self, at_hand: &[KeyId]) -> Vec<KeyId> {
        self.needed_keys().filter(|key| !at_hand.contains(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(number: u8) -> KeyId {
        KeyId::from_bytes([number; 8])
    }

    fn any_keys() -> impl Strategy<Value = Vec<KeyId>> {
        prop::collection::vec((0..4_u8).prop_map(key), 0..3)
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            any_keys().prop_map(|keys| Event::Create { keys }),
            any_keys().prop_map(|keys| Event::Adopt { keys }),
            Just(Event::Initialized),
            Just(Event::NotInitialized),
            any_keys().prop_map(|new_keys| Event::Rotate { new_keys }),
            any_keys().prop_map(|new_keys| Event::Rotated { new_keys }),
            Just(Event::Delete),
            Just(Event::Deleted),
        ]
    }

    /// The answer of a plugin that did what the state asks for.
    fn answer(state: &StoreState) -> Option<Event> {
        match state.resumption() {
            Effect::None => None,
            Effect::Initialize | Effect::Find => Some(Event::Initialized),
            Effect::Rotate => Some(Event::Rotated { new_keys: state.new_keys.clone() }),
            Effect::Delete => Some(Event::Deleted),
        }
    }

    proptest! {
        /// Whatever happened before the crash, resuming ends in a store that is in use with
        /// one set of keys, or in none, and takes two steps at most.
        #[test]
        fn every_state_can_be_resumed(events in prop::collection::vec(any_event(), 0..12)) {
            let mut state = None;
            for event in events {
                if let Ok(step) = step(state.as_ref(), event) {
                    state = step.state;
                }
                if let Some(state) = &state {
                    prop_assert!(!state.keys.is_empty());
                    prop_assert!(state.phase != Phase::Active || state.new_keys.is_empty());
                    prop_assert!(state.phase != Phase::Rotating || !state.new_keys.is_empty());
                }
                let mut resumed = state.clone();
                for _ in 0..2 {
                    let Some(at) = &resumed else { break };
                    let Some(answer) = answer(at) else { break };
                    resumed = step(Some(at), answer).unwrap().state;
                }
                prop_assert!(resumed.is_none_or(|state| state.phase == Phase::Active));
            }
        }

        /// Keys that something may still be sealed by are needed until the plugin said
        /// that nothing is.
        #[test]
        fn no_key_is_given_up_early(events in prop::collection::vec(any_event(), 0..12)) {
            let mut state: Option<StoreState> = None;
            let mut in_use: Vec<KeyId> = Vec::new();
            for event in events {
                let Ok(step) = step(state.as_ref(), event.clone()) else { continue };
                match &event {
                    Event::Create { keys } | Event::Adopt { keys } => in_use = keys.clone(),
                    Event::Rotate { new_keys } => in_use.extend(new_keys),
                    Event::Rotated { new_keys } => in_use = new_keys.clone(),
                    _ => {}
                }
                state = step.state;
                if let Some(state) = &state {
                    for key in &in_use {
                        prop_assert!(state.needed_keys().any(|needed| needed == *key));
                    }
                }
            }
        }

        /// Being asked twice is the same as being asked once: a caller that does not know
        /// whether it was heard may ask again.
        #[test]
        fn rotate_and_delete_can_be_asked_again(keys in any_keys(), new_keys in any_keys()) {
            prop_assume!(!keys.is_empty() && !new_keys.is_empty());
            let active = StoreState { phase: Phase::Active, keys, new_keys: vec![] };
            for event in [Event::Rotate { new_keys }, Event::Delete] {
                let once = step(Some(&active), event.clone()).unwrap();
                let twice = step(once.state.as_ref(), event).unwrap();
                prop_assert_eq!(once, twice);
            }
        }
    }

    #[test]
    fn a_second_rotation_waits_for_the_first() {
        let rotating = StoreState { phase: Phase::Rotating, keys: vec![key(1)], new_keys: vec![key(2)] };
        let other = Event::Rotate { new_keys: vec![key(3)] };
        assert_eq!(step(Some(&rotating), other), Err(Refusal::OtherRotation));
        assert_eq!(rotating.missing_keys(&[key(2)]), [key(1)]);
    }

    #[test]
    fn the_slower_of_two_that_did_the_same_is_not_told_off() {
        let active = StoreState { phase: Phase::Active, keys: vec![key(2)], new_keys: vec![] };
        let rotated = |number| Event::Rotated { new_keys: vec![key(number)] };
        assert_eq!(step(Some(&active), rotated(2)).unwrap().state, Some(active.clone()));
        assert_eq!(step(Some(&active), rotated(3)), Err(Refusal::NotUnderWay));
        assert_eq!(step(Some(&active), Event::Initialized).unwrap().state, Some(active.clone()));
        let rotating = StoreState { phase: Phase::Rotating, keys: vec![key(1)], new_keys: vec![key(2)] };
        assert_eq!(step(Some(&rotating), rotated(3)), Err(Refusal::NotUnderWay));
    }

    #[test]
    fn what_is_being_deleted_stays_so() {
        let deleting = StoreState { phase: Phase::Deleting, keys: vec![key(1)], new_keys: vec![] };
        for event in [
            Event::Create { keys: vec![key(1)] },
            Event::Initialized,
            Event::Rotate { new_keys: vec![key(2)] },
            Event::Rotated { new_keys: vec![key(2)] },
        ] {
            assert_eq!(step(Some(&deleting), event), Err(Refusal::BeingDeleted));
        }
    }
}
