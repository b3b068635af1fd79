//! Tests single cases of the table of events and phases in `machine.rs`.

use std::time::Duration;

use keyway_certificates::{CertificateStatus, RevocationReason};

use super::super::state::{Late, OrderStatus, Renewing};
use super::*;
use crate::work::Retries;

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_milliseconds(milliseconds)
}

fn limits() -> Limits {
    Limits::default()
        .with_retries(Retries::default().with_attempts(3))
        .with_check_every(Duration::from_secs(60))
}

fn setup(can: Capabilities) -> Setup {
    Setup { can, notifies: true, keeps: true }
}

fn meta(text: &str) -> Wiped<String> {
    Wiped::new(text.to_owned())
}

fn certificate(text: &str) -> IssuedCertificate {
    IssuedCertificate::new(keyway_certificates::Pem::new(text).unwrap())
}

fn can() -> Capabilities {
    Capabilities::MINIMAL.modifies(true)
}

fn reply(answer: Answer, can: Capabilities) -> Event {
    Event::Answered(Box::new(Answered {
        answer,
        message: "as the CA says".into(),
        retry_method: None,
        plugin_meta: meta("{\"asked\":1}"),
        again: Again { now: at(2_000), retry_after: Some(Duration::from_secs(5)), jitter: 0 },
        setup: setup(can),
        facts: None,
        renew_at: None,
        renews: false,
        revoking: None,
    }))
}

fn state(phase: Phase) -> OrderState {
    let fresh = OrderState::new(at(1_000), meta("{}"));
    let check = Some(Scheduled { action: Action::Check, at: at(9_000) });
    match phase {
        Phase::Submitted => fresh,
        Phase::Waiting => OrderState { phase, scheduled: check, is_placed: true, ..fresh },
        Phase::Undecided => OrderState { scheduled: None, is_placed: true, phase, ..fresh },
        Phase::Storing => {
            let scheduled = Some(Scheduled { action: Action::Store, at: at(2_000) });
            OrderState { phase, scheduled, is_placed: true, certificate: Some(certificate("c")), ..fresh }
        }
        Phase::Asking(_) | Phase::Finished(_) => {
            OrderState { phase, scheduled: None, is_placed: true, ..fresh }
        }
    }
}

fn stepped(state: &OrderState, standing: Standing, event: Event) -> Result<Step, TransitionError> {
    step(&limits(), Some(state), standing, event)
}

fn next(state: &OrderState, standing: Standing, event: Event) -> OrderState {
    stepped(state, standing, event).expect("the event fits").state.expect("the record stays")
}

fn answered(action: Action, answer: Answer) -> OrderState {
    next(&state(Phase::Asking(action)), Standing::Ours, reply(answer, can()))
}

fn modified() -> Event {
    Event::Modify { now: at(2_000), metadata: meta("{\"new\":1}"), can: Some(can()) }
}

fn canceled() -> Event {
    Event::Cancel { now: at(2_000) }
}

fn deleted() -> Event {
    Event::Delete { now: at(2_000) }
}

fn woken(now: u64) -> Event {
    Event::Wake { now: at(now), setup: setup(can()), deadline: None }
}

#[test]
fn before_the_plugin_was_asked_clients_act_on_the_order_alone() {
    let submitted = state(Phase::Submitted);
    let changed = next(&submitted, Standing::Free, modified());
    assert_eq!((changed.metadata.as_str(), changed.phase), ("{\"new\":1}", Phase::Submitted));
    let ended = next(&submitted, Standing::Free, canceled());
    assert_eq!((ended.phase, ended.status()), (Phase::Finished(End::Canceled), OrderStatus::Active));
    assert!(stepped(&submitted, Standing::Free, deleted()).unwrap().state.is_none());
}

#[test]
fn a_request_for_a_waiting_order_is_due_at_once() {
    let waiting = state(Phase::Waiting);
    for (event, action) in
        [(modified(), Action::Modify), (canceled(), Action::Cancel), (deleted(), Action::Cancel)]
    {
        let wanted = next(&waiting, Standing::Free, event);
        assert_eq!(wanted.scheduled, Some(Scheduled { action, at: at(2_000) }));
        assert_eq!(wanted.metadata, waiting.metadata, "the CA has not taken the update over yet");
    }
}

#[test]
fn a_request_for_an_order_that_is_worked_on_follows_the_answer() {
    let asking = state(Phase::Asking(Action::Check));
    for (event, action) in
        [(modified(), Action::Modify), (canceled(), Action::Cancel), (deleted(), Action::Cancel)]
    {
        let step = stepped(&asking, Standing::Others, event).unwrap();
        assert!(step.keeps_claim && step.command.is_none(), "the worker keeps its claim");
        let after = next(&step.state.unwrap(), Standing::Ours, reply(Answer::WaitingForCa, can()));
        assert_eq!(after.scheduled, Some(Scheduled { action, at: at(2_000) }));
    }
}

