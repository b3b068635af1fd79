//! Tests rules that the properties do not cover: concurrent callers, limits, and the order of calls.

use std::time::Duration;

use keyway_credentials::{Account, Asset, CredentialKind, LeaseId};

use super::*;
use crate::sessions::search::Search;

const NOW: Timestamp = Timestamp::from_milliseconds(1_000);

fn candidate() -> Candidate {
    Candidate::new(Account::new("root").unwrap(), Asset::new("web1").unwrap())
}

fn out(number: u8) -> CheckOut {
    let lease = Lease::new(LeaseId::new(format!("l{number}")).unwrap());
    CheckOut::new(CheckOutId { fetch: [number; 16], number: 1 }, candidate(), Some(lease), NOW)
}

fn fetch(number: u8) -> What {
    let fetch = OpenFetch {
        id: [number; 16],
        kind: CredentialKind::Passwords,
        search: Search::one(candidate()),
        reason: None,
        ticket: None,
        only: None,
        last: None,
        settled: 0,
        stage: FetchStage::Pending,
    };
    What::Fetch { fetch, again: true }
}

fn end() -> What {
    What::End { read: Vec::new(), recovers: false }
}

fn ada() -> Holder {
    Holder::new("ada").unwrap()
}

/// Returns a session whose check-out is proven and checked in.
fn returned() -> SessionState {
    let completed =
        What::AuthenticationCompleted { trigger: CheckInTrigger::AfterAuthentication, read: Vec::new() };
    let mut state = after(Some(&holding()), Standing::Free, completed).state.unwrap();
    let told = What::Told { what: Told::Authenticated(1), failed: None };
    let step = after(Some(&state), Standing::Ours, told);
    let Some(Command::CheckIn(check_out)) = step.command else { panic!("the lease is checked in") };
    state = step.state.unwrap();
    after(Some(&state), Standing::Ours, What::CheckIn { check_out, taken_back: Ok(Rotation::NotRotated) })
        .state
        .unwrap()
}

fn again() -> Again {
    Again { now: NOW, retry_after: None, jitter: 0 }
}

fn try_step(state: Option<&SessionState>, standing: Standing, what: What) -> Result<Step, TransitionError> {
    let event = Event { now: NOW, resolves: true, data: None, continues: false, what };
    step(&Limits::default(), state, standing, event)
}

