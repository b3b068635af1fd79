//! Tests that an order that the host gives up is canceled at its authority (decision H321).

use proptest::prelude::*;

use super::properties::{any_answer, any_events, played};
use super::*;

fn able() -> Capabilities {
    can().cancels(true)
}

/// Returns an order that failed at its deadline, and that its authority is asked to cancel.
fn given_up() -> OrderState {
    let wake = Event::Wake { now: at(2_000), setup: setup(able()), deadline: Some(at(2_000)) };
    next(&state(Phase::Waiting), Standing::Free, wake)
}

/// Wakes a worker whose authority cancels orders.
fn woken(now: u64) -> Event {
    Event::Wake { now: at(now), setup: setup(able()), deadline: None }
}

fn action(order: &OrderState) -> Option<Action> {
    order.scheduled.map(|scheduled| scheduled.action)
}

/// Carries out the next attempt to cancel a failed order, with this answer.
fn tried(order: &OrderState, answer: Answer) -> OrderState {
    let due = order.scheduled.expect("an attempt is scheduled").at;
    let asked = next(order, Standing::Free, woken(due.as_milliseconds()));
    next(&asked, Standing::Ours, reply(answer, able()))
}

/// Returns an answer that names the next call.
fn asking_for(method: Option<RetryMethod>, answer: Answer) -> Event {
    let Event::Answered(mut answered) = reply(answer, able()) else { unreachable!() };
    answered.retry_method = method;
    Event::Answered(answered)
}

/// Returns orders that failed while it was unknown whether the call that places them had arrived.
fn given_up_while_underway() -> [OrderState; 4] {
    let unsure = |phase, action: Option<Action>| {
        let scheduled = action.map(|action| Scheduled { action, at: at(2_000) });
        OrderState { scheduled, unknown: Some(Action::Issue), ..state(phase) }
    };
    let wake = Event::Wake { now: at(2_000), setup: setup(able()), deadline: Some(at(2_000)) };
    let at_deadline = next(&unsure(Phase::Waiting, Some(Action::Reconcile)), Standing::Free, wake);
    let last = OrderState { failures: 2, ..unsure(Phase::Asking(Action::Issue), None) };
    let at_last = next(&last, Standing::Ours, reply(Answer::CaUnavailable, able()));
    let event = Event::Decide { now: at(2_000), decision: Decision::GiveUp, can: Some(able()) };
    let by_person = |asking: OrderState, standing, event_before| {
        let undecided = next(&asking, standing, event_before);
        assert_eq!(undecided.phase, Phase::Undecided);
        next(&undecided, Standing::Free, event.clone())
    };
    let asking = state(Phase::Asking(Action::Issue));
    let unanswered = reply(Answer::Unanswered, able());
    [
        at_deadline,
        at_last,
        by_person(asking.clone(), Standing::Ours, unanswered),
        by_person(asking, Standing::Free, woken(2_000)),
    ]
}

/// A call that was still under way may place the order after the authority has refused to cancel it.
#[test]
fn a_refusal_does_not_end_the_attempts_while_the_order_may_still_arrive() {
    for refusal in [Answer::InvalidOperation, Answer::Unsupported, Answer::Broken] {
        for order in given_up_while_underway() {
            let mut order = OrderState { delete: true, ..order };
            for _ in 0..limits().retries.attempts {
                assert_eq!(action(&order), Some(Action::Cancel), "{refusal:?}");
                order = tried(&order, refusal.clone());
            }
            let due = order.scheduled.expect("the last answer is awaited").at.as_milliseconds();
            assert!(stepped(&order, Standing::Free, woken(due)).unwrap().state.is_none(), "{refusal:?}");
        }
        assert_eq!(action(&tried(&given_up(), refusal)), None, "the authority has the order");
    }
}

