//! Tests orders after a kill.

use std::sync::Arc;

use keyway_certificates::{
    CertificateAuthority as _, CertificateError, Checkpoint, IntendedCall, JsonObject, ObjectRef,
    OrderOutcome, PluginMeta, Reconciled, RetryMethod, async_trait,
};
use pollster::block_on;

use crate::support::{Desk, TestOrder, certified, finished};

/// Asks the plugin about an order whose call was dropped while the plugin placed the order.
fn told(desk: &Desk, order: &keyway_certificates::CertificateOrder) -> Reconciled {
    block_on(desk.open().reconcile(&IntendedCall::Issue(order.clone()).into())).unwrap()
}

/// Places an order, and loses the answer as a kill would.
fn killed_in_new_order(desk: &Desk, order: &TestOrder) {
    desk.server.set(|settings| settings.lost = Some("newOrder".into()));
    block_on(desk.open().issue(&order.order)).unwrap();
}

#[test]
fn an_order_whose_answer_was_lost_is_taken_up() {
    let desk = Desk::new();
    // The account has other orders: finished ones, a claimed one, and one for other names.
    for number in 0..4 {
        certified(&desk.open(), &TestOrder::new(&format!("old-{number}"), &["door.example.com"]));
    }
    let claimed = TestOrder::new("claimed", &["door.example.com"]);
    block_on(desk.open().issue(&claimed.order)).unwrap();
    killed_in_new_order(&desk, &TestOrder::new("other-names", &["gate.example.com"]));
    let order = TestOrder::new("order", &["door.example.com"]);
    killed_in_new_order(&desk, &order);
    let placed = desk.server.count("newOrder");

    let killed = order.after_kill();
    assert_eq!(told(&desk, &killed), Reconciled::Made(ObjectRef::Order(order.order.id.clone())));
    let outcome = finished(&desk.open(), &killed).unwrap();
    let OrderOutcome::Generated(issued) = outcome else { panic!("{outcome:?}") };
    order.is_answered_by(&issued);
    assert_eq!(desk.server.count("newOrder"), placed);
    // The claimed order still gets its own certificate.
    certified(&desk.open(), &claimed);
    assert_eq!(desk.server.finalizations(), [1, 1, 1, 1, 1, 0, 1]);
}

#[test]
fn without_a_list_another_order_is_placed() {
    let desk = Desk::new();
    desk.server.set(|settings| settings.lists_orders = false);
    let order = TestOrder::new("order", &["door.example.com"]);
    killed_in_new_order(&desk, &order);
    let killed = order.after_kill();
    assert_eq!(told(&desk, &killed), Reconciled::NothingHappened);
    assert!(matches!(finished(&desk.open(), &killed).unwrap(), OrderOutcome::Generated(_)));
    assert_eq!(desk.server.finalizations(), [0, 1]);
}

#[test]
fn two_killed_orders_for_the_same_names_take_up_one_each() {
    let desk = Desk::new();
    let orders = ["one", "two"].map(|id| TestOrder::new(id, &["door.example.com"]));
    for order in &orders {
        killed_in_new_order(&desk, order);
    }
    for order in &orders {
        let killed = order.after_kill();
        assert!(matches!(told(&desk, &killed), Reconciled::Made(_)));
        assert!(matches!(finished(&desk.open(), &killed).unwrap(), OrderOutcome::Generated(_)));
    }
    assert_eq!(desk.server.finalizations(), [1, 1]);
}

#[test]
fn an_order_that_was_never_placed_asks_the_server_nothing() {
    let desk = Desk::new();
    let order = TestOrder::new("order", &["door.example.com"]);
    assert_eq!(told(&desk, &order.order), Reconciled::NothingHappened);
    assert_eq!(desk.server.count_all(), 0);
}

#[test]
fn a_server_that_answers_with_an_open_order_gives_it_to_one() {
    let desk = Desk::new();
    desk.server.set(|settings| settings.reuses_orders = true);
    let [one, two] = ["one", "two"].map(|id| TestOrder::new(id, &["door.example.com"]));
    let acme = desk.open();
    block_on(acme.issue(&one.order)).unwrap();
    let outcome = block_on(acme.issue(&two.order)).unwrap();
    // This outcome is not a failure, so the host may repeat `issue` without a limit.
    assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
    assert_eq!(outcome.next_method(RetryMethod::Issue), Some(RetryMethod::Issue));
    certified(&acme, &one);
    certified(&acme, &two);
    assert_eq!(desk.server.finalizations(), [1, 1]);
}