fn after(state: Option<&SessionState>, standing: Standing, what: What) -> Step {
    try_step(state, standing, what).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a session that holds the check-out of its first fetch.
fn holding() -> SessionState {
    let asked = after(None, Standing::Free, fetch(1)).state.unwrap();
    let found = after(Some(&asked), Standing::Ours, What::Found { check_out: out(1), renews: false });
    assert!(found.hands_out && found.command.is_none());
    found.state.unwrap()
}

fn stage_of(state: &SessionState, number: u8) -> &Stage {
    &state.check_outs.iter().find(|it| it.id == out(number).id).expect("the check-out is known").stage
}

#[test]
fn beside_another_caller_an_event_is_marked_and_asks_nothing() {
    let holding = holding();
    let accepted = What::AuthenticationCompleted { trigger: CheckInTrigger::AtSessionEnd, read: Vec::new() };
    let forced = What::Force { id: out(1).id, by: ada() };
    for what in [end(), forced, accepted, What::AuthenticationFailed, What::HostLost] {
        let step = after(Some(&holding), Standing::Others, what.clone());
        assert!(step.command.is_none(), "{what:?}");
        assert_ne!(step.state.as_ref(), Some(&holding), "{what:?}");
        assert!(step.keeps_claim, "{what:?}");
    }
    for what in [fetch(2), What::Wake] {
        assert_eq!(try_step(Some(&holding), Standing::Others, what).err(), Some(TransitionError::InFlight));
    }
}

#[test]
fn a_check_out_that_is_found_after_the_end_is_returned_and_not_handed_out() {
    let asked = after(None, Standing::Free, fetch(1)).state.unwrap();
    let ended = after(Some(&asked), Standing::Others, end()).state.unwrap();
    let found = What::Found { check_out: out(1), renews: false };
    for (state, standing) in
        [(Some(&ended), Standing::Ours), (Some(&asked), Standing::Others), (None, Standing::Free)]
    {
        let step = after(state, standing, found.clone());
        assert!(!step.hands_out, "{standing:?}");
        let fetches = step.state.as_ref().unwrap().fetches.len();
        assert_eq!(fetches, usize::from(standing == Standing::Others), "the answer settles our fetch");
        let reason = CheckInReason::Unused;
        assert!(
            matches!(stage_of(step.state.as_ref().unwrap(), 1), Stage::Returning { reason: it, .. } if *it == reason)
        );
    }
}

#[test]
fn a_session_holds_no_more_than_it_may() {
    let proven = |number| CheckOut { is_proven: true, ..out(number) };
    let full = SessionState { check_outs: (1..=16).map(proven).collect(), ..SessionState::default() };
    assert_eq!(try_step(Some(&full), Standing::Free, fetch(99)).err(), Some(TransitionError::TooMany));
    let unproven = SessionState { check_outs: (1..=16).map(out).collect(), ..SessionState::default() };
    assert!(try_step(Some(&unproven), Standing::Free, fetch(99)).is_ok(), "those are returned first");
}

#[test]
fn leases_that_are_not_taken_back_leave_no_room_for_others() {
    let full = SessionState { check_outs: (1..=16).map(out).collect(), ..SessionState::default() };
    let mut step = after(Some(&full), Standing::Free, fetch(99));
    while let Some(Command::CheckIn(check_out)) = step.command {
        let taken_back = Err(again());
        step = after(step.state.as_ref(), Standing::Ours, What::CheckIn { check_out, taken_back });
    }
    let full = step.state.unwrap();
    assert!(step.command.is_none() && full.fetches.is_empty(), "the store is not asked");
    assert_eq!(try_step(Some(&full), Standing::Free, fetch(99)).err(), Some(TransitionError::TooMany));
}

#[test]
fn a_store_is_told_of_the_authentication_first_and_of_the_end_last() {
    let accepted =
        What::AuthenticationCompleted { trigger: CheckInTrigger::AfterAuthentication, read: Vec::new() };
    let mut step = after(Some(&holding()), Standing::Free, accepted);
    step = after(step.state.as_ref(), Standing::Others, end());
    let mut calls = Vec::new();
    step = after(step.state.as_ref(), Standing::Free, What::Wake);
    while let Some(command) = step.command {
        let what = match command {
            Command::Tell(what, outs) => {
                calls.push(format!("{what:?} with {}", outs.len()));
                What::Told { what, failed: None }
            }
            Command::CheckIn(check_out) => {
                calls.push("CheckIn".to_owned());
                What::CheckIn { check_out, taken_back: Ok(Rotation::NotRotated) }
            }
            other => panic!("{other:?}"),
        };
        step = after(step.state.as_ref(), Standing::Ours, what);
    }
    assert_eq!(calls, ["Authenticated(1) with 1", "CheckIn", "Ended with 1"]);
    assert!(step.state.is_none());
}

#[test]
fn a_repeated_fetch_is_refused_when_its_check_out_is_returned_or_unclear() {
    let asked = after(None, Standing::Free, fetch(1)).state.unwrap();
    let unclear = What::Unclear { fetch: [1; 16], again: again(), last: Some(1) };
    let unsettled = after(Some(&asked), Standing::Ours, unclear).state.unwrap();
    assert_eq!(try_step(Some(&unsettled), Standing::Free, fetch(1)).err(), Some(TransitionError::Unsettled));

    // The store said that nothing happened for this intent, and therefore refuses the intent from now on.
    let resolved = What::Resolved { fetch: [1; 16], held: Vec::new(), settled: None, again: None };
    let resolved = after(Some(&unsettled), Standing::Ours, resolved).state.unwrap();
    assert_eq!(try_step(Some(&resolved), Standing::Free, fetch(1)).err(), Some(TransitionError::Repeated));

    let failed = after(Some(&holding()), Standing::Free, What::AuthenticationFailed).state.unwrap();
    assert_eq!(try_step(Some(&failed), Standing::Free, fetch(1)).err(), Some(TransitionError::Repeated));
    let Command::CheckIn(check_out) = after(Some(&failed), Standing::Free, What::Wake).command.unwrap()
    else {
        panic!()
    };
    let returned = after(
        Some(&failed),
        Standing::Ours,
        What::CheckIn { check_out, taken_back: Ok(Rotation::NotRotated) },
    )
    .state
    .unwrap();
    assert!(returned.check_outs.is_empty());
    assert_eq!(try_step(Some(&returned), Standing::Free, fetch(1)).err(), Some(TransitionError::Repeated));
}

#[test]
fn a_repeated_fetch_leaves_the_known_check_out_as_it_is() {
    let completed = What::AuthenticationCompleted { trigger: CheckInTrigger::AtSessionEnd, read: Vec::new() };
    let proven = after(Some(&holding()), Standing::Free, completed).state.unwrap();
    let told = What::Told { what: Told::Authenticated(1), failed: None };
    let proven = after(Some(&proven), Standing::Ours, told).state.unwrap();
    let asked = after(Some(&proven), Standing::Free, fetch(1));
    assert!(matches!(asked.command, Some(Command::Search(_))), "{:?}", asked.command);
    let later = NOW.plus(Duration::from_secs(9));
    let found = |lease| {
        let again = CheckOut::new(out(1).id, candidate(), out(lease).lease, later);
        let step =
            after(asked.state.as_ref(), Standing::Ours, What::Found { check_out: again, renews: false });
        assert!(step.hands_out);
        step.state.unwrap().check_outs
    };
    assert_eq!(found(1), proven.check_outs);
    // The earlier lease is gone at the vault, which gives another one.
    let [other] = &found(2)[..] else { panic!() };
    assert_eq!((&other.lease, other.made, other.is_proven), (&out(2).lease, later, false));
}

#[test]
fn a_repeated_fetch_asks_nothing_when_its_lease_ends_before_it_is_asked() {
    let mut held = holding();
    let lease = held.check_outs[0].lease.take().unwrap();
    held.check_outs[0].lease = Some(lease.expires_at(NOW));
    let step = after(Some(&held), Standing::Free, fetch(1));
    let Some(Command::CheckIn(check_out)) = step.command else { panic!() };
    let step = after(
        step.state.as_ref(),
        Standing::Ours,
        What::CheckIn { check_out, taken_back: Ok(Rotation::NotRotated) },
    );
    assert!(step.command.is_none() && !step.hands_out);
    assert!(step.state.unwrap().fetches.is_empty());
}

#[test]
fn a_lease_that_was_forgotten_stays_so_when_its_check_in_fails_late() {
    let returning = after(Some(&holding()), Standing::Free, What::AuthenticationFailed);
    let Some(Command::CheckIn(check_out)) = returning.command else { panic!() };
    let forgotten = What::Forget { id: check_out.id, by: ada() };
    let forgotten = after(returning.state.as_ref(), Standing::Others, forgotten).state.unwrap();
    let late = What::CheckIn { check_out, taken_back: Err(again()) };
    let step = after(Some(&forgotten), Standing::Ours, late);
    assert!(step.state.unwrap().check_outs.is_empty());
}

#[test]
fn a_notice_is_given_up_after_the_retries_and_a_check_in_is_not() {
    let limits = Limits::default();
    let mut state = after(Some(&holding()), Standing::Others, end()).state.unwrap();
    let told = What::Told { what: Told::Ended, failed: Some(again()) };
    let refused = What::CheckIn { check_out: state.check_outs[0].clone(), taken_back: Err(again()) };
    for _ in 0..=limits.retries.attempts {
        state = after(Some(&state), Standing::Ours, told.clone()).state.unwrap();
        state = after(Some(&state), Standing::Ours, refused.clone()).state.unwrap();
    }
    assert_eq!(state.ended, Notice::Done);
    let Stage::Returning { owed, .. } = stage_of(&state, 1) else { panic!() };
    assert!(owed.failures > limits.retries.attempts && owed.next > NOW.plus(Duration::ZERO));
}

#[test]
fn a_handle_that_knew_a_record_finds_the_session_ended() {
    for (what, ended) in [(fetch(1), true), (end(), false)] {
        let event = Event { now: NOW, resolves: true, data: None, continues: true, what };
        let step = step(&Limits::default(), None, Standing::Free, event);
        assert_eq!(step.err(), ended.then_some(TransitionError::Ended));
    }
}

/// Returns the event for the end of an attached session: a restart of its host would end the session, too.
fn end_of_attached() -> What {
    What::End { read: Vec::new(), recovers: true }
}

#[test]
fn the_record_itself_is_the_intent_of_the_end_of_a_session_that_holds_nothing() {
    let returned = returned();
    let told = after(Some(&returned), Standing::Free, end_of_attached());
    assert!(told.is_promised && told.state.as_ref() == Some(&returned), "nothing is stored");
    // After a crash, the restarted host makes the same call: it tells the store of the end.
    let lost = after(Some(&returned), Standing::Free, What::HostLost).state;
    let restarted = after(lost.as_ref(), Standing::Free, What::Wake);
    for step in [&told, &restarted] {
        let Some(Command::Tell(Told::Ended, outs)) = &step.command else { panic!("the store is told") };
        assert_eq!(outs, &returned.check_outs);
    }
    let what = What::Told { what: Told::Ended, failed: None };
    assert!(after(Some(&returned), Standing::Free, what).state.is_none());
    // A failure is stored, and the store is told again later.
    let what = What::Told { what: Told::Ended, failed: Some(again()) };
    let failed = after(Some(&returned), Standing::Free, what).state.unwrap();
    assert!(matches!(failed.ended, Notice::Owed(Owed { failures: 1, .. })), "{failed:?}");
}

#[test]
fn the_end_of_a_session_that_owes_more_is_stored_first() {
    let holding = holding();
    let returned = returned();
    let asked = after(Some(&returned), Standing::Free, fetch(2)).state.unwrap();
    let mut owing = returned.clone();
    owing.authenticated = Notice::Owed(Owed::from(NOW));
    for state in [None, Some(&holding), Some(&asked), Some(&owing)] {
        let step = after(state, Standing::Free, end_of_attached());
        assert!(!step.is_promised && step.state.unwrap().is_ended(), "{state:?}");
    }
    let read = What::End { read: vec![out(3)], recovers: true };
    for what in [end(), read] {
        let step = after(Some(&returned), Standing::Free, what);
        assert!(!step.is_promised && step.state.unwrap().is_ended());
    }
    let beside = after(Some(&returned), Standing::Others, end_of_attached());
    assert!(beside.command.is_none() && beside.state.unwrap().is_ended());
}

#[test]
fn a_check_in_that_fails_after_a_resolved_fetch_waits() {
    let asked = after(None, Standing::Free, fetch(1)).state.unwrap();
    let unclear = What::Unclear { fetch: [1; 16], again: again(), last: None };
    let unclear = after(Some(&asked), Standing::Ours, unclear).state.unwrap();
    let resolved = What::Resolved { fetch: [1; 16], held: vec![out(1)], settled: None, again: None };
    let step = after(Some(&unclear), Standing::Ours, resolved);
    let Some(Command::CheckIn(check_out)) = step.command else { panic!("the lease is checked in") };
    let failed = What::CheckIn { check_out, taken_back: Err(again()) };
    let step = after(step.state.as_ref(), Standing::Ours, failed);
    assert!(step.command.is_none(), "{:?}", step.command);
    let Stage::Returning { owed, .. } = &step.state.unwrap().check_outs[0].stage else { panic!() };
    assert!(owed.failures == 1 && owed.next > NOW, "{owed:?}");
}

#[test]
fn a_fetch_whose_candidate_stays_unknown_is_asked_about_again_and_then_left_to_a_person() {
    let limits = Limits::default();
    let asked = after(None, Standing::Free, fetch(1)).state.unwrap();
    let unclear = What::Unclear { fetch: [1; 16], again: again(), last: None };
    let mut state = after(Some(&asked), Standing::Ours, unclear).state.unwrap();
    for refusals in 1..limits.retries.attempts {
        let FetchStage::Unsettled(owed) = state.fetches[0].stage else { panic!("refused {refusals} times") };
        assert!(owed.failures == refusals && owed.next > NOW, "{owed:?}");
        let refused =
            What::Resolved { fetch: [1; 16], held: Vec::new(), settled: Some(0), again: Some(again()) };
        state = after(Some(&state), Standing::Ours, refused).state.unwrap();
    }
    assert_eq!(state.fetches[0].stage, FetchStage::Undecided);
}

#[test]
fn a_fetch_is_not_settled_further_while_its_leases_cannot_be_returned() {
    let later = NOW.plus(Duration::from_secs(9));
    let waits = |number| {
        let owed = Owed { failures: 1, next: later, since: NOW };
        CheckOut { stage: Stage::Returning { reason: CheckInReason::HostLost, owed }, ..out(number) }
    };
    let mut unsettled = after(None, Standing::Free, fetch(99)).state.unwrap();
    unsettled.fetches[0].stage = FetchStage::Unsettled(Owed::from(NOW));
    for held in [15, 16, 17] {
        let state = SessionState { check_outs: (1..=held).map(waits).collect(), ..unsettled.clone() };
        let step = after(Some(&state), Standing::Free, What::Wake);
        let FetchStage::Unsettled(owed) = step.state.unwrap().fetches[0].stage else { panic!("{held}") };
        match step.command {
            Some(Command::Resolve(_)) => assert!(held < 16, "{held}"),
            None => assert!(held >= 16 && owed.next == later, "{held}: {owed:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn credentials_that_are_named_again_by_a_repeated_call_count_once() {
    let read = || vec![CheckOut { lease: None, ..out(1) }];
    let completed = || What::AuthenticationCompleted { trigger: CheckInTrigger::AtSessionEnd, read: read() };
    let first = after(None, Standing::Free, completed());
    let again = after(first.state.as_ref(), Standing::Free, completed());
    for step in [&first, &again] {
        let Some(Command::Tell(Told::Authenticated(1), told)) = &step.command else { panic!("another id") };
        assert_eq!(told.len(), 1);
    }
    let ended = What::End { read: read(), recovers: true };
    let ended = after(again.state.as_ref(), Standing::Others, ended).state.unwrap();
    assert_eq!(ended.check_outs.len(), 1);
}
