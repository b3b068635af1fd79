//! Checks certificates that come back, and logs the good ones.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::{CertificateStatus, IssuedCertificate, OrderMetadata, Owner, Pem};
use keyway_conformance::certificates::ScriptedCa;
use keyway_core::{ErrorKind, Json, JsonObject, PluginError};
use keyway_host::orders::{
    AllowList, End, IssuedBy, KeyType, NamePattern, NewOrder, Order, OrderStatus, Phase, Rule,
};

use crate::world::*;

const REQUEST: &str = include_str!("pem/request.pem");
const CERTIFICATE: &str = include_str!("pem/certificate.pem");
const ROOT: &str = include_str!("pem/root.pem");

fn issued(certificate: &str, intermediates: &str) -> IssuedCertificate {
    IssuedCertificate::new(Pem::new(certificate).unwrap())
        .with_intermediates(Pem::new(intermediates).unwrap())
}

fn simple_cmc() -> NewOrder {
    simple_cmc_of(REQUEST)
}

fn simple_cmc_of(request: &str) -> NewOrder {
    let data = Json::from(STANDARD.encode(request));
    let mut fields = JsonObject::new();
    fields.insert("request_type".to_owned(), "simple-cmc".into());
    fields.insert("request_data".to_owned(), data);
    NewOrder::new(joe(), OrderMetadata::new(fields).unwrap())
}

async fn ended(ca: ScriptedCa, order: NewOrder, later: Duration) -> (World, Order) {
    let world = start(&ca.looks(0)).await;
    world.clock.advance(later);
    let order = world.submit(order).await.unwrap();
    world.work().await;
    let order = world.look(&order).await;
    (world, order)
}

#[tokio::test]
async fn a_certificate_that_breaks_a_rule_ends_the_order_and_is_kept_in_quarantine() {
    let century = Duration::from_secs(120 * 366 * 24 * 3600);
    let none = Duration::ZERO;
    for (certificate, intermediates, later, reason) in [
        (ROOT, ROOT, none, "key"),
        (CERTIFICATE, CERTIFICATE, none, "names another issuer"),
        (CERTIFICATE, ROOT, century, "valid"),
        ("no certificate", ROOT, none, "PEM"),
        (CERTIFICATE, "no certificate", none, "PEM"),
    ] {
        let ca = ScriptedCa::new().with_certificate(issued(certificate, intermediates));
        let (world, order) = ended(ca, simple_cmc(), later).await;
        let state = order.state;
        assert_eq!((state.phase, state.status()), (Phase::Finished(End::Failed), OrderStatus::Error));
        assert!(state.message.contains(reason), "{reason}: {}", state.message);
        assert_eq!(state.sub_status, Some(CertificateStatus::Generated));
        assert_eq!(state.certificate.unwrap().certificate.as_str(), certificate, "it is kept");
        assert!(order.container.is_none());
        let logged = world.issued(IssuedBy::Name("door.example.com"), None, 9).await.unwrap();
        assert!(logged.entries.is_empty(), "it is not in use, so it is not in the log");
    }
    // Another key than that of the request.
    let (_, order) = ended(ScriptedCa::new(), simple_cmc(), none).await;
    assert!(order.state.message.contains("key"), "{}", order.state.message);
}

#[tokio::test]
async fn a_good_certificate_is_found_in_the_log_by_serial_and_by_name() {
    let ca = ScriptedCa::new().with_certificate(issued(CERTIFICATE, ROOT));
    let (world, order) = ended(ca, simple_cmc(), Duration::ZERO).await;
    assert_eq!(order.state.phase, Phase::Finished(End::Generated), "{}", order.state.message);
    for by in [IssuedBy::Serial("1f2e3d"), IssuedBy::Name("door.example.com")] {
        let page = world.issued(by, None, 9).await.unwrap();
        let [entry] = page.entries.as_slice() else { panic!("{by:?}: {page:?}") };
        assert_eq!((&entry.order, &entry.owner, entry.serial.as_str()), (&order.id, &joe(), "1f2e3d"));
        assert_eq!(entry.names, ["door.example.com"]);
        assert!(page.next.is_none());
    }
    for by in [IssuedBy::Serial("1f"), IssuedBy::Name("example.com"), IssuedBy::Name("1f2e3d")] {
        assert!(world.issued(by, None, 9).await.unwrap().entries.is_empty(), "{by:?}");
    }
    assert!(world.delete(&joe(), &order.id).await.unwrap().is_none());
    let page = world.issued(IssuedBy::Serial("1f2e3d"), None, 9).await.unwrap();
    assert_eq!(page.entries.len(), 1, "the log outlives the order");

    // Other orders with the same certificate, a page at a time.
    for _ in 0..2 {
        world.submit(simple_cmc()).await.unwrap();
    }
    world.work().await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = world.issued(IssuedBy::Name("door.example.com"), after.as_ref(), 2).await.unwrap();
        seen.extend(page.entries.into_iter().map(|entry| entry.order));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn the_policy_of_the_host_judges_requests_and_certificates() {
    let clock = Arc::default();
    let start = |rule| {
        let ca = ScriptedCa::new().looks(0).with_certificate(issued(CERTIFICATE, ROOT));
        let builder = builder(&memory(), &ring(), &clock).authority(given("ca", &ca));
        World::start(builder.order_policy(AllowList::new().owner(joe(), rule)), &clock)
    };
    let names = |pattern| Rule::new().name(NamePattern::new(pattern).unwrap());
    let world = start(names("*.example.com").key_type(KeyType::Ed25519)).await;
    let order = world.submit(simple_cmc()).await.unwrap();
    world.work().await;
    assert_eq!(world.look(&order).await.state.phase, Phase::Finished(End::Generated));
    for rule in [names("*.example.org"), names("*.example.com").key_type(KeyType::EcdsaP256)] {
        let refused = start(rule).await.submit(simple_cmc()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Denied, "{refused}");
    }
    let other = NewOrder::new(Owner::new("eve").unwrap(), metadata("{}"));
    assert_eq!(world.submit(other).await.unwrap_err().kind(), ErrorKind::Denied);

    // The key of a custom request is judged when its certificate is there.
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
