//! Tests how orders are placed, awaited, listed, canceled and deleted.

use std::time::Duration;

use keyway_certificates::{CertificateStatus, OrderId, Owner};
use keyway_conformance::certificates::{CaCall, ScriptedCa};
use keyway_core::{Clock, ErrorKind, PluginError};
use keyway_host::WorkOutcome;
use keyway_host::orders::{Action, End, OrderStatus, OrdersError, Phase, Scheduled, TransitionError};

use crate::world::*;

#[tokio::test]
async fn an_order_is_placed_checked_and_has_a_certificate() {
    let ca = ScriptedCa::new().looks(2);
    let world = start(&ca).await;
    let order = world.placed().await;
    assert_eq!((order.state.phase, order.state.status()), (Phase::Submitted, OrderStatus::Pending));
    assert_eq!(ca.calls(CaCall::Issue), 0, "the client's call stores a wish");

    world.work().await;
    let waiting = world.look(&order).await;
    assert_eq!(waiting.state.phase, Phase::Waiting);
    assert_eq!(waiting.state.sub_status, Some(CertificateStatus::WaitingForCa));
    assert_eq!(waiting.state.message, "The authority looks at the order.");
    let Some(Scheduled { action: Action::Check, at }) = waiting.state.scheduled else {
        panic!("{waiting:?}")
    };
    assert!(at >= world.clock.now().plus(DELAY), "not before the host's default delay");

    assert!(world.pass(Duration::from_secs(59)).await.is_empty(), "it is not asked too early");
    for _ in 0..2 {
        world.pass(2 * DELAY).await;
    }
    let ready = world.look(&order).await;
    assert_eq!(
        (ready.state.phase, ready.state.status()),
        (Phase::Finished(End::Generated), OrderStatus::Active)
    );
    assert_eq!(ready.state.sub_status, Some(CertificateStatus::Generated));
    assert!(ready.state.certificate.unwrap().certificate.as_str().contains("BEGIN CERTIFICATE"));
    assert_eq!((ca.calls(CaCall::Issue), ca.calls(CaCall::Check)), (1, 2));
    assert!(world.pass(100 * DELAY).await.is_empty(), "a finished order is left alone");
}

#[tokio::test]
async fn the_loop_of_the_host_works_on_orders_at_once() {
    let world = start(&ScriptedCa::new().looks(0)).await;
    let order = world.placed().await;
    let other = world.clone();
    let waited = async move {
        let owner = joe();
        let ended = other.wait_for(&owner, &order.id);
        tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap().unwrap()
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = world.host.clone();
    let run = tokio::spawn(async move { running.run(async { drop(stopped.await) }).await });
    assert_eq!(waited.await.state.phase, Phase::Finished(End::Generated));
    stop.send(()).unwrap();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn only_the_owner_sees_an_order() {
    let world = start(&ScriptedCa::new()).await;
    let order = world.placed().await;
    let eve = Owner::new("eve").unwrap();
    let refusals = [
        world.get(&eve, &order.id).await.unwrap_err(),
        world.cancel(&eve, &order.id).await.unwrap_err(),
        world.modify(&eve, &order.id, &metadata("{}")).await.unwrap_err(),
        world.get(&joe(), &OrderId::new("no-order").unwrap()).await.unwrap_err(),
    ];
    for refused in refusals {
        assert!(matches!(refused, OrdersError::Refused(TransitionError::NoOrder)), "{refused}");
        assert_eq!(refused.kind(), ErrorKind::NotFound);
    }
    assert!(world.delete(&eve, &order.id).await.unwrap().is_none());
    assert!(world.list(&eve).await.unwrap().is_empty());
    let second = world.placed().await;
    let listed: Vec<_> = world.list(&joe()).await.unwrap().into_iter().map(|order| order.id).collect();
    assert!(listed.len() == 2 && listed.contains(&order.id) && listed.contains(&second.id));
}

#[tokio::test]
async fn a_request_with_an_id_is_placed_once() {
    let ca = ScriptedCa::new();
    let world = start(&ca).await;
    let request = || new_order().with_request_id("request-7");
    let (first, second) = tokio::join!(world.submit(request()), world.submit(request()));
    let first = first.unwrap();
    assert_eq!(first.id, second.unwrap().id);
    world.work().await;
    assert_eq!(world.submit(request()).await.unwrap().state.phase, Phase::Waiting);
    assert_eq!(ca.calls(CaCall::Issue), 1);
    assert!(ca.calls(CaCall::Supports) <= 2, "a request that is placed asks nobody again");
    let eve = Owner::new("eve").unwrap();
    let hers = keyway_host::orders::NewOrder::new(eve, metadata("{}")).with_request_id("request-7");
    assert_ne!(world.submit(hers).await.unwrap().id, first.id, "ids of requests belong to their owners");
}

#[tokio::test]
async fn a_canceled_order_ends_and_a_deleted_one_goes() {
    let ca = ScriptedCa::new().looks(9);
    let world = start(&ca).await;
    let (one, two, three) = (world.placed().await, world.placed().await, world.placed().await);
    let ended = world.cancel(&joe(), &one.id).await.unwrap();
    assert_eq!(ended.state.phase, Phase::Finished(End::Canceled), "the authority does not know it yet");
    world.work().await;
    let canceling = world.cancel(&joe(), &two.id).await.unwrap();
    assert_eq!(canceling.state.status(), OrderStatus::Pending);
    assert!(world.delete(&joe(), &three.id).await.unwrap().is_some(), "the authority is told first");
    let reports = world.work().await;
    assert!(reports.iter().any(|report| matches!(report.outcome, WorkOutcome::Gone)), "{reports:?}");
    let canceled = world.look(&two).await;
    assert_eq!(canceled.state.phase, Phase::Finished(End::Canceled));
    assert_eq!(canceled.state.sub_status, Some(CertificateStatus::Canceled));
    assert_eq!((ca.calls(CaCall::Issue), ca.calls(CaCall::Cancel)), (2, 2));
    assert_eq!(world.cancel(&joe(), &two.id).await.unwrap().state.phase, canceled.state.phase);
    assert!(world.delete(&joe(), &two.id).await.unwrap().is_none());
    let left: Vec<_> = world.list(&joe()).await.unwrap().into_iter().map(|order| order.id).collect();
    assert_eq!(left, [one.id]);
}

#[tokio::test]
async fn an_order_fails_at_its_own_deadline() {
    let ca = ScriptedCa::new().looks(9);
    let world = start(&ca).await;
    let deadline = world.clock.now().plus(Duration::from_secs(30));
    let order = world.submit(new_order().with_deadline(deadline)).await.unwrap();
    world.work().await;
    world.pass(Duration::from_secs(30)).await;
    let failed = world.look(&order).await;
    assert_eq!((failed.state.status(), ca.calls(CaCall::Check)), (OrderStatus::Error, 0));
    assert_eq!(failed.state.message, "the order's deadline has passed");
}
