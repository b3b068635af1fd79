//! Tests answers and faults of an authority, and the state of the order after them.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{Capabilities, CertificateStatus, OrderOutcome, RetryMethod, Waiting};
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};
use keyway_host::orders::{
    Action, Decision, End, Isolation, Limits, Order, OrderStatus, Phase, TransitionError,
};

use crate::world::*;

/// Places an order whose first call ends as the script says, and returns the order after that call.
async fn after(capabilities: Capabilities, step: Step) -> (World, ScriptedCa, Order) {
    after_call(capabilities, step, limits()).await
}

/// As [`after`], for a call that fails. Only a call that hangs has a short deadline: a busy machine may take seconds to
/// print a panic.
async fn after_fault(capabilities: Capabilities, fault: Fault) -> (World, ScriptedCa, Order) {
    let short = limits().with_deadline(Duration::from_millis(500));
    let hangs = matches!(fault, Fault::Hangs | Fault::HangsAfterwards);
    after_call(capabilities, Step::fault(fault), if hangs { short } else { limits() }).await
}

async fn after_call(capabilities: Capabilities, step: Step, limits: Limits) -> (World, ScriptedCa, Order) {
    let ca = ScriptedCa::new().looks(9).with_capabilities(capabilities);
    let clock = Arc::default();
    let builder = builder(&memory(), &ring(), &clock)
        .order_limits(limits.with_isolation(Isolation::Task))
        .authority(given("ca", &ca));
    let world = World::start(builder, &clock).await;
    let order = world.placed().await;
    ca.script(CaCall::Issue, [step]);
    world.host.run_due(world.clock.advance(Duration::ZERO)).await.unwrap();
    let order = world.look(&order).await;
    (world, ca, order)
}

fn waiting() -> Waiting {
    Waiting::new("please wait").retry_after(Duration::from_secs(5))
}

#[tokio::test]
async fn each_outcome_leads_where_the_seed_says() {
    let issue = Some(Action::Issue);
    let check = Some(Action::Check);
    let rows = [
        (OrderOutcome::WaitingForCa(waiting()), OrderStatus::Pending, check),
        (OrderOutcome::CaUnavailable(waiting()), OrderStatus::Pending, issue),
        (OrderOutcome::ClientDataIssue(waiting()), OrderStatus::Pending, check),
        (OrderOutcome::WaitingForCa(waiting().retry_method(RetryMethod::Issue)), OrderStatus::Pending, issue),
        (OrderOutcome::Canceled("please wait".into()), OrderStatus::Active, None),
        (OrderOutcome::InvalidOperation("please wait".into()), OrderStatus::Error, None),
    ];
    for (outcome, status, action) in rows {
        let sub_status = outcome.status();
        let (_, _, order) = after(ScriptedCa::CAPABILITIES, Step::outcome(outcome)).await;
        assert_eq!(order.state.status(), status, "{order:?}");
        assert_eq!(order.state.sub_status, Some(sub_status));
        assert_eq!(order.state.message, "please wait");
        assert_eq!(order.state.scheduled.map(|scheduled| scheduled.action), action, "{order:?}");
    }
}

#[tokio::test]
async fn a_fault_ends_the_order_or_is_settled_as_the_plugin_can() {
    let forgetful = ScriptedCa::CAPABILITIES.idempotent(false).reconciles(false);
    let reconciles = forgetful.reconciles(true);
    let all = ScriptedCa::CAPABILITIES;
    let next = |order: &Order| order.state.scheduled.map(|scheduled| scheduled.action);

    for capabilities in [forgetful, reconciles, all] {
        for fault in [Fault::Panics, Fault::PanicsAfterwards, Fault::Refused] {
            let (_, _, order) = after_fault(capabilities, fault).await;
            assert_eq!(order.state.phase, Phase::Finished(End::Failed), "{fault:?}: {order:?}");
            assert_eq!(order.state.sub_status, Some(CertificateStatus::InvalidOperation));
            assert!(!order.state.message.is_empty(), "the reason is kept");
        }
        let (_, _, order) = after_fault(capabilities, Fault::Unavailable).await;
        assert_eq!(next(&order), Some(Action::Issue), "nothing happened, so the same is asked again");
    }
    for fault in [Fault::Hangs, Fault::HangsAfterwards, Fault::LostRequest, Fault::LostAnswer] {
        let (_, _, order) = after_fault(all, fault).await;
        assert_eq!(next(&order), Some(Action::Issue), "{fault:?}: asked again with the same id");
        let (_, _, order) = after_fault(reconciles, fault).await;
        assert_eq!(next(&order), Some(Action::Reconcile), "{fault:?}");
    }
    // The authority failed before it made a checkpoint.
    for fault in [Fault::Hangs, Fault::LostRequest] {
        let (_, _, order) = after_fault(forgetful, fault).await;
        assert_eq!((order.state.phase, order.state.status()), (Phase::Undecided, OrderStatus::Pending));
    }
    for fault in [Fault::HangsAfterwards, Fault::LostAnswer] {
        let (_, _, order) = after_fault(forgetful, fault).await;
        assert_eq!(next(&order), Some(Action::Check), "{fault:?}: it made a checkpoint first");
    }
}

