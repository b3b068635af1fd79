//! Tests the proofs of orders that share authorizations: the last of the orders leaves none.

use std::time::Duration;

use keyway_certificates::{CertificateAuthority as _, OrderOutcome};
use pollster::block_on;

use crate::support::{Desk, TestOrder, certified};

const HIDDEN: Duration = Duration::from_secs(60);

fn desk() -> Desk {
    let desk = Desk::new();
    desk.server.set(|settings| settings.shares_authorizations = true);
    desk
}

/// Places an order whose proofs are shown, and that has told the server of the first one only.
fn half_proved(desk: &Desk) -> TestOrder {
    let order = TestOrder::new("first", &["shared.example.com", "own.example.com"]);
    desk.server.set(|settings| settings.lost = Some("challenge".into()));
    let outcome = block_on(desk.open().issue(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
    assert_eq!(desk.server.proofs().len(), 2);
    order
}

#[test]
fn a_proof_of_an_authorization_that_was_valid_for_the_other_order_is_removed() {
    for is_canceled in [true, false] {
        let desk = desk();
        let acme = desk.open();
        let first = half_proved(&desk);
        let second = TestOrder::new("second", &["shared.example.com", "third.example.com"]);
        desk.server.set(|settings| settings.hidden_for = Some(HIDDEN));
        block_on(acme.issue(&second.order)).unwrap();
        if is_canceled {
            block_on(acme.cancel(&first.order)).unwrap();
        } else {
            desk.server.set(|settings| settings.refuses_proofs = true);
            block_on(acme.check(&first.order)).unwrap();
            desk.server.set(|settings| settings.refuses_proofs = false);
            let outcome = block_on(acme.check(&first.order)).unwrap();
            assert!(matches!(outcome, OrderOutcome::InvalidOperation(_)), "{outcome:?}");
        }
        certified(&acme, &second);
        assert_eq!(desk.server.proofs(), [], "{is_canceled}");
        let left = block_on(desk.storage.scan(&keyway_storage::KeyRange::all(), None, 99)).unwrap();
        assert_eq!(left.entries.len(), 1, "only the account");
    }
}

#[test]
fn a_proof_that_another_order_put_is_removed_by_the_last_one() {
    let desk = desk();
    let acme = desk.open();
    let names = ["shared.example.com"];
    let orders = ["one", "two", "three"].map(|id| TestOrder::new(id, &names));
    desk.server.set(|settings| settings.hidden_for = Some(HIDDEN));
    block_on(acme.issue(&orders[0].order)).unwrap();
    for order in &orders[1..] {
        // The order is placed, and its call ends before it has looked at the authorization.
        desk.server.set(|settings| settings.lost = Some("authorization".into()));
        block_on(acme.issue(&order.order)).unwrap();
    }
    for (order, left) in orders.iter().zip([1, 1, 0]) {
        let outcome = block_on(acme.cancel(&order.order)).unwrap();
        assert!(matches!(outcome, OrderOutcome::Canceled(_)), "{outcome:?}");
        assert_eq!(desk.server.proofs().len(), left);
    }
}

#[test]
fn orders_that_end_at_once_leave_no_proof() {
    for _ in 0..20 {
        let desk = desk();
        let acme = desk.open();
        let orders = ["one", "two", "three", "four"].map(|id| TestOrder::new(id, &["shared.example.com"]));
        desk.server.set(|settings| settings.hidden_for = Some(HIDDEN));
        block_on(acme.issue(&orders[0].order)).unwrap();
        for order in &orders[1..] {
            desk.server.set(|settings| settings.lost = Some("authorization".into()));
            block_on(acme.issue(&order.order)).unwrap();
        }
        std::thread::scope(|scope| {
            for order in &orders {
                scope.spawn(|| block_on(desk.open().cancel(&order.order)).unwrap());
            }
        });
        assert_eq!(desk.server.proofs(), []);
    }
}

/// Finalizes an order that has inherited a proof.
fn finalized_heir(desk: &Desk) -> TestOrder {
    let acme = desk.open();
    let first = half_proved(desk);
    let heir = TestOrder::new("heir", &["shared.example.com", "third.example.com"]);
    block_on(acme.issue(&heir.order)).unwrap();
    block_on(acme.cancel(&first.order)).unwrap();
    block_on(acme.check(&heir.order)).unwrap();
    assert_eq!((desk.server.finalizations(), desk.server.proofs().len()), (vec![0, 1], 1));
    heir
}

fn breaks(desk: &Desk, is_broken: bool, is_passing: bool) {
    desk.server.set(|settings| {
        settings.responder_fails = is_broken && is_passing;
        settings.broken = (is_broken && !is_passing).then(|| "remove".into());
    });
}

#[test]
fn a_certificate_waits_for_the_end_of_the_clean_up() {
    for is_passing in [false, true] {
        let desk = desk();
        let heir = finalized_heir(&desk);
        breaks(&desk, true, is_passing);
        let outcome = block_on(desk.open().check(&heir.order)).unwrap();
        let delay = Duration::from_secs(if is_passing { 11 } else { 60 });
        assert_eq!(outcome.waiting().and_then(|waiting| waiting.retry_after), Some(delay), "{outcome:?}");
        breaks(&desk, false, is_passing);
        certified(&desk.open(), &heir);
        assert_eq!(desk.server.proofs(), []);
    }
}

#[test]
fn a_certificate_does_not_wait_for_ever() {
    for is_passing in [false, true] {
        let desk = desk();
        let heir = finalized_heir(&desk);
        breaks(&desk, true, is_passing);
        for _ in 1..10 {
            let outcome = block_on(desk.open().check(&heir.order)).unwrap();
            assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
        }
        let outcome = block_on(desk.open().check(&heir.order)).unwrap();
        let OrderOutcome::Generated(issued) = outcome else { panic!("{outcome:?}") };
        heir.is_answered_by(&issued);
        assert!(issued.message.as_str().contains("could not be removed"), "{}", issued.message);
        let left = block_on(desk.storage.scan(&keyway_storage::KeyRange::all(), None, 99)).unwrap();
        assert_eq!((left.entries.len(), desk.server.proofs().len()), (1, 1));
    }
}
