//! The work that authorities have of their own.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::RevocationReason;
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};

use crate::world::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Lets the host do what is due after so much time, and returns how often the authority was called.
async fn calls(world: &World, ca: &ScriptedCa, time: Duration) -> u64 {
    world.pass(time).await;
    // The calls run on tasks of their own.
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    ca.calls(CaCall::Maintain)
}

#[tokio::test]
async fn it_is_done_after_the_start_when_it_is_due_and_after_changes() {
    let clock: Arc<TestClock> = Arc::default();
    let ca = ScriptedCa::new().looks(0).with_clock(Arc::clone(&clock) as _);
    let world = World::start(builder(&memory(), &ring(), &clock).authority(given("ca", &ca)), &clock).await;
    assert_eq!(calls(&world, &ca, Duration::ZERO).await, 1);
    assert_eq!(calls(&world, &ca, MINUTE * 60 * 23).await, 1);
    assert_eq!(calls(&world, &ca, MINUTE * 60).await, 2, "the authority asked for it after a day");

    let order = world.placed().await;
    assert_eq!(calls(&world, &ca, MINUTE).await, 2, "an order is no reason");
    world.revoke(&joe(), &order.id, RevocationReason::KeyCompromise).await.unwrap();
    assert_eq!(calls(&world, &ca, Duration::ZERO).await, 3, "a revocation is one");

    ca.script(CaCall::Maintain, [Step::fault(Fault::Unavailable), Step::fault(Fault::Panics)]);
    assert_eq!(calls(&world, &ca, MINUTE * 60 * 24).await, 4);
    assert_eq!(calls(&world, &ca, Duration::ZERO).await, 4, "a failure is followed by a pause");
    assert_eq!(calls(&world, &ca, MINUTE).await, 5);
    assert_eq!(calls(&world, &ca, MINUTE).await, 6);
    assert_eq!(calls(&world, &ca, MINUTE * 60).await, 6, "it worked, and is due in a day");
}

#[tokio::test]
async fn an_authority_without_such_work_is_never_called() {
    let ca = ScriptedCa::new().with_capabilities(ScriptedCa::CAPABILITIES.maintains(false));
    let world = start(&ca).await;
    assert_eq!(calls(&world, &ca, MINUTE * 60 * 24).await, 0);
}
