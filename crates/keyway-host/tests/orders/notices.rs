//! Tells listeners about orders.

use std::sync::{Arc, Mutex};

use keyway_certificates::{
    CaUnavailable, CertificateError, CertificateEvents, CertificateReady, OrderOutcome, Waiting, async_trait,
};
use keyway_conformance::certificates::{CaCall, ScriptedCa, Step};
use keyway_host::orders::{End, Phase};

use crate::world::*;

/// Notes every event, and fails at the first ones.
#[derive(Debug, Default)]
struct Listener {
    heard: Mutex<Vec<String>>,
    fails: Mutex<u32>,
}

impl Listener {
    fn hear(&self, event: String) -> Result<(), CertificateError> {
        self.heard.lock().unwrap().push(event);
        let fails = {
            let mut fails = self.fails.lock().unwrap();
            let left = fails.saturating_sub(1);
            std::mem::replace(&mut *fails, left)
        };
        match fails {
            0 => Ok(()),
            1 => panic!("needle in a listener"),
            _ => Err(CertificateError::refused("no", "no")),
        }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

#[async_trait]
impl CertificateEvents for Listener {
    async fn certificate_is_ready(&self, event: &CertificateReady) -> Result<(), CertificateError> {
        self.hear(format!("ready {}", event.order))
    }

    async fn ca_is_unavailable(&self, event: &CaUnavailable) -> Result<(), CertificateError> {
        self.hear(format!("unavailable {} {}", event.order, event.message))
    }
}

async fn world(ca: &ScriptedCa, listener: &Arc<Listener>) -> World {
    let clock = Arc::default();
    let builder = builder(&memory(), &ring(), &clock).authority(given("ca", ca));
    World::start(builder.certificate_events(Arc::clone(listener) as Arc<_>), &clock).await
}

#[tokio::test]
async fn listeners_hear_that_a_certificate_is_ready() {
    let (ca, listener) = (ScriptedCa::new().looks(0), Arc::new(Listener::default()));
    let world = world(&ca, &listener).await;
    let order = world.placed().await;
    world.work().await;
    assert_eq!(listener.heard(), [format!("ready {}", order.id)]);
    assert_eq!(world.look(&order).await.state.phase, Phase::Finished(End::Generated));
    world.pass(10 * DELAY).await;
    assert_eq!(listener.heard().len(), 1, "once is enough");
}

/// A listener that fails or panics is told again, and changes nothing at the order.
#[tokio::test]
async fn a_listener_that_fails_is_told_again() {
    let (ca, listener) = (ScriptedCa::new().looks(0), Arc::new(Listener::default()));
    *listener.fails.lock().unwrap() = 2;
    let world = world(&ca, &listener).await;
    let order = world.placed().await;
    world.work().await;
    let ready = world.look(&order).await;
    assert_eq!(ready.state.phase, Phase::Finished(End::Generated));
    for _ in 0..3 {
        world.pass(DELAY).await;
    }
    assert_eq!(listener.heard(), vec![format!("ready {}", order.id); 3]);
    assert_eq!(world.look(&order).await.state.certificate, ready.state.certificate);
}

#[tokio::test]
async fn listeners_hear_that_an_authority_cannot_be_reached() {
    let (ca, listener) = (ScriptedCa::new(), Arc::new(Listener::default()));
    let world = world(&ca, &listener).await;
    let order = world.placed().await;
    let down = OrderOutcome::CaUnavailable(Waiting::new("down"));
    ca.script(CaCall::Issue, [Step::outcome(down)]);
    world.work().await;
    assert_eq!(listener.heard(), [format!("unavailable {} down", order.id)]);
    world.pass(2 * DELAY).await;
    assert_eq!(ca.calls(CaCall::Issue), 2, "the schedule goes on");
}