#[test]
fn a_request_for_an_order_that_may_not_have_arrived_waits_until_it_has() {
    let issue = Some(Scheduled { action: Action::Issue, at: at(9_000) });
    let reconcile = Some(Scheduled { action: Action::Reconcile, at: at(9_000) });
    let waiting = state(Phase::Waiting);
    for unsure in [
        OrderState { scheduled: issue, unknown: Some(Action::Issue), ..waiting.clone() },
        OrderState { scheduled: reconcile, unknown: Some(Action::Issue), ..waiting.clone() },
        // The plugin said that the order has not arrived at the CA.
        OrderState { scheduled: issue, ..waiting },
    ] {
        for (event, action) in [(modified(), Action::Modify), (canceled(), Action::Cancel)] {
            let wanted = next(&unsure, Standing::Free, event);
            assert_eq!(wanted.scheduled, unsure.scheduled);
            let asking = OrderState { phase: Phase::Asking(Action::Issue), scheduled: None, ..wanted };
            let arrived = next(&asking, Standing::Ours, reply(Answer::WaitingForCa, can()));
            assert_eq!(arrived.scheduled, Some(Scheduled { action, at: at(2_000) }));
        }
    }
}

#[test]
fn a_forbidden_request_is_refused() {
    let refusals = [
        (Phase::Undecided, TransitionError::Undecided),
        (Phase::Storing, TransitionError::Generated),
        (Phase::Finished(End::Failed), TransitionError::Finished),
    ];
    for (phase, refusal) in refusals {
        for event in [modified(), canceled()] {
            assert_eq!(stepped(&state(phase), Standing::Free, event).err(), Some(refusal), "{phase:?}");
        }
    }
    let unable = Event::Modify { now: at(2_000), metadata: meta("{}"), can: Some(Capabilities::MINIMAL) };
    let refused = stepped(&state(Phase::Waiting), Standing::Free, unable).err();
    assert_eq!(refused, Some(TransitionError::NotModifiable));
    let canceling = next(&state(Phase::Waiting), Standing::Free, canceled());
    assert_eq!(stepped(&canceling, Standing::Free, modified()).err(), Some(TransitionError::BeingCanceled));
}

#[test]
fn each_answer_leads_where_the_seed_says() {
    for action in [Action::Issue, Action::Check, Action::Modify, Action::Cancel] {
        let check = Some(Scheduled { action: Action::Check, at: at(7_000) });
        let waiting = answered(action, Answer::WaitingForCa);
        assert_eq!((waiting.phase, waiting.scheduled), (Phase::Waiting, check));
        assert_eq!(waiting.sub_status, Some(CertificateStatus::WaitingForCa));
        assert_eq!(waiting.message, "as the CA says");
        let issue = answered(action, Answer::ClientDataIssue);
        assert_eq!((issue.status(), issue.scheduled), (OrderStatus::Pending, check));
        let unavailable = answered(action, Answer::CaUnavailable);
        assert_eq!(unavailable.scheduled.map(|scheduled| scheduled.action), Some(action));
        assert!(unavailable.scheduled.unwrap().at >= at(7_000), "never earlier than the plugin says");
        assert!(unavailable.notice.is_some(), "listeners are told");
        let canceled = answered(action, Answer::Canceled);
        assert_eq!(
            (canceled.phase, canceled.status()),
            (Phase::Finished(End::Canceled), OrderStatus::Active)
        );
        for answer in [Answer::InvalidOperation, Answer::Broken, Answer::Panicked] {
            let failed = answered(action, answer);
            assert_eq!((failed.status(), failed.message.as_str()), (OrderStatus::Error, "as the CA says"));
            assert_eq!(failed.sub_status, Some(CertificateStatus::InvalidOperation));
        }
        let generated = answered(action, Answer::Generated(certificate("c")));
        assert_eq!((generated.phase, generated.certificate), (Phase::Storing, Some(certificate("c"))));
    }
}

#[test]
fn a_certificate_ends_its_order_unless_a_secret_store_keeps_it_and_is_noted_with_that_step() {
    for keeps in [true, false] {
        let Event::Answered(mut told) = reply(Answer::Generated(certificate("c")), can()) else {
            unreachable!()
        };
        told.setup.keeps = keeps;
        told.renew_at = Some(at(7_000));
        let asking = state(Phase::Asking(Action::Issue));
        let step = stepped(&asking, Standing::Ours, Event::Answered(told)).unwrap();
        assert!(step.notes);
        let next = step.state.unwrap();
        let (phase, command) = if keeps {
            (Phase::Storing, Some(Command::Store))
        } else {
            (Phase::Finished(End::Generated), None)
        };
        assert_eq!((next.phase, step.command), (phase, command));
        assert_eq!(next.renewal.is_some(), !keeps, "it is planned when the order ends");
        assert_eq!(next.notice.is_some(), !keeps, "listeners are told when the order ends");
    }
}