#[test]
fn an_answer_tells_that_a_failed_order_has_arrived() {
    for order in given_up_while_underway() {
        assert_eq!(tried(&order, Answer::Canceled).scheduled, None);
        let waits = tried(&order, Answer::WaitingForCa);
        assert_eq!(action(&waits), Some(Action::Check));
        assert_eq!(tried(&waits, Answer::InvalidOperation).scheduled, None);
        let unreached = tried(&order, Answer::CaUnavailable);
        assert_eq!(action(&tried(&unreached, Answer::InvalidOperation)), Some(Action::Cancel));
    }
}

/// Tests that the capabilities of a connection that is not open are not taken for those of an authority that cannot do
/// anything.
#[test]
fn a_wish_waits_for_a_connection_that_is_not_open() {
    let undecided = OrderState { delete: true, ..state(Phase::Undecided) };
    let event = Event::Decide { now: at(2_000), decision: Decision::GiveUp, can: None };
    let given_up = next(&undecided, Standing::Free, event);
    assert_eq!((given_up.phase, action(&given_up)), (Phase::Finished(End::Failed), Some(Action::Cancel)));
    for (cancels, command) in [(true, Some(Command::Ask(Action::Cancel))), (false, None)] {
        let open = Event::Wake { now: at(2_000), setup: setup(can().cancels(cancels)), deadline: None };
        let step = stepped(&given_up, Standing::Free, open).unwrap();
        assert_eq!((step.command, step.state.is_some()), (command, cancels));
    }
    let modified = Event::Modify { now: at(2_000), metadata: meta("{}"), can: None };
    assert_eq!(action(&next(&state(Phase::Waiting), Standing::Free, modified)), Some(Action::Modify));
    let certificate = Some(certificate("c"));
    let ready = OrderState { certificate, ..state(Phase::Finished(End::Generated)) };
    let revoked = Event::Revoke { now: at(2_000), reason: RevocationReason::KeyCompromise, can: None };
    assert_eq!(action(&next(&ready, Standing::Free, revoked)), Some(Action::Revoke));
}

/// Tests an authority that says, at the last attempt, that it cancels later.
#[test]
fn an_authority_that_cancels_later_is_checked() {
    let last = OrderState { failures: limits().retries.attempts - 1, ..given_up() };
    let waits = tried(&last, Answer::WaitingForCa);
    let due = waits.scheduled.unwrap().at.as_milliseconds();
    assert_eq!(
        stepped(&waits, Standing::Free, woken(due)).unwrap().command,
        Some(Command::Ask(Action::Check))
    );
}

#[test]
fn an_authority_chooses_how_it_is_asked_again_about_a_failed_order() {
    let asked = next(&given_up(), Standing::Free, woken(2_000));
    for (method, expected) in [
        (RetryMethod::Cancel, Action::Cancel),
        (RetryMethod::Check, Action::Check),
        (RetryMethod::Modify, Action::Check),
        // It does not have the order, which is not placed again.
        (RetryMethod::Issue, Action::Cancel),
    ] {
        let waits = next(&asked, Standing::Ours, asking_for(Some(method), Answer::WaitingForCa));
        assert_eq!(action(&waits), Some(expected));
    }
}

#[test]
fn an_order_that_the_plugin_ends_before_it_arrived_is_canceled() {
    let unsure = |action| OrderState { unknown: Some(Action::Issue), ..state(Phase::Asking(action)) };
    for (asked, answer, cancels) in [
        (Action::Check, Answer::InvalidOperation, true),
        (Action::Check, Answer::Unsupported, true),
        (Action::Reconcile, Answer::Broken, true),
        (Action::Issue, Answer::Broken, true),
        // Only an idempotent plugin is asked again, and its answer is about both calls.
        (Action::Issue, Answer::InvalidOperation, false),
    ] {
        let ended = next(&unsure(asked), Standing::Ours, reply(answer.clone(), able()));
        assert_eq!(ended.phase, Phase::Finished(End::Failed));
        assert_eq!(action(&ended), cancels.then_some(Action::Cancel), "{asked:?} {answer:?}");
        assert!(!cancels || action(&tried(&ended, Answer::InvalidOperation)).is_some());
    }
}

