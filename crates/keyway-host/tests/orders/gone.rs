//! Tests orders whose connection no host opens any more.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{
    CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder, OrderOutcome,
    OrderRequest, Support, async_trait,
};
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};
use keyway_core::Clock;
use keyway_host::orders::{Authority, End, Phase};

use crate::world::*;

/// An authority that takes the place of one that is gone, to end its orders.
#[derive(Debug)]
struct StandIn;

#[async_trait]
impl CertificateAuthority for StandIn {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }

    async fn supports(&self, _: &OrderRequest) -> Result<Support, CertificateError> {
        Ok(Support::no("The certificate authority is gone."))
    }

    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.check(order).await
    }

    async fn check(&self, _: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        Ok(OrderOutcome::InvalidOperation("The certificate authority is gone.".into()))
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn the_orders_of_a_connection_that_is_gone_are_reported_and_a_stand_in_ends_them() {
    let (storage, keys, clock) = (memory(), ring(), Arc::<TestClock>::default());
    let ca = ScriptedCa::new().looks(9);
    let host = || builder(&storage, &keys, &clock);
    let world = World::start(host().authority(given("ca", &ca)), &clock).await;
    let [waiting, deleted] = [world.placed().await, world.placed().await];
    let deadline = clock.now().plus(Duration::from_secs(1));
    let failed = world.submit(new_order().with_deadline(deadline)).await.unwrap();
    world.work().await;
    ca.script(CaCall::Cancel, [Step::fault(Fault::Unavailable)]);
    world.host.run_due(clock.advance(Duration::from_secs(1))).await.unwrap();
    let submitted = world.placed().await;

    let closed = World::start(host(), &clock).await;
    closed.delete(&joe(), &deleted.id).await.unwrap();
    assert!(closed.pass(100 * DELAY).await.is_empty());
    let health = closed.host.health().await.unwrap();
    let orders = health.engines.iter().find(|engine| engine.engine == "orders").unwrap();
    assert_eq!((orders.unowned_lanes, orders.overdue, orders.undecided), (1, 4, 0));

    let stand_in = Authority::with_authority(named("ca"), Arc::new(StandIn));
    let world = World::start(host().authority(stand_in), &clock).await;
    world.work().await;
    let health = world.host.health().await.unwrap();
    assert!(health.engines.iter().all(|engine| engine.unowned_lanes == 0 && engine.due == 0), "{health:?}");
    for order in [waiting, failed, submitted] {
        let ended = world.look(&order).await.state;
        assert_eq!((ended.phase, ended.scheduled), (Phase::Finished(End::Failed), None));
    }
    assert!(world.get(&joe(), &deleted.id).await.is_err());
}
