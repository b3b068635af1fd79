//! Tests orders without faults.

use keyway_acme::Proof;
use keyway_certificates::{CertificateAuthority as _, OrderOutcome, OrderRequest, Support};
use keyway_x509::AlternativeName;
use pollster::block_on;
use serde_json::json;

use crate::support::{Desk, TestOrder, certified, finished};

#[test]
fn an_order_needs_no_more_requests_than_the_protocol() {
    let desk = Desk::new();
    let acme = desk.open();
    certified(&acme, &TestOrder::new("first", &["door.example.com"]));
    assert_eq!(desk.server.proofs(), []);
    let before = desk.server.count_all();
    certified(&acme, &TestOrder::new("second", &["door.example.com"]));
    // The seven requests: a new order, its authorization, its challenge, a read of the order, the finalization, another
    // read of the order, and the certificate.
    assert_eq!(desk.server.count_all() - before, 7);
    assert_eq!(desk.server.finalizations(), [1, 1]);
    assert_eq!(desk.server.count("newAccount"), 1);
}

#[test]
fn many_orders_at_once_need_no_more_requests_than_the_protocol() {
    const WORKERS: u32 = 4;
    const ORDERS: u32 = 50;
    let desk = Desk::new();
    desk.server.set(|settings| settings.bad_nonce_every = 20);
    let acme = desk.open();
    certified(&acme, &TestOrder::new("first", &["door.example.com"]));
    let before = desk.server.count_all();
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let acme = &acme;
            scope.spawn(move || {
                for order in 0..ORDERS {
                    certified(
                        acme,
                        &TestOrder::new(&format!("order-{worker}-{order}"), &["door.example.com"]),
                    );
                }
            });
        }
    });
    // A worker requests a nonce when the other workers have taken all kept nonces.
    let needed = 7 * WORKERS * ORDERS;
    let asked = desk.server.count_all() - before;
    assert!((needed..=needed + 2 * WORKERS).contains(&asked), "{asked} instead of {needed}");
    assert_eq!(desk.server.finalizations(), vec![1; (WORKERS * ORDERS + 1) as usize]);
}

#[test]
fn a_name_and_its_wildcard_have_two_records_at_one_name() {
    let mut desk = Desk::new();
    desk.configuration["challenges"] = json!(["dns-01"]);
    let acme = desk.open();
    let order = TestOrder::new("wild", &["example.org", "*.example.org"]);
    let outcome = block_on(acme.issue(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
    let proofs = desk.server.proofs();
    let values: Vec<_> = proofs
        .iter()
        .map(|proof| match proof {
            Proof::Txt { name, value } if name == "_acme-challenge.example.org" => value,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(values.len(), 2);
    assert_ne!(values[0], values[1]);
    certified(&acme, &order);
    assert_eq!(desk.server.proofs(), []);
}

#[test]
fn a_proof_is_announced_when_it_can_be_seen() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("slow-zone", &["door.example.com"]);
    let delay = std::time::Duration::from_secs(120);
    desk.server.set(|settings| settings.hidden_for = Some(delay));
    let outcome = block_on(acme.issue(&order.order)).unwrap();
    assert_eq!(outcome.waiting().unwrap().retry_after, Some(delay));
    assert_eq!((desk.server.count("challenge"), desk.server.proofs().len()), (0, 1));
    certified(&acme, &order);
    assert_eq!((desk.server.count("challenge"), desk.server.proofs().len()), (1, 0));
}

#[test]
fn a_refused_proof_ends_the_order_with_the_reason_and_leaves_nothing() {
    let desk = Desk::new();
    let acme = desk.open();
    desk.server.set(|settings| settings.refuses_proofs = true);
    let outcome = finished(&acme, &TestOrder::new("refused", &["door.example.com"]).order).unwrap();
    let OrderOutcome::InvalidOperation(reason) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        reason.as_str(),
        "The certificate authority refused the order. door.example.com: No proof is shown."
    );
    assert_eq!(desk.server.proofs(), []);
}

#[test]
fn a_rejected_name_is_told_to_the_client() {
    let desk = Desk::new();
    let outcome = finished(&desk.open(), &TestOrder::new("rejected", &["door.invalid"]).order).unwrap();
    let OrderOutcome::InvalidOperation(reason) = outcome else { panic!("{outcome:?}") };
    assert_eq!(reason.as_str(), "The certificate authority refused: door.invalid cannot have a certificate.");
}

#[test]
fn only_what_the_server_can_certify_is_supported() {
    let mut desk = Desk::new();
    desk.configuration["challenges"] = json!(["http-01"]);
    let acme = desk.open();
    let asked = |order: &TestOrder| {
        block_on(acme.supports(&OrderRequest::new(order.order.metadata.clone()))).unwrap()
    };
    assert_eq!(asked(&TestOrder::new("plain", &["door.example.com"])), Support::Yes);
    let [dns, wildcard] =
        ["door.example.com", "*.example.com"].map(|name| AlternativeName::dns(name).unwrap());
    let email = AlternativeName::email("joe@example.com").unwrap();
    for (subject, names, word) in [
        (None, vec![wildcard], "dns-01"),
        (None, vec![dns.clone(), email], "host names and IP addresses only"),
        (Some("CN=Joe Doe"), vec![dns.clone()], "common name"),
        (Some("CN=door.example.com,O=Example"), vec![dns.clone()], "nothing else of it"),
    ] {
        let Support::No { reason } = asked(&TestOrder::of("odd", subject, &names, &json!({}))) else {
            panic!("{subject:?}: {names:?}")
        };
        assert!(reason.as_str().contains(word), "{reason}");
    }
    assert_eq!(asked(&TestOrder::of("named", Some("CN=door.example.com"), &[dns], &json!({}))), Support::Yes);
    assert_eq!(desk.server.count_all(), 0);
}

#[test]
fn an_order_stays_as_it_was_placed() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("fixed", &["door.example.com"]);
    block_on(acme.issue(&order.order)).unwrap();
    let kept = order.order.plugin_meta.snapshot();
    let refused = block_on(acme.modify(&order.order)).unwrap_err();
    assert!(matches!(refused, keyway_certificates::CertificateError::Unsupported { .. }));
    assert_eq!(order.order.plugin_meta.snapshot(), kept);
    certified(&acme, &order);
}

#[test]
fn a_server_gets_no_proof_of_a_name_that_the_order_does_not_have() {
    for name in ["../../etc/door.example.com", "gate.example.com", "example.com"] {
        let desk = Desk::new();
        desk.server.set(|settings| settings.shown_name = Some(name.into()));
        let order = TestOrder::new("order", &["door.example.com"]);
        let outcome = block_on(desk.open().issue(&order.order)).unwrap();
        let OrderOutcome::InvalidOperation(reason) = outcome else { panic!("{outcome:?}") };
        assert!(reason.as_str().contains("a name that the order does not have"), "{reason}");
        assert_eq!(desk.server.proofs(), []);
    }
}