#[test]
fn an_update_counts_when_the_ca_has_taken_it_over() {
    let modify = OrderState { changing: Some(meta("{\"new\":1}")), ..state(Phase::Asking(Action::Modify)) };
    let before = OrderState { displaced: state(Phase::Waiting).scheduled, ..modify };
    let taken = next(&before, Standing::Ours, reply(Answer::WaitingForCa, can()));
    assert_eq!((taken.metadata.as_str(), taken.changing), ("{\"new\":1}", None));
    let refused = next(&before, Standing::Ours, reply(Answer::Unsupported, can()));
    assert_eq!((refused.metadata.as_str(), refused.changing), ("{}", None));
    assert_eq!(refused.scheduled, state(Phase::Waiting).scheduled, "the order is as it was");
}

#[test]
fn a_ca_that_is_never_there_is_asked_as_often_as_the_policy_says() {
    let mut order = state(Phase::Asking(Action::Issue));
    for failures in 1..3 {
        order = next(&order, Standing::Ours, reply(Answer::CaUnavailable, can()));
        assert_eq!((order.phase, order.failures), (Phase::Waiting, failures));
        order = OrderState { phase: Phase::Asking(Action::Issue), notice: None, ..order };
    }
    let ended = next(&order, Standing::Ours, reply(Answer::CaUnavailable, can()));
    assert_eq!((ended.status(), ended.message.as_str()), (OrderStatus::Error, "as the CA says"));
}

#[test]
fn a_lost_worker_is_made_up_for_as_the_plugin_can() {
    let asking = state(Phase::Asking(Action::Issue));
    let wake = |can| Event::Wake { now: at(2_000), setup: setup(can), deadline: None };
    let command = |state: &OrderState, can| stepped(state, Standing::Free, wake(can)).unwrap().command;
    let minimal = Capabilities::MINIMAL;
    assert_eq!(command(&asking, minimal.idempotent(true)), Some(Command::Ask(Action::Issue)));
    assert_eq!(command(&asking, minimal.reconciles(true)), Some(Command::Ask(Action::Reconcile)));
    let saved = OrderState { checkpointed: true, ..asking.clone() };
    assert_eq!(command(&saved, minimal), Some(Command::Ask(Action::Check)));
    assert_eq!(command(&state(Phase::Asking(Action::Check)), minimal), Some(Command::Ask(Action::Check)));
    assert_eq!(next(&asking, Standing::Free, wake(minimal)).phase, Phase::Undecided);
    let often = OrderState { failures: 2, ..asking };
    assert_eq!(next(&often, Standing::Free, wake(minimal.idempotent(true))).phase, Phase::Undecided);
}

#[test]
fn nothing_happened_means_the_same_again() {
    let asking = OrderState { unknown: Some(Action::Modify), ..state(Phase::Asking(Action::Reconcile)) };
    let again = next(&asking, Standing::Ours, reply(Answer::NothingHappened, can()));
    assert_eq!(again.scheduled, Some(Scheduled { action: Action::Modify, at: at(2_000) }));
    let unknown = next(&asking, Standing::Ours, reply(Answer::CannotTell, can()));
    assert_eq!(unknown.phase, Phase::Undecided);
}

#[test]
fn a_call_that_never_happens_is_not_repeated_for_ever() {
    let asking = OrderState { unknown: Some(Action::Issue), ..state(Phase::Asking(Action::Reconcile)) };
    let often = OrderState { failures: 3, ..asking };
    let ended = next(&often, Standing::Ours, reply(Answer::NothingHappened, can()));
    assert_eq!(ended.phase, Phase::Finished(End::Failed));
    let again =
        next(&OrderState { failures: 2, ..often }, Standing::Ours, reply(Answer::NothingHappened, can()));
    assert_eq!((again.scheduled.map(|scheduled| scheduled.action), again.failures), (Some(Action::Issue), 2));
}

#[test]
fn a_renewal_waits_for_its_authority_without_end() {
    let often = OrderState { failures: 90, ..state(Phase::Asking(Action::Issue)) };
    for (answer, phase) in [
        (Answer::CaUnavailable, Phase::Waiting),
        (Answer::Unavailable, Phase::Waiting),
        (Answer::Unanswered, Phase::Undecided),
        (Answer::Broken, Phase::Finished(End::Failed)),
    ] {
        let Event::Answered(mut answered) = reply(answer, can()) else { unreachable!() };
        answered.renews = true;
        assert_eq!(next(&often, Standing::Ours, Event::Answered(answered)).phase, phase);
    }
}