#[tokio::test]
async fn an_order_with_an_unknown_outcome_goes_on_after_the_question() {
    let reconciles = ScriptedCa::CAPABILITIES.idempotent(false);
    for fault in [Fault::LostAnswer, Fault::LostRequest] {
        let (world, ca, order) = after_fault(reconciles, fault).await;
        world.pass(DELAY).await;
        let goes_on = world.look(&order).await;
        assert_eq!(goes_on.state.phase, Phase::Waiting, "{fault:?}: {goes_on:?}");
        assert_eq!(ca.calls(CaCall::Reconcile), 1);
        assert_eq!(ca.calls(CaCall::Issue), if fault == Fault::LostAnswer { 1 } else { 2 });
        assert_eq!(ca.doubled(), []);
        let placed = ca.effects().iter().filter(|effect| effect.call == CaCall::Issue).count();
        assert_eq!(placed, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_person_decides_what_nobody_can_know() {
    for (decision, action, phase) in [
        (Decision::NotPlaced, CaCall::Issue, Phase::Waiting),
        (Decision::Placed, CaCall::Check, Phase::Finished(End::Failed)),
        (Decision::GiveUp, CaCall::Issue, Phase::Finished(End::Failed)),
    ] {
        let (world, ca, order) = after_fault(forgetful(), Fault::LostRequest).await;
        let page = world.undecided(None, 10).await.unwrap();
        assert_eq!(page.orders.iter().map(|order| &order.id).collect::<Vec<_>>(), [&order.id]);
        assert!(page.next.is_none());
        let refused = world.cancel(&joe(), &order.id).await.unwrap_err();
        assert_eq!(refused.to_string(), TransitionError::Undecided.to_string());
        let before = ca.calls(action);
        world.decide(&joe(), &order.id, decision).await.unwrap();
        world.work().await;
        assert_eq!(world.look(&order).await.state.phase, phase, "{decision:?}");
        assert_eq!(ca.calls(action), before + u64::from(decision != Decision::GiveUp), "{decision:?}");
        assert!(world.undecided(None, 10).await.unwrap().orders.is_empty());
    }
}

#[tokio::test]
async fn a_certificate_authority_that_never_answers_is_given_up() {
    let ca = ScriptedCa::new();
    let world = start(&ca).await;
    let order = world.placed().await;
    ca.script(CaCall::Issue, (0..9).map(|_| Step::fault(Fault::Unavailable)));
    for _ in 0..9 {
        world.pass(10 * DELAY).await;
    }
    let failed = world.look(&order).await;
    assert_eq!((failed.state.phase, ca.calls(CaCall::Issue)), (Phase::Finished(End::Failed), 4));
    assert!(failed.state.message.contains("cannot be reached"), "{}", failed.state.message);
}

/// Tests that the data that a plugin keeps with an order survives every kind of fault (decision B9).
#[tokio::test]
async fn the_data_of_a_plugin_is_stored_also_when_its_call_fails() {
    let faults = [Fault::LostAnswer, Fault::HangsAfterwards];
    for fault in faults {
        let (world, _, order) = after_fault(forgetful(), fault).await;
        // The scripted authority must find its ticket in the data. Otherwise it would answer that the operation is
        // invalid.
        world.pass(2 * DELAY).await;
        assert_eq!(world.look(&order).await.state.phase, Phase::Waiting, "{fault:?}");
    }
}

#[tokio::test]
async fn one_order_that_hangs_touches_no_other() {
    let ca = ScriptedCa::new().looks(0);
    let clock = Arc::default();
    let limits = limits().with_deadline(Duration::from_millis(300)).with_isolation(Isolation::Task);
    let builder = builder(&memory(), &ring(), &clock).order_limits(limits).authority(given("ca", &ca));
    let world = World::start(builder, &clock).await;
    let (hangs, works) = (world.placed().await, world.placed().await);
    ca.script_order(&hangs.id, CaCall::Issue, [Step::fault(Fault::Hangs)]);
    world.host.run_due(world.clock.advance(Duration::ZERO)).await.unwrap();
    assert_eq!(world.look(&works).await.state.phase, Phase::Finished(End::Generated));
    assert_eq!(world.look(&hangs).await.state.scheduled.unwrap().action, Action::Issue);
}