/// Tests a panic, after which it is unknown what the plugin did.
#[test]
fn an_order_whose_plugin_panicked_is_canceled() {
    let asking = |action, is_placed| OrderState { is_placed, ..state(Phase::Asking(action)) };
    for (asked, may_arrive) in [(asking(Action::Issue, false), true), (asking(Action::Check, true), false)] {
        let ended = next(&asked, Standing::Ours, reply(Answer::Panicked, able()));
        assert_eq!((ended.phase, action(&ended)), (Phase::Finished(End::Failed), Some(Action::Cancel)));
        let panicked = tried(&ended, Answer::Panicked);
        assert_eq!(action(&panicked), Some(Action::Cancel), "another attempt may work");
        let refused = tried(&panicked, Answer::InvalidOperation);
        assert_eq!(action(&refused), may_arrive.then_some(Action::Cancel));
        let unable = next(&asked, Standing::Ours, reply(Answer::Panicked, can()));
        assert_eq!(action(&unable), None);
    }
}

/// Tests the checks of a plugin that left a checkpoint while it placed the order.
#[test]
fn a_check_without_an_answer_does_not_tell_whether_the_order_arrived() {
    let unknown = Some(Action::Issue);
    let checking = OrderState { unknown, ..state(Phase::Asking(Action::Check)) };
    let lost = next(&checking, Standing::Free, woken(2_000));
    for order in [checking, lost] {
        let unanswered = next(&order, Standing::Ours, reply(Answer::Unanswered, able()));
        let wanted = next(&unanswered, Standing::Free, canceled());
        assert_eq!(action(&wanted), Some(Action::Check), "the authority may not have it");
    }
}

#[test]
fn a_check_does_not_tell_whether_a_cancellation_arrived() {
    let (unknown, cancel) = (Some(Action::Cancel), Cancel::Told);
    let checking = OrderState { unknown, cancel, failures: 1, ..state(Phase::Asking(Action::Check)) };
    for method in [None, Some(RetryMethod::Check)] {
        let waits = next(&checking, Standing::Ours, asking_for(method, Answer::WaitingForCa));
        assert_eq!((action(&waits), waits.failures), (Some(Action::Cancel), 1));
    }
}

/// A call of the plugin that had no effect did not cancel the order, whatever the plugin wants to be asked next.
#[test]
fn an_order_that_was_not_canceled_is_not_checked_instead() {
    let asked = next(&given_up(), Standing::Free, woken(2_000));
    for method in [RetryMethod::Check, RetryMethod::Modify] {
        let unreached = next(&asked, Standing::Ours, asking_for(Some(method), Answer::CaUnavailable));
        assert_eq!(action(&unreached), Some(Action::Cancel));
    }
    let checking = Some(Scheduled { action: Action::Check, at: at(2_000) });
    let underway = OrderState { unknown: Some(Action::Issue), scheduled: checking, ..given_up() };
    assert_eq!(
        action(&tried(&underway, Answer::InvalidOperation)),
        Some(Action::Cancel),
        "it may arrive later"
    );
}

#[test]
fn a_person_who_knows_that_the_order_arrived_lets_it_be_canceled_at_once() {
    let undecided = OrderState { unknown: Some(Action::Issue), ..state(Phase::Undecided) };
    let placed = Event::Decide { now: at(3_000), decision: Decision::Placed, can: Some(able()) };
    let wanted = next(&next(&undecided, Standing::Free, placed), Standing::Free, canceled());
    assert_eq!(action(&wanted), Some(Action::Cancel));
}

#[test]
fn a_person_knows_whether_the_authority_has_an_order() {
    let undecided = OrderState { is_placed: false, ..state(Phase::Undecided) };
    let decided = |decision| {
        next(&undecided, Standing::Free, Event::Decide { now: at(3_000), decision, can: Some(able()) })
    };
    let wanted = next(&decided(Decision::Placed), Standing::Free, canceled());
    assert_eq!(wanted.scheduled.map(|scheduled| scheduled.action), Some(Action::Cancel));
    let wanted = next(&decided(Decision::NotPlaced), Standing::Free, canceled());
    assert_eq!(wanted.phase, Phase::Finished(End::Canceled), "there is nothing to cancel");
}

