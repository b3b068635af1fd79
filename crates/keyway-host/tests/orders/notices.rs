//! Tests the notices of orders to listeners.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyway_certificates::{
    CaUnavailable, CertificateError, CertificateEvents, CertificateExpires, CertificateReady,
    IssuedCertificate, OrderOutcome, Pem, RevocationReason, Waiting, async_trait,
};
use keyway_conformance::certificates::{CaCall, ScriptedCa, Step};
use keyway_core::Clock;
use keyway_host::orders::{End, Phase, Renewal};

use crate::world::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A listener that records every event, and fails at the first events.
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

    async fn certificate_expires(&self, event: &CertificateExpires) -> Result<(), CertificateError> {
        self.hear(format!("expires {}", event.order))
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

/// Tests that a listener that fails or panics is told again, and that its failure does not change the order.
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

/// Tests that listeners hear of a certificate some time before it expires, unless it is renewed or revoked.
#[tokio::test]
async fn listeners_hear_that_a_certificate_expires() {
    let years = |years: u32| 365 * DAY * years;
    let issued = IssuedCertificate::new(Pem::new(include_str!("pem/certificate.pem")).unwrap());
    let capabilities = ScriptedCa::CAPABILITIES.renewal_information(false);
    let ca = ScriptedCa::new().looks(0).with_certificate(issued).with_capabilities(capabilities);
    let listener = Arc::new(Listener::default());
    let world = world(&ca, &listener).await;
    let plain = world.placed().await;
    let renewed = world.submit(new_order().with_renewal(Renewal::default())).await.unwrap();
    let revoked = world.placed().await;
    world.work().await;
    world.revoke(&joe(), &revoked.id, RevocationReason::Superseded).await.unwrap();
    world.pass(years(99)).await;
    listener.heard.lock().unwrap().clear();
    let expires = world.look(&plain).await.state.expires.unwrap();
    let left = expires.minus(15 * DAY).as_milliseconds() - world.clock.now().as_milliseconds();
    world.pass(Duration::from_millis(left)).await;
    assert!(!listener.heard().iter().any(|heard| heard.starts_with("expires")), "{:?}", listener.heard());
    world.pass(2 * DAY).await;
    let heard = listener.heard();
    assert!(heard.contains(&format!("expires {}", plain.id)), "{heard:?}");
    for silent in [renewed.id, revoked.id] {
        assert!(!heard.contains(&format!("expires {silent}")), "{heard:?}");
    }
    assert!(world.delete(&joe(), &plain.id).await.unwrap().is_none());
}
