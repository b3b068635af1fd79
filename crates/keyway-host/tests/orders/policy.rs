//! Tests the policy of the host, which judges requests and certificates.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::Owner;
use keyway_conformance::certificates::{CaCall, ScriptedCa};
use keyway_core::{ErrorKind, PluginError};
use keyway_host::orders::{Action, AllowList, End, KeyType, NamePattern, NewOrder, Phase, Renewal, Rule};

use crate::issued::{CERTIFICATE, REQUEST, ROOT, issued, simple_cmc, simple_cmc_of};
use crate::world::*;

fn names(pattern: &str) -> Rule {
    Rule::new().name(NamePattern::new(pattern).unwrap())
}

#[tokio::test]
async fn the_policy_of_the_host_judges_requests_and_certificates() {
    let clock = Arc::default();
    let start = |rule| {
        let ca = ScriptedCa::new().looks(0).with_certificate(issued(CERTIFICATE, ROOT));
        let builder = builder(&memory(), &ring(), &clock).authority(given("ca", &ca));
        World::start(builder.order_policy(AllowList::new().owner(joe(), rule)), &clock)
    };
    let world = start(names("*.example.com").key_type(KeyType::Ed25519)).await;
    let order = world.submit(simple_cmc()).await.unwrap();
    world.work().await;
    assert_eq!(world.look(&order).await.state.phase, Phase::Finished(End::Generated));
    for rule in [names("*.example.org"), names("*.example.com").key_type(KeyType::EcdsaP256)] {
        let refused = start(rule).await.submit(simple_cmc()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Denied, "{refused}");
    }
    // A plugin also signs the request of a custom order, so it is judged as well.
    let world = start(names("*.example.org")).await;
    let data = STANDARD.encode(REQUEST);
    let custom = NewOrder::new(joe(), metadata(&format!("{{\"request_data\": \"{data}\"}}")));
    assert_eq!(world.submit(custom).await.unwrap_err().kind(), ErrorKind::Denied);
    let other = NewOrder::new(Owner::new("eve").unwrap(), metadata("{}"));
    assert_eq!(world.submit(other).await.unwrap_err().kind(), ErrorKind::Denied);

    // The key of a custom request is judged once the certificate exists.
    let world = start(names("*.example.com").key_type(KeyType::Ed25519)).await;
    let order = world.submit(new_order()).await.unwrap();
    world.work().await;
    assert_eq!(world.look(&order).await.state.phase, Phase::Finished(End::Generated));

    // A common name is a name, too.
    let world = start(names("*.example.com")).await;
    let refused = world.submit(simple_cmc_of(include_str!("pem/common_name.pem"))).await.unwrap_err();
    assert!(refused.to_string().contains("door.example.org"), "{refused}");

    // The host learns the names of a custom request from the certificate.
    let world = start(names("*.example.org")).await;
    let order = world.submit(new_order()).await.unwrap();
    world.work().await;
    let failed = world.look(&order).await;
    assert_eq!(failed.state.phase, Phase::Finished(End::Failed));
    assert!(failed.state.message.contains("door.example.com"), "{}", failed.state.message);
}

/// Tests that a host with another policy than the one under which an order was placed does not send the order, and that
/// the policy of the present decides about a renewal.
#[tokio::test]
async fn the_policy_of_the_present_judges_orders_of_the_past() {
    let (storage, keys, clock) = (memory(), ring(), Arc::default());
    let capabilities = ScriptedCa::CAPABILITIES.renewal_information(false);
    let ca = ScriptedCa::new()
        .looks(0)
        .with_capabilities(capabilities)
        .with_certificate(issued(CERTIFICATE, ROOT));
    let host = async |rule| {
        let builder = builder(&storage, &keys, &clock).authority(given("ca", &ca));
        World::start(builder.order_policy(AllowList::new().owner(joe(), rule)), &clock).await
    };
    let (allows, refuses) = (names("*.example.com"), names("*.example.org"));
    let wanted = || simple_cmc().with_renewal(Renewal::default());
    let first = host(allows.clone()).await.submit(wanted()).await.unwrap();
    let world = host(refuses.clone()).await;
    world.work().await;
    let failed = world.look(&first).await.state;
    assert_eq!((failed.phase, ca.calls(CaCall::Issue)), (Phase::Finished(End::Failed), 0));
    assert!(failed.message.contains("door.example.com"), "{}", failed.message);

    let world = host(allows.clone()).await;
    let second = world.submit(wanted()).await.unwrap();
    world.work().await;
    assert_eq!(world.look(&second).await.state.phase, Phase::Finished(End::Generated));
    let century = Duration::from_secs(67 * 365 * 24 * 3600);
    let world = host(refuses).await;
    world.pass(century).await;
    let waiting = world.look(&second).await.state;
    assert_eq!((waiting.scheduled.unwrap().action, ca.calls(CaCall::Issue)), (Action::Renew, 1));
    assert!(waiting.renewal.unwrap().order().is_none());
    // The renewal is placed as soon as the policy allows it again.
    let world = host(allows).await;
    world.pass(DELAY).await;
    assert!(world.look(&second).await.state.renewal.unwrap().order().is_some());
    assert_eq!(ca.calls(CaCall::Issue), 2);
}
