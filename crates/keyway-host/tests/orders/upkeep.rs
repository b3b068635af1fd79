//! Tests the upkeep of authorities.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::RevocationReason;
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};

use crate::world::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Advances the clock, lets the host do what is due, and waits until the authority has got the `expected` number of
/// calls in all. A surplus call that comes later makes the next check fail.
async fn called(world: &World, ca: &ScriptedCa, time: Duration, expected: u64, because: &str) {
    world.pass(time).await;
    // The calls run on their own threads.
    for _ in 0..1_000 {
        if ca.calls(CaCall::Maintain) >= expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // The host needs a moment to note the answer.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ca.calls(CaCall::Maintain), expected, "{because}");
}

#[tokio::test]
async fn it_is_done_after_the_start_when_it_is_due_and_after_changes() {
    let clock: Arc<TestClock> = Arc::default();
    let ca = ScriptedCa::new().looks(0).with_clock(Arc::clone(&clock) as _);
    let world = World::start(builder(&memory(), &ring(), &clock).authority(given("ca", &ca)), &clock).await;
    called(&world, &ca, Duration::ZERO, 1, "it is called after the start").await;
    called(&world, &ca, MINUTE * 60 * 23, 1, "a day has not passed").await;
    called(&world, &ca, MINUTE * 60, 2, "the authority asked for it after a day").await;

    let order = world.placed().await;
    called(&world, &ca, MINUTE, 2, "an order is no reason").await;
    world.revoke(&joe(), &order.id, RevocationReason::KeyCompromise).await.unwrap();
    called(&world, &ca, Duration::ZERO, 3, "a revocation is one").await;

    ca.script(CaCall::Maintain, [Step::fault(Fault::Unavailable), Step::fault(Fault::Unavailable)]);
    called(&world, &ca, MINUTE * 60 * 24, 4, "it failed").await;
    called(&world, &ca, Duration::ZERO, 4, "a failure is followed by a pause").await;
    called(&world, &ca, MINUTE, 5, "it is tried again, and fails again").await;
    called(&world, &ca, MINUTE, 6, "it works again").await;
    called(&world, &ca, MINUTE * 60, 6, "it worked, and is due in a day").await;
}

#[tokio::test]
async fn an_authority_without_such_work_is_never_called() {
    let ca = ScriptedCa::new().with_capabilities(ScriptedCa::CAPABILITIES.maintains(false));
    let world = start(&ca).await;
    called(&world, &ca, MINUTE * 60 * 24, 0, "it declares none").await;
}
