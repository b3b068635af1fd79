//! Tests changes of orders that the authority knows, or about which it is being asked.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::OrderOutcome;
use keyway_certificates::{Capabilities, Waiting};
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};
use keyway_core::{ErrorKind, PluginError};
use keyway_host::orders::{Action, End, OrdersError, Phase, TransitionError};

use crate::world::*;

#[tokio::test]
async fn the_authority_takes_an_update_over() {
    let ca = ScriptedCa::new().looks(9);
    let world = start(&ca).await;
    let order = world.placed().await;
    world.work().await;
    let wished = world.modify(&joe(), &order.id, &metadata(r#"{"name": "new.example.com"}"#)).await.unwrap();
    assert_eq!(
        wished.metadata(),
        metadata(r#"{"name": "needle.example.com"}"#),
        "the CA does not have it yet"
    );
    world.work().await;
    let changed = world.look(&order).await;
    assert_eq!(changed.metadata(), metadata(r#"{"name": "new.example.com"}"#));
    assert_eq!(ca.calls(CaCall::Modify), 1);
    let intents: Vec<_> = ca.effects().into_iter().map(|effect| effect.intent).collect();
    assert_eq!(intents, [order.id.to_string(), format!("{}.modify.1", order.id)]);
}

#[tokio::test]
async fn an_authority_without_changes_leaves_the_order_as_it_was() {
    let ca = ScriptedCa::new().looks(9).with_capabilities(ScriptedCa::CAPABILITIES.modifies(false));
    let world = start(&ca).await;
    let order = world.placed().await;
    assert!(world.modify(&joe(), &order.id, &metadata("{}")).await.is_ok(), "it is not placed yet");
    world.work().await;
    let before = world.look(&order).await;
    let refused = world.modify(&joe(), &order.id, &metadata("{}")).await.unwrap_err();
    assert!(matches!(refused, OrdersError::Refused(TransitionError::NotModifiable)), "{refused}");
    let after = world.look(&order).await;
    assert_eq!((after.metadata(), after.state.phase), (before.metadata(), before.state.phase));

    // This authority can modify orders, but refuses this change.
    let ca = ScriptedCa::new().looks(9);
    let world = start(&ca).await;
    let order = world.placed().await;
    world.work().await;
    let before = world.look(&order).await;
    world.modify(&joe(), &order.id, &metadata(r#"{"name": "new.refused"}"#)).await.unwrap();
    ca.script(CaCall::Modify, [Step::fault(Fault::Refused)]);
    world.work().await;
    let after = world.look(&order).await;
    assert_eq!(after.state.phase, Phase::Finished(End::Failed), "a refusal is an error (B6)");
    assert_eq!(after.metadata(), before.metadata());
}

/// Tests an update that comes while the authority is told of an older one. The authority is told of the newer update
/// afterwards, with an intent of its own.
#[tokio::test]
async fn updates_follow_each_other() {
    let ca = ScriptedCa::new().looks(9);
    let world = start(&ca).await;
    let order = world.placed().await;
    world.work().await;
    world.modify(&joe(), &order.id, &metadata(r#"{"name": "one.example.com"}"#)).await.unwrap();
    ca.script(CaCall::Modify, [Step::work().after(Duration::from_millis(200))]);
    let working = tokio::spawn({
        let world = world.clone();
        async move { world.work().await }
    });
    until("the authority is told", || ca.calls(CaCall::Modify) == 1).await;
    world.modify(&joe(), &order.id, &metadata(r#"{"name": "two.example.com"}"#)).await.unwrap();
    working.await.unwrap();
    world.work().await;
    let changed = world.look(&order).await;
    assert_eq!(changed.metadata(), metadata(r#"{"name": "two.example.com"}"#));
    let intents: Vec<_> = ca.effects().into_iter().skip(1).map(|effect| effect.intent).collect();
    assert_eq!(intents, [1, 2].map(|number| format!("{}.modify.{number}", order.id)));
}

/// Tests that an update with an unknown outcome is repeated unchanged before the authority is told of a newer one.
#[tokio::test]
async fn an_update_that_was_cut_short_comes_before_a_newer_one() {
    let ca = ScriptedCa::new().looks(9);
    let world = start(&ca).await;
    let order = world.placed().await;
    world.work().await;
    world.modify(&joe(), &order.id, &metadata(r#"{"name": "one.example.com"}"#)).await.unwrap();
    ca.script(CaCall::Modify, [Step::fault(Fault::LostAnswer)]);
    world.host.run_due(world.clock.advance(Duration::ZERO)).await.unwrap();
    let unknown = world.look(&order).await;
    assert_eq!(unknown.state.scheduled.unwrap().action, Action::Modify, "{unknown:?}");
    world.modify(&joe(), &order.id, &metadata(r#"{"name": "two.example.com"}"#)).await.unwrap();
    world.pass(DELAY).await;
    assert_eq!(world.look(&order).await.metadata(), metadata(r#"{"name": "two.example.com"}"#));
    let intents: Vec<_> = ca.effects().into_iter().skip(1).map(|effect| effect.intent).collect();
    assert_eq!(intents, [1, 2].map(|number| format!("{}.modify.{number}", order.id)), "each had one effect");
}

#[tokio::test]
async fn a_cancel_while_the_authority_is_asked_follows_its_answer() {
    let ca = ScriptedCa::new().looks(9);
    let world = start(&ca).await;
    let order = world.placed().await;
    ca.script(CaCall::Issue, [Step::work().after(Duration::from_millis(200))]);
    let working = tokio::spawn({
        let world = world.clone();
        async move { world.work().await }
    });
    until("the authority is asked", || ca.calls(CaCall::Issue) == 1).await;
    let wished = world.cancel(&joe(), &order.id).await.unwrap();
    assert_eq!(wished.state.phase, Phase::Asking(Action::Issue));
    working.await.unwrap();
    world.work().await;
    assert_eq!(world.look(&order).await.state.phase, Phase::Finished(End::Canceled));
    assert_eq!((ca.calls(CaCall::Issue), ca.calls(CaCall::Cancel)), (1, 1));
}

#[tokio::test]
async fn a_certificate_that_comes_after_a_cancel_is_kept_and_revoked() {
    let ca = ScriptedCa::new().looks(1);
    let world = start(&ca).await;
    let order = world.placed().await;
    world.work().await;
    let waiting = OrderOutcome::WaitingForCa(Waiting::new("A clerk cancels it."));
    ca.script(CaCall::Cancel, [Step::outcome(waiting)]);
    world.cancel(&joe(), &order.id).await.unwrap();
    world.work().await;
    world.pass(2 * DELAY).await;
    let late = world.look(&order).await;
    assert_eq!((late.state.phase, late.state.certificate), (Phase::Finished(End::Canceled), None));
    assert!(late.state.late.is_some_and(|late| late.revoked), "it was revoked");
    assert_eq!(ca.calls(CaCall::Revoke), 1);
}

#[tokio::test]
async fn an_authority_that_cannot_cancel_does_not_hold_the_order() {
    let capabilities: Capabilities = ScriptedCa::CAPABILITIES.cancels(false).revokes(false);
    let ca = ScriptedCa::new().with_capabilities(capabilities);
    let clock = Arc::default();
    let world = World::start(builder(&memory(), &ring(), &clock).authority(given("ca", &ca)), &clock).await;
    let order = world.placed().await;
    world.work().await;
    world.cancel(&joe(), &order.id).await.unwrap();
    world.work().await;
    assert_eq!(world.look(&order).await.state.phase, Phase::Finished(End::Canceled));
}

#[tokio::test]
async fn a_change_keeps_the_kind_of_the_request_and_the_authority() {
    let world = start(&ScriptedCa::new()).await;
    let order = world.placed().await;
    for (field, change) in [
        (
            "request_type",
            r#"{"name": "needle.example.com", "request_type": "simple-cmc", "request_data": ""}"#,
        ),
        ("ca_id", r#"{"name": "needle.example.com", "ca_id": "0"}"#),
    ] {
        let refused = world.modify(&joe(), &order.id, &metadata(change)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
        assert!(refused.to_string().contains(field), "{refused}");
    }
}
