//! Tests a gateway that answers in place of the server, with pages that are none of ACME.

use keyway_certificates::{
    CertificateAuthority as _, CertificateRevocation, IntendedCall, IntentId, OrderOutcome, Reconciled,
    RevocationReason,
};
use pollster::block_on;

use crate::support::{Desk, TestOrder, certified};

fn answers(desk: &Desk, operation: &str, status: u16) {
    desk.server.set(|settings| settings.gateway = Some((operation.into(), status)));
}

fn is_gone(desk: &Desk) {
    desk.server.set(|settings| settings.gateway = None);
}

#[test]
fn an_order_waits_for_the_server_behind_a_gateway() {
    for (operation, status) in [
        ("directory", 404),
        ("directory", 200),
        ("newNonce", 403),
        ("newNonce", 200),
        ("newAccount", 407),
        ("newAccount", 200),
        ("newOrder", 404),
        ("newOrder", 200),
        ("authorization", 403),
        ("authorization", 200),
        ("challenge", 400),
        ("challenge", 200),
        ("order", 404),
        ("finalize", 403),
        ("finalize", 200),
        ("certificate", 404),
        ("certificate", 200),
    ] {
        let desk = Desk::new();
        let acme = desk.open();
        let order = TestOrder::new("order", &["door.example.com"]);
        answers(&desk, operation, status);
        for outcome in [block_on(acme.issue(&order.order)), block_on(acme.issue(&order.order))] {
            assert!(
                matches!(&outcome, Ok(outcome) if outcome.waiting().is_some()),
                "{operation}: {outcome:?}"
            );
        }
        is_gone(&desk);
        certified(&acme, &order);
        assert_eq!(desk.server.proofs(), [], "{operation}");
        assert_eq!(desk.server.issued(), ["door.example.com"], "{operation}");
    }
}

#[test]
fn a_gateway_is_a_failure_that_the_host_counts_and_the_host_knows_of_the_order() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    // If the host did not know that the order is placed, a cancel would not reach the plugin.
    for status in [403, 429] {
        answers(&desk, "challenge", status);
        let outcome = block_on(acme.issue(&order.order)).unwrap();
        assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
        let outcome = block_on(acme.check(&order.order)).unwrap();
        assert!(matches!(outcome, OrderOutcome::CaUnavailable(_)), "{outcome:?}");
    }
    assert_eq!(desk.server.proofs().len(), 1);
    is_gone(&desk);
    certified(&acme, &order);
}

#[test]
fn a_cancel_behind_a_gateway_removes_the_proofs_and_waits_for_the_server() {
    for (operation, status) in [("order", 404), ("deactivate", 404), ("deactivate", 200)] {
        let desk = Desk::new();
        let acme = desk.open();
        let order = TestOrder::new("order", &["door.example.com"]);
        desk.server.set(|settings| settings.hidden_for = Some(std::time::Duration::from_secs(60)));
        block_on(acme.issue(&order.order)).unwrap();
        assert_eq!(desk.server.proofs().len(), 1);
        answers(&desk, operation, status);
        let outcome = block_on(acme.cancel(&order.order)).unwrap();
        assert!(matches!(outcome, OrderOutcome::CaUnavailable(_)), "{operation}: {outcome:?}");
        assert_eq!(desk.server.proofs(), [], "{operation}");
        let question = || IntendedCall::Cancel(order.order.clone()).into();
        if operation == "order" {
            block_on(acme.reconcile(&question())).unwrap_err();
        }
        is_gone(&desk);
        assert_eq!(block_on(acme.reconcile(&question())).unwrap(), Reconciled::NothingHappened);
        let outcome = block_on(acme.cancel(&order.order)).unwrap();
        assert!(matches!(outcome, OrderOutcome::Canceled(_)), "{operation}: {outcome:?}");
        assert_eq!(block_on(acme.reconcile(&question())).unwrap(), Reconciled::Destroyed);
        assert_eq!(desk.server.issued(), Vec::<String>::new());
    }
}

#[test]
fn a_page_of_a_gateway_is_no_revocation() {
    let desk = Desk::new();
    let acme = desk.open();
    let issued = certified(&acme, &TestOrder::new("order", &["door.example.com"]));
    let intent = IntentId::new("revoke-1").unwrap();
    let request = CertificateRevocation::new(intent, issued.certificate, RevocationReason::KeyCompromise);
    answers(&desk, "revokeCert", 200);
    block_on(acme.revoke(&request)).unwrap_err();
    is_gone(&desk);
    let question = IntendedCall::Revoke(request.clone()).into();
    assert_eq!(block_on(acme.reconcile(&question)).unwrap(), Reconciled::NothingHappened);
    block_on(acme.revoke(&request)).unwrap();
}

#[test]
fn a_list_that_cannot_be_read_is_no_list() {
    for (operation, status) in [("orders", 404), ("orders", 200), ("account", 405)] {
        let desk = Desk::new();
        let acme = desk.open();
        let order = TestOrder::new("order", &["door.example.com"]);
        desk.server.set(|settings| settings.lost = Some("newOrder".into()));
        block_on(acme.issue(&order.order)).unwrap();
        answers(&desk, operation, status);
        certified(&acme, &order);
        assert_eq!(desk.server.finalizations(), [0, 1], "{operation}");
    }
}
