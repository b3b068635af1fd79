use keyway_certificates::{IssuedCertificate, Pem};
use keyway_core::Wiped;
use proptest::prelude::*;

use super::super::machine::{Event, Setup, step};
use super::super::state::{End, Phase, Revocation, Scheduled};
use super::*;

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_milliseconds(milliseconds)
}

fn days(days: u64) -> Timestamp {
    at(days * 24 * 3600 * 1000)
}

const ASKS: Capabilities = Capabilities::MINIMAL.renewal_information(true);

/// Returns an order whose certificate was stored on day 1. It is renewed on day 60, unless the authority names another
/// day.
fn stored(can: Capabilities) -> OrderState {
    let certificate = Some(IssuedCertificate::new(Pem::new("c").unwrap()));
    let storing = OrderState {
        phase: Phase::Storing,
        certificate,
        scheduled: Some(Scheduled { action: Action::Store, at: days(1) }),
        ..OrderState::new(days(1), Wiped::new("{}".to_owned()))
    };
    let setup = Setup { can, notifies: false, keeps: true };
    let event = Event::Stored { now: days(1), setup, expires: Some(days(90)), renew_at: Some(days(60)) };
    after(&storing, event).state.unwrap()
}

fn after(state: &OrderState, event: Event) -> Step {
    step(&Limits::default(), Some(state), Standing::Ours, event).unwrap()
}

fn woken(state: &OrderState, now: Timestamp, can: Capabilities) -> Option<Command> {
    let event = Event::Wake { now, setup: Setup { can, notifies: false, keeps: true }, deadline: None };
    step(&Limits::default(), Some(state), Standing::Free, event).ok()?.command
}

fn answer(told: Option<RenewalInformation>, now: Timestamp, jitter: u8) -> Event {
    Event::RenewalTold { told, again: Again { now, retry_after: None, jitter } }
}

fn window(from: u64, to: u64) -> RenewalInformation {
    RenewalInformation::new(days(from), days(to)).unwrap()
}

#[test]
fn an_authority_that_says_nothing_is_not_asked() {
    let state = stored(Capabilities::MINIMAL);
    assert_eq!(woken(&state, days(59), Capabilities::MINIMAL), None);
    assert_eq!(woken(&state, days(60), Capabilities::MINIMAL), Some(Command::Renew));
}

#[test]
fn the_authority_is_asked_daily_until_the_chosen_moment() {
    let first = stored(ASKS);
    assert_eq!(woken(&first, days(1), ASKS), None, "one that always says now has at most one order a day");
    assert_eq!(woken(&first, days(2), ASKS), Some(Command::AskRenewal));
    let looked = after(&first, answer(Some(window(30, 40)), days(2), 128));
    assert_eq!(looked.command, None);
    let looked = looked.state.unwrap();
    let renewal = looked.renewal.as_ref().unwrap();
    assert_eq!((renewal.due, renewal.next), (days(35), days(3)), "half of the window");
    assert_eq!(woken(&looked, days(3), ASKS), Some(Command::AskRenewal));
    // The last answer came before the chosen moment. When that moment comes, the host renews the certificate without
    // asking the authority again.
    let last = after(&looked, answer(Some(window(30, 40)), days(34), 128)).state.unwrap();
    assert_eq!(woken(&last, days(35), ASKS), Some(Command::Renew));
}

#[test]
fn a_window_that_moved_into_the_past_renews_at_once() {
    let step = after(&stored(ASKS), answer(Some(window(1, 2)), days(10), 0));
    assert_eq!(step.command, Some(Command::Renew));
    let failed = after(
        &step.state.unwrap(),
        Event::NotRenewed { again: Again { now: days(10), retry_after: None, jitter: 0 } },
    );
    let failed = failed.state.unwrap();
    let next = failed.renewal.as_ref().unwrap().next;
    assert!(next > days(10) && next < days(11));
    assert_eq!(woken(&failed, next, ASKS), Some(Command::Renew), "another try asks the authority no more");
}

#[test]
fn an_authority_that_does_not_answer_leaves_the_moment_as_it_was() {
    let looked = after(&stored(ASKS), answer(None, days(59), 9)).state.unwrap();
    let renewal = looked.renewal.as_ref().unwrap();
    assert_eq!((renewal.due, renewal.next), (days(60), days(60)));
    assert_eq!(after(&looked, answer(None, days(61), 9)).command, Some(Command::Renew));
}

#[test]
fn a_certificate_that_is_to_be_revoked_is_not_renewed() {
    let reason = keyway_certificates::RevocationReason::KeyCompromise;
    let (since, message) = (days(2), String::new());
    let revocation = Some(Revocation { reason, since, revoked: false, message, ended: false });
    let step = after(&OrderState { revocation, ..stored(ASKS) }, answer(Some(window(1, 2)), days(10), 0));
    assert_eq!(step.command, None);
    assert_eq!(step.state.unwrap().scheduled.map(|scheduled| scheduled.action), Some(Action::Revoke));
}

#[test]
fn an_authority_that_names_no_wait_is_not_asked_at_once_again() {
    let mut told = window(20, 30);
    told.check_again_after = Some(Duration::ZERO);
    let step = after(&stored(ASKS), answer(Some(told), days(10), 0));
    assert_eq!(step.command, None);
    assert_eq!(step.state.unwrap().renewal.unwrap().next, days(10).plus(SHORTEST));
}

#[test]
fn the_expiry_is_news_until_it_is_revoked_or_renewed() {
    let state = stored(ASKS);
    assert!(state.is_expiry_news(None));
    let waiting = OrderState::new(days(3), Wiped::new("{}".to_owned()));
    assert!(state.is_expiry_news(Some(&waiting)));
    assert_eq!(state.phase, Phase::Finished(End::Generated));
    assert!(!state.is_expiry_news(Some(&state)));
}

proptest! {
    #[test]
    fn a_renewal_is_due_later_and_within_the_validity_if_there_is_time(from in 0..u64::MAX / 4, lasts in 1_000..u64::MAX / 4, share: u16, now in 0..u64::MAX / 2) {
        let [from, to, now] = [from, from + lasts, now].map(Timestamp::from_milliseconds);
        let due = Renewal::at_thousandths(share).due(from, to, now);
        prop_assert!(from < due && now < due);
        prop_assert!(due < to || now.plus(SHORTEST) >= due);
    }
}
