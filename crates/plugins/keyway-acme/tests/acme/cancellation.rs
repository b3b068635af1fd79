//! Tests canceled orders.

use keyway_certificates::{CertificateAuthority as _, IntendedCall, OrderOutcome, Reconciled};
use pollster::block_on;

use crate::support::{Desk, TestOrder, certified};

#[test]
fn a_canceled_order_is_withdrawn() {
    let desk = Desk::new();
    let order = TestOrder::new("order", &["door.example.com"]);
    desk.server.set(|settings| settings.lost = Some("challenge".into()));
    block_on(desk.open().issue(&order.order)).unwrap();
    let question = || IntendedCall::Cancel(order.order.clone()).into();
    assert_eq!(block_on(desk.open().reconcile(&question())).unwrap(), Reconciled::NothingHappened);
    for _ in 0..2 {
        let outcome = block_on(desk.open().cancel(&order.order)).unwrap();
        assert!(matches!(outcome, OrderOutcome::Canceled(_)), "{outcome:?}");
    }
    assert_eq!((desk.server.proofs().len(), desk.server.count("deactivate")), (0, 1));
    assert_eq!(block_on(desk.open().reconcile(&question())).unwrap(), Reconciled::Destroyed);
    assert!(matches!(block_on(desk.open().check(&order.order)).unwrap(), OrderOutcome::Canceled(_)));
    assert_eq!(desk.server.finalizations(), [0]);
}

#[test]
fn a_cancel_that_has_to_wait_goes_on_with_the_next_check() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    block_on(acme.issue(&order.order)).unwrap();
    for fault in ["responder", "deactivate"] {
        desk.server.set(|settings| match fault {
            "responder" => settings.responder_fails = true,
            lost => settings.lost = Some(lost.into()),
        });
        let outcome = match fault {
            "responder" => block_on(acme.cancel(&order.order)),
            _ => block_on(acme.check(&order.order)),
        };
        assert!(matches!(outcome, Ok(OrderOutcome::WaitingForCa(_))), "{fault}: {outcome:?}");
        desk.server.set(|settings| settings.responder_fails = false);
    }
    // A handle that is opened again knows only the plugin's data in the order.
    let outcome = block_on(desk.open().check(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::Canceled(_)), "{outcome:?}");
    assert_eq!((desk.server.proofs().len(), desk.server.finalizations()), (0, vec![0]));
    assert!(desk.server.count("deactivate") >= 1);
}

#[test]
fn an_authorization_of_another_open_order_stays() {
    let desk = Desk::new();
    desk.server.set(|settings| settings.shares_authorizations = true);
    // The proofs are shown, but the server has not been told to check them.
    let hidden = std::time::Duration::from_secs(60);
    let acme = desk.open();
    let one = TestOrder::new("one", &["shared.example.com", "own.example.com"]);
    let two = TestOrder::new("two", &["shared.example.com"]);
    for order in [&one, &two] {
        desk.server.set(|settings| settings.hidden_for = Some(hidden));
        block_on(acme.issue(&order.order)).unwrap();
    }
    assert_eq!(desk.server.proofs().len(), 2);
    block_on(acme.cancel(&one.order)).unwrap();
    assert_eq!((desk.server.proofs().len(), desk.server.count("deactivate")), (1, 1));
    certified(&acme, &two);
    assert_eq!((desk.server.proofs().len(), desk.server.finalizations()), (0, vec![0, 1]));
}

#[test]
fn a_certificate_that_came_first_is_not_lost() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    block_on(acme.issue(&order.order)).unwrap();
    block_on(acme.check(&order.order)).unwrap();
    assert_eq!(desk.server.finalizations(), [1]);
    let mut outcome = block_on(acme.cancel(&order.order)).unwrap();
    if let OrderOutcome::WaitingForCa(_) = outcome {
        outcome = block_on(acme.check(&order.order)).unwrap();
    }
    assert!(matches!(outcome, OrderOutcome::Generated(_)), "{outcome:?}");
}

#[test]
fn an_order_that_was_never_placed_is_canceled_without_the_server() {
    let desk = Desk::new();
    let order = TestOrder::new("order", &["door.example.com"]);
    let outcome = block_on(desk.open().cancel(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::Canceled(_)));
    assert_eq!(desk.server.count_all(), 0);
}

#[test]
fn a_cancel_that_a_kill_cut_short_is_no_refusal() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("killed", &["door.example.com"]);
    block_on(acme.issue(&order.order)).unwrap();
    block_on(acme.cancel(&order.order)).unwrap();
    let outcome = block_on(desk.open().check(&order.after_kill())).unwrap();
    assert!(matches!(outcome, OrderOutcome::Canceled(_)), "{outcome:?}");
}

#[test]
fn a_certificate_that_came_first_is_not_lost_if_proofs_cannot_be_removed() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    block_on(acme.issue(&order.order)).unwrap();
    block_on(acme.check(&order.order)).unwrap();
    assert_eq!(desk.server.finalizations(), [1]);
    // The last checkpoint was before the proofs were removed, so they are removed again.
    let killed = order.after_kill();
    desk.server.set(|settings| settings.broken = Some("remove".into()));
    let outcome = block_on(acme.cancel(&killed)).unwrap();
    assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
    desk.server.set(|settings| settings.broken = None);
    let outcome = block_on(acme.check(&killed)).unwrap();
    assert!(matches!(outcome, OrderOutcome::Generated(_)), "{outcome:?}");
}

#[test]
fn an_order_that_the_server_does_not_have_any_more_is_canceled() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    block_on(acme.issue(&order.order)).unwrap();
    let refuses = || desk.server.set(|settings| settings.refused = Some("order".into()));
    refuses();
    let question = IntendedCall::Cancel(order.order.clone()).into();
    assert_eq!(block_on(acme.reconcile(&question)).unwrap(), Reconciled::Destroyed);
    refuses();
    let outcome = block_on(acme.cancel(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::Canceled(_)), "{outcome:?}");
    assert_eq!(desk.server.proofs(), []);
}
