//! Tests that an order that the host gives up is canceled at its authority (decision H321).

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::Capabilities;
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};
use keyway_core::Clock;
use keyway_host::orders::{Action, Decision, End, Order, Phase};
use keyway_storage::Storage;

use crate::world::*;

const FAILED: Phase = Phase::Finished(End::Failed);

/// Places an order at an authority that works on it, with a deadline in a second.
async fn open(ca: &ScriptedCa) -> (World, Order) {
    let world = start(ca).await;
    let deadline = world.clock.now().plus(Duration::from_secs(1));
    let order = world.submit(new_order().with_deadline(deadline)).await.unwrap();
    world.work().await;
    (world, order)
}

fn canceled(ca: &ScriptedCa) -> usize {
    ca.effects().iter().filter(|effect| effect.call == CaCall::Cancel).count()
}

#[tokio::test]
async fn an_order_ends_at_its_deadline_and_is_canceled_at_its_authority_until_that_is_done() {
    let ca = ScriptedCa::new().looks(9).cancels_later(true);
    let (world, order) = open(&ca).await;
    ca.script(CaCall::Cancel, [Step::fault(Fault::Unavailable), Step::fault(Fault::LostAnswer)]);
    world.host.run_due(world.clock.advance(Duration::from_secs(1))).await.unwrap();
    let ended = world.look(&order).await;
    assert_eq!(ended.state.phase, FAILED, "the client does not wait for the authority");
    for _ in 0..9 {
        world.pass(10 * DELAY).await;
    }
    assert_eq!((ca.calls(CaCall::Cancel), ca.calls(CaCall::Check), canceled(&ca)), (3, 1, 1));
    let done = world.look(&order).await;
    assert_eq!((done.state.phase, done.state.scheduled), (FAILED, None));
    assert_eq!((done.state.message, done.state.sub_status), (ended.state.message, ended.state.sub_status));
}

#[tokio::test]
async fn an_order_whose_attempts_are_used_up_is_canceled_when_its_authority_is_there_again() {
    for call in [CaCall::Check, CaCall::Modify] {
        let ca = ScriptedCa::new().looks(9);
        let world = start(&ca).await;
        let order = world.placed().await;
        world.work().await;
        if call == CaCall::Modify {
            world.modify(&joe(), &order.id, &metadata("{}")).await.unwrap();
        }
        ca.script(call, (0..4).map(|_| Step::fault(Fault::Unavailable)));
        while world.look(&order).await.state.phase != FAILED {
            world.host.run_due(world.clock.advance(DELAY)).await.unwrap();
        }
        assert_eq!((ca.calls(call), ca.calls(CaCall::Cancel)), (4, 0));
        assert!(world.work().await.is_empty(), "the authority is not asked at once: it cannot be reached");
        world.pass(10 * DELAY).await;
        assert_eq!((canceled(&ca), world.look(&order).await.state.scheduled), (1, None), "{call:?}");
    }
}

#[tokio::test]
async fn an_order_that_a_person_gives_up_is_canceled_at_its_authority() {
    let ca = ScriptedCa::new().looks(9).with_capabilities(forgetful());
    let world = start(&ca).await;
    let order = world.placed().await;
    world.work().await;
    world.modify(&joe(), &order.id, &metadata("{}")).await.unwrap();
    ca.script(CaCall::Modify, [Step::fault(Fault::LostRequest)]);
    world.work().await;
    world.decide(&joe(), &order.id, Decision::GiveUp).await.unwrap();
    world.work().await;
    assert_eq!((world.look(&order).await.state.phase, canceled(&ca)), (FAILED, 1));
}