#[test]
fn an_order_that_is_placed_again_gets_an_update_that_the_authority_never_had() {
    let (changing, unknown) = (Some(meta("{\"new\":1}")), Some(Action::Modify));
    let undecided = OrderState { changing, unknown, ..state(Phase::Undecided) };
    let decision = Event::Decide { now: at(3_000), decision: Decision::NotPlaced, can: Some(able()) };
    let asked = next(&next(&undecided, Standing::Free, decision), Standing::Free, woken(3_000));
    let placed = next(&asked, Standing::Ours, reply(Answer::WaitingForCa, able()));
    assert_eq!(placed.scheduled.map(|scheduled| scheduled.action), Some(Action::Modify));
    assert_eq!(placed.metadata.as_str(), "{}", "the order was placed with these");
}

#[test]
fn the_data_of_a_plugin_that_cancels_a_failed_order_is_stored() {
    let asked = next(&given_up(), Standing::Free, woken(2_000));
    let saved = next(&asked, Standing::Ours, Event::Checkpoint { plugin_meta: meta("{\"saved\":1}") });
    assert_eq!(saved.plugin_meta.as_str(), "{\"saved\":1}");
    let waiting = next(&saved, Standing::Ours, reply(Answer::WaitingForCa, able()));
    assert_eq!(waiting.plugin_meta.as_str(), "{\"asked\":1}");
}

#[test]
fn an_order_that_is_placed_again_gets_no_update_that_is_older_than_its_metadata() {
    let (changing, unknown) = (Some(meta("{\"old\":1}")), Some(Action::Modify));
    let undecided = OrderState { changing, unknown, ..state(Phase::Undecided) };
    let able = able().modifies(true);
    let decision = Event::Decide { now: at(3_000), decision: Decision::NotPlaced, can: Some(able) };
    let decided = next(&undecided, Standing::Free, decision);
    let newest = Event::Modify { now: at(3_000), metadata: meta("{\"new\":1}"), can: Some(able) };
    for before_the_call in [true, false] {
        let mut order = decided.clone();
        if before_the_call {
            order = next(&order, Standing::Free, newest.clone());
        }
        order = next(&order, Standing::Free, woken(3_000));
        if !before_the_call {
            order = next(&order, Standing::Others, newest.clone());
            order = next(&order, Standing::Ours, reply(Answer::Unavailable, able));
            let due = order.scheduled.unwrap().at;
            order = next(&order, Standing::Free, woken(due.as_milliseconds()));
        }
        let placed = next(&order, Standing::Ours, reply(Answer::WaitingForCa, able));
        assert_eq!(placed.metadata.as_str(), "{\"new\":1}");
        assert_eq!(placed.scheduled.map(|scheduled| scheduled.action), Some(Action::Check));
    }
}

