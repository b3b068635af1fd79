//! Tests properties over any sequence of events.

use proptest::prelude::*;

use super::*;
use crate::work::laws::follow;

fn key(number: u8) -> KeyId {
    KeyId::from_bytes([number; 8])
}

fn now() -> Timestamp {
    Timestamp::from_milliseconds(1_000)
}

fn any_keys() -> impl Strategy<Value = Vec<KeyId>> {
    prop::collection::vec((0..4_u8).prop_map(key), 0..3)
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        any_keys().prop_map(|keys| Event::Create { now: now(), keys }),
        any_keys().prop_map(|keys| Event::Adopt { now: now(), keys }),
        any::<bool>().prop_map(|is_worker| Event::Resume { is_worker }),
        Just(Event::Initialized),
        Just(Event::NotInitialized),
        any_keys().prop_map(|new_keys| Event::Rotate { now: now(), new_keys }),
        any_keys().prop_map(|new_keys| Event::Rotated { new_keys }),
        Just(Event::Delete { now: now() }),
        Just(Event::Deleted),
        Just(Event::Forget),
        Just(Event::Failed { again: Again { now: now(), retry_after: None, jitter: 0 } }),
    ]
}

fn any_standing() -> impl Strategy<Value = Standing> {
    prop::sample::select(vec![Standing::Free, Standing::Ours, Standing::Others])
}

fn step_to(state: Option<&StoreState>, standing: Standing, event: Event) -> Result<Step, TransitionError> {
    step(&Limits::default(), state, standing, event)
}

fn refusal(state: &StoreState, event: Event) -> Option<TransitionError> {
    step_to(Some(state), Standing::Ours, event).err()
}

/// Returns the answer of a plugin that carried the command out.
fn answer(command: Command, state: &StoreState) -> Event {
    match command {
        Command::Initialize { .. } | Command::Find => Event::Initialized,
        Command::Rotate => Event::Rotated { new_keys: state.new_keys.clone() },
        Command::Delete => Event::Deleted,
    }
}