#[test]
fn a_person_decides_what_cannot_be_known() {
    let undecided = state(Phase::Undecided);
    let decide = |decision| Event::Decide { now: at(3_000), decision, can: Some(can()) };
    let scheduled = |decision| next(&undecided, Standing::Free, decide(decision)).scheduled.unwrap().action;
    assert_eq!(scheduled(Decision::NotPlaced), Action::Issue);
    assert_eq!(scheduled(Decision::Placed), Action::Check);
    let given_up = next(&undecided, Standing::Free, decide(Decision::GiveUp));
    assert_eq!(given_up.status(), OrderStatus::Error);
    let refused = stepped(&state(Phase::Waiting), Standing::Free, decide(Decision::Placed)).err();
    assert_eq!(refused, Some(TransitionError::NothingToDecide));
}

#[test]
fn a_deleted_order_goes_when_it_is_settled() {
    let deleting = next(&state(Phase::Waiting), Standing::Free, deleted());
    let asking = next(&deleting, Standing::Free, woken(2_000));
    assert_eq!(asking.phase, Phase::Asking(Action::Cancel));
    let step = stepped(&asking, Standing::Ours, reply(Answer::Canceled, can())).unwrap();
    assert!(step.state.is_none());
    let step = stepped(&asking, Standing::Ours, reply(Answer::Unsupported, can())).unwrap();
    assert!(step.state.is_none(), "a CA that cannot cancel does not hold the order");
    let late = next(&asking, Standing::Ours, reply(Answer::Generated(certificate("c")), can()));
    let Event::Answered(mut revoked) = reply(Answer::Revoked, can()) else { unreachable!() };
    revoked.revoking = late.revoking();
    let step = stepped(&late, Standing::Ours, Event::Answered(revoked)).unwrap();
    assert!(step.state.is_none());
}

#[test]
fn a_deleted_order_goes_when_a_person_ends_it() {
    let undecided = OrderState { delete: true, cancel: Cancel::Told, ..state(Phase::Undecided) };
    for decision in [Decision::NotPlaced, Decision::GiveUp] {
        let event = Event::Decide { now: at(2_000), decision, can: Some(can()) };
        assert_eq!(stepped(&undecided, Standing::Free, event).unwrap().state, None, "{decision:?}");
    }
}

#[test]
fn an_order_ends_at_its_own_deadline() {
    let wake = Event::Wake { now: at(9_000), setup: setup(can()), deadline: Some(at(9_000)) };
    let ended = next(&state(Phase::Waiting), Standing::Free, wake);
    assert_eq!(
        (ended.status(), ended.message.as_str()),
        (OrderStatus::Error, "the order's deadline has passed")
    );
}

#[test]
fn an_error_is_classed_by_its_kind_and_its_effect() {
    use keyway_certificates::CertificateError;
    let panicked = CertificateError::Call(keyway_core::CallError::Panicked { operation: "issue" });
    let busy = CertificateError::Unavailable { what: "the CA", retry_after: None, source: None };
    let failed = CertificateError::system("ask the CA", std::io::Error::other("lost"));
    for (error, answer) in [
        (busy, Answer::Unavailable),
        (CertificateError::Unsupported { what: "wildcards" }, Answer::Unsupported),
        (CertificateError::not_ready("the key", "it is missing"), Answer::Broken),
        (failed, Answer::Unanswered),
        (panicked, Answer::Panicked),
    ] {
        assert_eq!(Answer::of_error(&error), answer, "{error:?}");
    }
}

#[test]
fn listeners_are_told_until_they_have_heard() {
    let ready = next(
        &state(Phase::Storing),
        Standing::Ours,
        Event::Stored { now: at(2_000), setup: setup(can()), expires: None, renew_at: None },
    );
    let step = stepped(&ready, Standing::Free, woken(2_000)).unwrap();
    assert_eq!(step.command, Some(Command::Notify));
    let again = Again { now: at(2_000), retry_after: None, jitter: 0 };
    let failed = next(&ready, Standing::Ours, Event::Notified { again, delivered: false });
    assert_eq!(failed.phase, Phase::Finished(End::Generated), "a listener that fails changes nothing");
    assert!(failed.next() > Some(at(2_000)));
    let told = next(&failed, Standing::Ours, Event::Notified { again, delivered: true });
    assert_eq!(told.next(), None);
}

#[path = "machine_certificates_tests.rs"]
mod certificates;
#[path = "machine_giving_up.rs"]
mod giving_up;
#[path = "machine_properties.rs"]
mod properties;
#[path = "machine_withdrawal.rs"]
mod withdrawal;