/// Tests a deletion during the last call that cancels the order.
#[test]
fn an_order_stays_until_the_last_answer_of_its_authority() {
    let last = OrderState { failures: limits().retries.attempts - 1, ..given_up() };
    let asked = next(&last, Standing::Free, woken(2_000));
    let deleted = next(&asked, Standing::Others, Event::Delete { now: at(2_000) });
    let late = next(&deleted, Standing::Ours, reply(Answer::Generated(certificate("late")), able()));
    assert!(late.late.is_some());
    let due = deleted.scheduled.unwrap().at.as_milliseconds();
    // Another worker wanted to wake the order at the same time, and was overtaken.
    let early = stepped(&deleted, Standing::Free, woken(due - 1)).err();
    assert_eq!(early, Some(TransitionError::NotDue));
    let gone = stepped(&deleted, Standing::Free, woken(due)).unwrap();
    assert!(gone.state.is_none(), "the worker was lost, and the attempts are used up");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_failed_order_is_canceled_if_the_authority_may_work_on_it_and_cancels(events in any_events(1..24)) {
        played(events, |before, event, step| {
            let (Some(before), Some(after)) = (before, &step.state) else { return Ok(()) };
            let has_failed = after.phase == Phase::Finished(End::Failed) && before.phase != after.phase;
            if !has_failed || after.certificate.is_some() {
                return Ok(());
            }
            let (can, is_ended) = match event {
                Event::Wake { setup, .. } => (setup.can, false),
                Event::Decide { can, .. } => (can.unwrap_or(able()), false),
                Event::Answered(answered) => {
                    let Phase::Asking(asked) = before.phase else { panic!("{before:?}") };
                    let is_told = match answered.answer {
                        Answer::InvalidOperation if asked == Action::Issue => true,
                        Answer::InvalidOperation | Answer::Broken | Answer::Unsupported => {
                            before.unknown != Some(Action::Issue)
                        }
                        _ => false,
                    };
                    (answered.setup.can, is_told)
                }
                _ => panic!("{event:?}"),
            };
            let cancels = after.scheduled.is_some_and(|scheduled| scheduled.action == Action::Cancel);
            prop_assert_eq!(cancels, can.cancels && after.is_placed && !is_ended, "{:?}", event);
            Ok(())
        })?;
    }

    /// Lets the authority answer, or the worker get lost, at each attempt to cancel a failed order.
    #[test]
    fn the_attempts_to_cancel_a_failed_order_are_limited_and_a_certificate_is_revoked(
        answers in prop::collection::vec(
            prop_oneof![prop::option::of(any_answer()), Just(Some(Answer::WaitingForCa))], 30,
        ),
    ) {
        let within = Duration::from_secs(60);
        let limits = limits().with_retries(limits().retries.with_within(within));
        let (ended, mut attempts) = (given_up(), 0);
        let mut order = ended.clone();
        for answer in answers {
            let Some(Scheduled { action: action @ (Action::Cancel | Action::Check), at: due }) = order.scheduled
            else {
                break;
            };
            let asked = step(&limits, Some(&order), Standing::Free, woken(due.as_milliseconds())).unwrap();
            order = asked.state.unwrap();
            if attempts == limits.retries.attempts {
                prop_assert_eq!((asked.command, order.scheduled), (None, None));
                break;
            }
            prop_assert_eq!(asked.command, Some(Command::Ask(action)));
            attempts += 1;
            let Some(answer) = answer else { continue };
            let Event::Answered(mut answered) = reply(answer.clone(), able()) else { unreachable!() };
            answered.again.now = due;
            let told = step(&limits, Some(&order), Standing::Ours, Event::Answered(answered)).unwrap();
            order = told.state.unwrap();
            let result = |state: &OrderState| (state.phase, state.message.clone(), state.sub_status);
            prop_assert_eq!(result(&order), result(&ended));
            let next = self::action(&order);
            match answer {
                Answer::Generated(brought) | Answer::Rejected(Some(brought)) => {
                    let late = order.late.as_ref().map(|late| &late.certificate);
                    prop_assert_eq!(late, Some(&brought.certificate));
                    prop_assert_eq!((next, order.failures), (Some(Action::Revoke), 0));
                }
                Answer::WaitingForCa | Answer::ClientDataIssue => {
                    prop_assert_eq!(next, Some(Action::Check));
                    if due < ended.since.plus(within) {
                        attempts = 0;
                    }
                }
                _ => {}
            }
            if let Some(Scheduled { action: Action::Cancel | Action::Check, at }) = order.scheduled {
                prop_assert!(at >= due.plus(Duration::from_secs(5)), "never earlier than the plugin says");
            }
        }
        let is_left = matches!(self::action(&order), Some(Action::Cancel | Action::Check));
        prop_assert!(!is_left, "{:?}", order);
    }
}