proptest! {
    /// Checks that no event leads to commands without end, and that no command is given without a stored record.
    #[test]
    fn every_event_ends_and_is_stored_before_its_command(
        before in prop::collection::vec(any_event(), 0..4),
        standing in any_standing(),
        event in any_event(),
        fails: bool,
    ) {
        let limits = Limits::default();
        let mut state = None;
        for event in before {
            if let Ok(step) = step_to(state.as_ref(), Standing::Ours, event) {
                state = step.state;
            }
        }
        let answer = |command: &Command, state: Option<&StoreState>| match state {
            Some(state) if !fails => answer(*command, state),
            _ => Event::Failed { again: Again { now: now(), retry_after: None, jitter: 0 } },
        };
        follow::<StoreWorkflow>(&limits, state, standing, event, |_| false, answer);
    }

    /// Checks that resuming any reachable state takes one command, and that the store is then in use with one set of
    /// keys, or does not exist.
    #[test]
    fn every_state_can_be_resumed(events in prop::collection::vec((any_event(), any_standing()), 0..12)) {
        let mut state = None;
        for (event, standing) in events {
            if let Ok(step) = step_to(state.as_ref(), standing, event) {
                state = step.state;
            }
            let Some(state) = &state else { continue };
            prop_assert!(!state.keys.is_empty());
            prop_assert!(state.phase != Phase::Active || state.new_keys.is_empty());
            prop_assert!(state.phase != Phase::Rotating || !state.new_keys.is_empty());
            let resume = Event::Resume { is_worker: true };
            let Some(command) = step_to(Some(state), Standing::Free, resume).unwrap().command else {
                prop_assert_eq!(state.phase, Phase::Active);
                continue;
            };
            let resumed = step_to(Some(state), Standing::Ours, answer(command, state)).unwrap();
            prop_assert!(resumed.command.is_none());
            prop_assert!(resumed.state.is_none_or(|state| state.phase == Phase::Active));
        }
    }

    /// Checks that keys stay needed until the plugin has said that they seal no data any more.
    #[test]
    fn no_key_is_given_up_early(events in prop::collection::vec(any_event(), 0..12)) {
        let mut state: Option<StoreState> = None;
        let mut in_use: Vec<KeyId> = Vec::new();
        for event in events {
            let Ok(step) = step_to(state.as_ref(), Standing::Ours, event.clone()) else { continue };
            match &event {
                Event::Create { keys, .. } | Event::Adopt { keys, .. } => in_use = keys.clone(),
                Event::Rotate { new_keys, .. } => in_use.extend(new_keys),
                Event::Rotated { new_keys } if step.state.is_some() => in_use = new_keys.clone(),
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

    /// Checks that a repeated request has the same result as a single request, since a caller that got no answer may
    /// repeat it.
    #[test]
    fn rotate_and_delete_can_be_asked_again(keys in any_keys(), new_keys in any_keys()) {
        prop_assume!(!keys.is_empty() && !new_keys.is_empty());
        let active = StoreState::new(Phase::Active, keys, now());
        for event in [Event::Rotate { now: now(), new_keys }, Event::Delete { now: now() }] {
            let once = step_to(Some(&active), Standing::Free, event.clone()).unwrap();
            let twice = step_to(once.state.as_ref(), Standing::Others, event).unwrap();
            prop_assert_eq!((once.state, once.command), (twice.state, twice.command));
        }
    }
}

fn rotating() -> StoreState {
    StoreState { new_keys: vec![key(2)], ..StoreState::new(Phase::Rotating, vec![key(1)], now()) }
}

#[test]
fn a_second_rotation_waits_for_the_first() {
    let other = Event::Rotate { now: now(), new_keys: vec![key(3)] };
    assert_eq!(refusal(&rotating(), other), Some(TransitionError::OtherRotation));
}

#[test]
fn the_slower_of_two_that_did_the_same_is_not_refused() {
    let active = StoreState::new(Phase::Active, vec![key(2)], now());
    let rotated = |number| Event::Rotated { new_keys: vec![key(number)] };
    for event in [rotated(2), Event::Initialized] {
        assert_eq!(step_to(Some(&active), Standing::Others, event).unwrap().state, Some(active.clone()));
    }
    assert_eq!(refusal(&active, rotated(3)), Some(TransitionError::NotUnderWay));
    assert_eq!(refusal(&rotating(), rotated(3)), Some(TransitionError::NotUnderWay));
}

#[test]
fn a_store_that_is_being_deleted_stays_so() {
    let deleting = StoreState::new(Phase::Deleting, vec![key(1)], now());
    for event in [
        Event::Create { now: now(), keys: vec![key(1)] },
        Event::Initialized,
        Event::Rotate { now: now(), new_keys: vec![key(2)] },
        Event::Rotated { new_keys: vec![key(2)] },
    ] {
        assert_eq!(refusal(&deleting, event), Some(TransitionError::BeingDeleted));
    }
}

#[test]
fn only_a_store_on_which_no_call_works_can_be_forgotten() {
    let phases = [Phase::Creating, Phase::Adopting, Phase::Active, Phase::Rotating, Phase::Deleting];
    for state in phases.map(|phase| StoreState::new(phase, vec![key(1)], now())) {
        let forgotten = step_to(Some(&state), Standing::Free, Event::Forget).unwrap();
        assert_eq!((forgotten.state, forgotten.command), (None, None));
        let refused = step_to(Some(&state), Standing::Others, Event::Forget).err();
        assert_eq!(refused, Some(TransitionError::InFlight));
    }
    assert_eq!(step_to(None, Standing::Free, Event::Forget).err(), Some(TransitionError::NoStore));
}

#[test]
fn only_a_name_that_no_call_works_on_can_be_used_again() {
    let (now, keys) = (now(), vec![key(1)]);
    for event in [Event::Create { now, keys: keys.clone() }, Event::Adopt { now, keys }] {
        let refused = step_to(None, Standing::Others, event.clone()).err();
        assert_eq!(refused, Some(TransitionError::InFlight));
        assert!(step_to(None, Standing::Free, event).unwrap().command.is_some());
    }
}

#[test]
fn a_failure_is_tried_again_later_and_later() {
    let failed = || Event::Failed { again: Again { now: now(), retry_after: None, jitter: 0 } };
    let once = step_to(Some(&rotating()), Standing::Ours, failed()).unwrap().state.unwrap();
    let twice = step_to(Some(&once), Standing::Ours, failed()).unwrap().state.unwrap();
    assert!(once.next > now() && twice.next > once.next);
    assert_eq!(step_to(Some(&once), Standing::Others, failed()).unwrap().state, Some(once));
}
