//! Tests the revocation of certificates.

use std::time::Duration;

use keyway_certificates::RevocationReason;
use keyway_conformance::certificates::{CaCall, Fault, ScriptedCa, Step};
use keyway_core::{Clock, ErrorKind, PluginError};
use keyway_host::orders::{End, IssuedBy, Phase};

use crate::world::*;

#[tokio::test]
async fn a_revoked_certificate_is_marked_in_the_order_and_in_the_log() {
    let ca = ScriptedCa::new().looks(0);
    let world = start(&ca).await;
    let order = world.placed().await;
    let early = world.revoke(&joe(), &order.id, RevocationReason::Superseded).await.unwrap_err();
    assert_eq!(early.kind(), ErrorKind::Conflict, "{early}");
    world.work().await;

    ca.script(CaCall::Revoke, [Step::fault(Fault::Unavailable)]);
    world.revoke(&joe(), &order.id, RevocationReason::KeyCompromise).await.unwrap();
    world.work().await;
    let failed = world.look(&order).await.state.revocation.unwrap();
    assert!(!failed.revoked && failed.message.contains("cannot be reached"), "{failed:?}");
    world.pass(DELAY).await;
    let revoked = world.look(&order).await;
    assert_eq!(revoked.state.phase, Phase::Finished(End::Generated));
    let revocation = revoked.state.revocation.unwrap();
    assert!(revocation.revoked && revocation.reason == RevocationReason::KeyCompromise, "{revocation:?}");
    let logged = world.issued(IssuedBy::Name("door.example.com"), None, 9).await.unwrap();
    assert_eq!(logged.entries[0].revoked, Some(world.clock.now()));

    assert_eq!(ca.calls(CaCall::Revoke), 2);
    world.revoke(&joe(), &order.id, RevocationReason::Superseded).await.unwrap();
    assert!(world.pass(Duration::ZERO).await.is_empty(), "it is revoked already");
    let logged = world.issued(IssuedBy::Name("door.example.com"), None, 9).await.unwrap();
    assert_eq!(logged.entries.len(), 1);
}

#[tokio::test]
async fn an_authority_that_does_not_revoke_says_so_at_once() {
    let ca = ScriptedCa::new().looks(0).with_capabilities(ScriptedCa::CAPABILITIES.revokes(false));
    let world = start(&ca).await;
    let order = world.placed().await;
    world.work().await;
    let refused = world.revoke(&joe(), &order.id, RevocationReason::Superseded).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
}