#[test]
fn proofs_are_removed_after_a_kill() {
    let desk = Desk::new();
    let order = TestOrder::new("order", &["door.example.com"]);
    desk.server.set(|settings| settings.lost = Some("challenge".into()));
    block_on(desk.open().issue(&order.order)).unwrap();
    assert_eq!(desk.server.proofs().len(), 1);
    let killed = order.after_kill();
    assert!(matches!(finished(&desk.open(), &killed).unwrap(), OrderOutcome::Generated(_)));
    assert_eq!(desk.server.proofs(), []);
}

#[test]
fn a_finished_order_leaves_no_records_but_its_account() {
    let desk = Desk::new();
    certified(&desk.open(), &TestOrder::new("order", &["door.example.com"]));
    let all = block_on(desk.storage.scan(&keyway_storage::KeyRange::all(), None, 99)).unwrap();
    assert_eq!(all.entries.len(), 1);
}

/// Refuses checkpoints, as a host does after another worker took over the order.
#[derive(Debug)]
struct TakenOver;

#[async_trait]
impl Checkpoint for TakenOver {
    async fn save(&self, _: &JsonObject) -> Result<(), CertificateError> {
        Err(CertificateError::refused("Please try again later.", "another worker took over the order"))
    }
}

#[test]
fn a_worker_that_lost_its_claim_leaves_the_order_to_its_successor() {
    let desk = Desk::new();
    let order = TestOrder::new("order", &["door.example.com"]);
    desk.server.set(|settings| settings.hidden_for = Some(std::time::Duration::from_secs(60)));
    block_on(desk.open().issue(&order.order)).unwrap();
    // The other worker stopped before its checkpoint, and knows of no proof.
    let mut values = order.order.plugin_meta.snapshot();
    values.remove("proofs");
    let mut other = order.after_kill();
    other.plugin_meta = PluginMeta::new(values, Arc::new(TakenOver));
    for call in ["check", "cancel"] {
        let answer = match call {
            "check" => block_on(desk.open().check(&other)),
            _ => block_on(desk.open().cancel(&other)),
        };
        assert!(matches!(answer, Err(CertificateError::Refused { .. })), "{call}: {answer:?}");
        let records = block_on(desk.storage.scan(&keyway_storage::KeyRange::all(), None, 99)).unwrap();
        assert_eq!((desk.server.proofs().len(), records.entries.len()), (1, 3), "{call}");
    }
    certified(&desk.open(), &order);
    assert_eq!((desk.server.proofs().len(), desk.server.finalizations()), (0, vec![1]));
}

#[test]
fn an_order_that_was_found_is_known_before_it_ends() {
    let desk = Desk::new();
    desk.server.set(|settings| {
        (settings.shares_authorizations, settings.finalizes_at_once) = (true, true);
    });
    // The names are proved, so the lost order is ready when it is found, and ends in the same call.
    certified(&desk.open(), &TestOrder::new("before", &["door.example.com"]));
    let order = TestOrder::new("order", &["door.example.com"]);
    killed_in_new_order(&desk, &order);
    let outcome = block_on(desk.open().issue(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::Generated(_)), "{outcome:?}");

    // The host is killed before it stores the answer.
    let killed = order.after_kill();
    assert_eq!(told(&desk, &killed), Reconciled::Made(ObjectRef::Order(order.order.id.clone())));
    let outcome = block_on(desk.open().check(&killed)).unwrap();
    let OrderOutcome::Generated(issued) = outcome else { panic!("{outcome:?}") };
    order.is_answered_by(&issued);
    assert_eq!(desk.server.finalizations(), [1, 1]);
}

#[test]
fn an_order_without_an_answer_is_not_placed_again_without_its_replacement() {
    let desk = Desk::new();
    let acme = desk.open();
    let replaced = certified(&acme, &TestOrder::new("before", &["door.example.com"])).certificate;
    let fields = serde_json::json!({ "replaces": replaced.as_str() });
    let order = TestOrder::with("order", &["door.example.com"], &fields);
    desk.server.set(|settings| settings.replaced = Some("newOrder".into()));
    let outcome = block_on(acme.issue(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::CaUnavailable(_)), "{outcome:?}");
    certified(&acme, &order);
    assert_eq!((desk.server.finalizations(), desk.server.replacements()), (vec![1, 1], 1));
}

#[test]
fn an_order_of_an_earlier_call_is_found_after_a_refusal() {
    let desk = Desk::new();
    let order = TestOrder::new("order", &["door.example.com"]);
    killed_in_new_order(&desk, &order);
    // The second call does not find the order, and its own one is refused.
    desk.server.set(|settings| {
        (settings.lists_orders, settings.gateway) = (false, Some(("newOrder".into(), 429)));
    });
    let outcome = block_on(desk.open().issue(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::CaUnavailable(_)), "{outcome:?}");
    desk.server.set(|settings| (settings.lists_orders, settings.gateway) = (true, None));
    certified(&desk.open(), &order);
    assert_eq!(desk.server.finalizations(), [1]);
}
