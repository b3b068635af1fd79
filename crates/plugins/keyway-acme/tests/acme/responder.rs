//! Tests a host whose responder is slow.

use std::future::Future;
use std::time::{Duration, Instant};

use keyway_acme::Acme;
use keyway_certificates::core::{Effect, PluginError as _};
use keyway_certificates::{CertificateAuthority as _, CertificateError, CertificateStatus, OrderOutcome};
use pollster::block_on;

use crate::support::{Desk, TestOrder, certified};

const NAMES: usize = 9;
/// The delay of one operation. All operations of an order take longer than a call may.
const DELAY: Duration = Duration::from_millis(300);
/// The longest time that a call may take: its 2 s, and some time for a busy machine. All operations take longer.
const LONGEST: Duration = Duration::from_millis(2600);

fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.configuration["request_seconds"] = 1.into();
    desk.configuration["call_seconds"] = 2.into();
    desk
}

fn order(id: &str) -> TestOrder {
    let names: Vec<_> = (0..NAMES).map(|number| format!("host-{number}.example.com")).collect();
    TestOrder::new(id, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn slows(desk: &Desk, operation: &str) {
    desk.server.set(|settings| settings.slow = Some((operation.into(), DELAY)));
}

/// Makes a call, which must end in its time.
fn timed(call: impl Future<Output = Result<OrderOutcome, CertificateError>>) -> OrderOutcome {
    let begun = Instant::now();
    let outcome = block_on(call).unwrap();
    let took = begun.elapsed();
    assert!(took < LONGEST, "{took:?}: {outcome:?}");
    outcome
}

/// Checks that an order goes on with the next call, and soon.
fn goes_on(outcome: &OrderOutcome) {
    let delay = outcome.waiting().and_then(|waiting| waiting.retry_after);
    assert_eq!(delay, Some(Duration::from_secs(1)), "{outcome:?}");
}

/// Checks an order until it has ended.
fn ended(acme: &Acme, order: &TestOrder) -> OrderOutcome {
    let mut outcomes = (0..20).map(|_| timed(acme.check(&order.order)));
    outcomes.find(|outcome| outcome.waiting().is_none()).expect("the order ends")
}

#[test]
fn an_order_whose_proofs_are_shown_slowly_comes_to_its_end() {
    let desk = desk();
    let order = order("slow");
    slows(&desk, "put");
    goes_on(&timed(desk.open().issue(&order.order)));
    assert_eq!(desk.server.count("challenge"), 0);
    assert_eq!(ended(&desk.open(), &order).status(), CertificateStatus::Generated);
    assert_eq!((desk.server.count("challenge") as usize, desk.server.proofs().len()), (NAMES, 0));
}

#[test]
fn proofs_that_are_removed_slowly_are_removed_in_several_calls() {
    let endings =
        [CertificateStatus::Generated, CertificateStatus::InvalidOperation, CertificateStatus::Canceled];
    for ending in endings {
        let desk = desk();
        let (acme, order) = (desk.open(), order("order"));
        let is_refused = ending == CertificateStatus::InvalidOperation;
        desk.server.set(|settings| settings.refuses_proofs = is_refused);
        block_on(acme.issue(&order.order)).unwrap();
        slows(&desk, "remove");
        goes_on(&match ending {
            CertificateStatus::Canceled => timed(acme.cancel(&order.order)),
            _ => timed(acme.check(&order.order)),
        });
        assert_eq!(ended(&acme, &order).status(), ending);
        assert_eq!(desk.server.proofs(), [], "{ending}");
    }
}

#[test]
fn inherited_proofs_are_removed_in_several_calls() {
    let desk = desk();
    desk.server.set(|settings| settings.shares_authorizations = true);
    let (acme, first, heir) = (desk.open(), order("first"), order("heir"));
    desk.server.set(|settings| settings.hidden_for = Some(Duration::from_secs(60)));
    block_on(acme.issue(&first.order)).unwrap();
    // The heir is placed, and its call ends before it has shown a proof.
    desk.server.set(|settings| settings.lost = Some("authorization".into()));
    block_on(acme.issue(&heir.order)).unwrap();
    block_on(acme.cancel(&first.order)).unwrap();
    assert_eq!(desk.server.proofs().len(), NAMES);
    slows(&desk, "remove");
    goes_on(&timed(acme.cancel(&heir.order)));
    assert_eq!(ended(&acme, &heir).status(), CertificateStatus::Canceled);
    assert_eq!(desk.server.proofs(), []);
}

#[test]
fn a_proof_that_the_responder_lost_is_shown_again() {
    let desk = desk();
    let order = order("lost");
    slows(&desk, "put");
    block_on(desk.open().issue(&order.order)).unwrap();
    // The responder is started again, and has none of its proofs.
    for proof in desk.server.proofs() {
        block_on(desk.server.responder().remove(&proof)).unwrap();
    }
    certified(&desk.open(), &order);
    assert_eq!(desk.server.proofs(), []);
}

#[test]
fn an_order_that_has_failed_is_cleaned_up_in_several_calls_and_not_proved_again() {
    let desk = desk();
    let order = order("failed");
    desk.server.set(|settings| settings.broken = Some("put".into()));
    slows(&desk, "remove");
    goes_on(&timed(desk.open().issue(&order.order)));
    let asked = desk.server.count("authorization");
    // A handle that is opened again knows only the plugin's data in the order.
    let mut outcomes = (0..20).map(|_| block_on(desk.open().check(&order.order)));
    let ended = outcomes.find(|outcome| !matches!(outcome, Ok(OrderOutcome::WaitingForCa(_))));
    let error = ended.expect("the order ends").unwrap_err();
    assert!(error.detail().contains("its place for proofs is gone"), "{error:?}");
    assert_eq!((error.effect(), desk.server.count("authorization")), (Effect::None, asked));
    let left = block_on(desk.storage.scan(&keyway_storage::KeyRange::all(), None, 99)).unwrap();
    assert_eq!(left.entries.len(), 1, "only the account");
}

#[test]
fn a_hidden_proof_does_not_delay_the_proofs_that_are_left() {
    let desk = desk();
    let order = TestOrder::new("hidden", &["one.example.com", "two.example.com", "three.example.com"]);
    // Each call has the time for one proof.
    desk.server.set(|settings| settings.slow = Some(("put".into(), Duration::from_millis(1600))));
    for shown in 1..=3 {
        desk.server.set(|settings| settings.hidden_for = Some(Duration::from_secs(60)));
        let outcome = timed(desk.open().issue(&order.order));
        assert_eq!(desk.server.proofs().len(), shown);
        let delay = Duration::from_secs(if shown < 3 { 1 } else { 60 });
        let asked = outcome.waiting().and_then(|waiting| waiting.retry_after);
        assert_eq!(asked, Some(delay), "{shown}: {outcome:?}");
    }
    desk.server.set(|settings| settings.slow = None);
    certified(&desk.open(), &order);
    assert_eq!(desk.server.proofs(), []);
}