#[tokio::test]
async fn an_order_that_a_person_gives_up_is_canceled_when_its_connection_is_open_again() {
    let (storage, keys, clock) = (memory(), ring(), Arc::<TestClock>::default());
    let ca = ScriptedCa::new().looks(9).with_capabilities(forgetful());
    let host = || builder(&storage, &keys, &clock);
    let world = World::start(host().authority(given("ca", &ca)), &clock).await;
    let order = world.placed().await;
    world.work().await;
    world.modify(&joe(), &order.id, &metadata("{}")).await.unwrap();
    ca.script(CaCall::Modify, [Step::fault(Fault::LostRequest)]);
    world.work().await;
    let closed = World::start(host(), &clock).await;
    closed.decide(&joe(), &order.id, Decision::GiveUp).await.unwrap();
    assert!(closed.delete(&joe(), &order.id).await.unwrap().is_some(), "it waits for its connection");
    let world = World::start(host().authority(given("ca", &ca)), &clock).await;
    world.work().await;
    assert_eq!(canceled(&ca), 1);
    assert!(world.list(&joe()).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_attempts_to_cancel_a_failed_order_are_limited_and_a_deletion_waits_for_them() {
    let ca = ScriptedCa::new().looks(9);
    let (world, order) = open(&ca).await;
    ca.script(CaCall::Cancel, (0..9).map(|_| Step::fault(Fault::Unavailable)));
    world.pass(Duration::from_secs(1)).await;
    assert!(world.delete(&joe(), &order.id).await.unwrap().is_some());
    for _ in 0..9 {
        world.pass(10 * DELAY).await;
    }
    assert_eq!(ca.calls(CaCall::Cancel), 4);
    assert!(world.list(&joe()).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_authority_is_not_asked_to_cancel_an_order_that_it_cannot_cancel_or_does_not_have() {
    let able = ScriptedCa::CAPABILITIES;
    let asked = async |capabilities: Capabilities, fault: Option<Fault>| {
        let ca = ScriptedCa::new().looks(9).with_capabilities(capabilities);
        ca.script(CaCall::Issue, fault.map(Step::fault));
        let (world, order) = open(&ca).await;
        world.pass(10 * DELAY).await;
        assert_eq!(world.look(&order).await.state.phase, FAILED);
        ca.calls(CaCall::Cancel)
    };
    assert_eq!(asked(able.cancels(false), None).await, 0);
    assert_eq!(asked(able, Some(Fault::Unavailable)).await, 0);
    assert_eq!(asked(able, None).await, 1);
}

#[tokio::test]
async fn a_certificate_that_was_made_before_the_cancel_is_kept_as_late_and_revoked() {
    let ca = ScriptedCa::new().looks(1);
    let (world, order) = open(&ca).await;
    // The authority makes the certificate, and its answer is lost.
    let deadline = world.clock.now().plus(3 * DELAY);
    let other = world.submit(new_order().with_deadline(deadline)).await.unwrap();
    world.work().await;
    ca.script_order(&other.id, CaCall::Check, (0..9).map(|_| Step::fault(Fault::LostAnswer)));
    world.pass(2 * DELAY).await;
    ca.script(CaCall::Revoke, [Step::fault(Fault::Unavailable)]);
    world.pass(2 * DELAY).await;
    world.pass(10 * DELAY).await;
    let state = world.look(&other).await.state;
    assert_eq!((state.phase, state.certificate), (FAILED, None));
    assert!(state.late.is_some_and(|late| late.revoked), "{:?}", state.message);
    // The first order was canceled in time.
    assert!(world.look(&order).await.state.late.is_none());
    assert_eq!((canceled(&ca), ca.calls(CaCall::Revoke)), (1, 2));
}

/// Lets the process end at each commit, from the placing of an order to its end at the authority.
#[tokio::test]
async fn a_failed_order_is_canceled_at_its_authority_wherever_the_process_ends() {
    const LAST: u64 = 7;
    let mut ended = 0;
    for capabilities in [ScriptedCa::CAPABILITIES, forgetful()] {
        for commits in 0..=LAST {
            for variant in 0..4 {
                let (storage, keys, clock) = (memory(), ring(), Arc::<TestClock>::default());
                let ca = ScriptedCa::new().looks(9).with_capabilities(capabilities);
                let host =
                    |storage: &Arc<dyn Storage>| builder(storage, &keys, &clock).authority(given("ca", &ca));
                World::start(host(&storage), &clock).await;
                let dying = dying(&storage, commits, variant & 1 != 0, variant & 2 != 0);
                let world = World::start(host(&dying), &clock).await;
                let deadline = clock.now().plus(Duration::from_secs(1));
                let placed = new_order().with_deadline(deadline);
                let _ = world.submit(placed).await;
                for wait in [Duration::ZERO, DELAY, DELAY] {
                    let _ = world.host.run_due(clock.advance(wait)).await;
                }
                assert!(commits < LAST || canceled(&ca) == 1, "a whole life has more commits");

                let world = World::start(host(&storage), &clock).await;
                world.host.recover().await.unwrap();
                for _ in 0..9 {
                    world.pass(10 * DELAY).await;
                    for order in world.undecided(None, 9).await.unwrap().orders {
                        world.decide(&joe(), &order.id, Decision::GiveUp).await.unwrap();
                    }
                }
                let is_placed = ca.effects().iter().any(|effect| effect.call == CaCall::Issue);
                let case = format!("{capabilities:?} {commits} {variant}");
                assert_eq!((canceled(&ca), ca.doubled()), (usize::from(is_placed), vec![]), "{case}");
                for order in world.list(&joe()).await.unwrap() {
                    ended += 1;
                    let action = order.state.scheduled.map(|scheduled| scheduled.action);
                    assert_eq!((order.state.phase, action), (FAILED, None::<Action>), "{case}");
                }
            }
        }
    }
    assert!(ended > 50, "{ended}");
}
