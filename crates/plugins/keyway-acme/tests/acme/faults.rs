//! Tests a server in trouble: limits, lost answers, refused nonces.

use std::time::Duration;

use keyway_certificates::{CertificateAuthority as _, CertificateError, OrderOutcome, RetryMethod};
use pollster::block_on;

use crate::support::{Desk, TestOrder, certified};

#[test]
fn refused_nonces_are_replaced() {
    let desk = Desk::new();
    desk.server.set(|settings| settings.bad_nonce_every = 2);
    let acme = desk.open();
    for number in 0..4 {
        certified(&acme, &TestOrder::new(&format!("order-{number}"), &["door.example.com"]));
    }
    assert_eq!(desk.server.finalizations(), [1; 4]);
}

#[test]
fn a_server_that_refuses_every_nonce_is_unavailable() {
    let desk = Desk::new();
    desk.server.set(|settings| settings.bad_nonce_every = 1);
    let order = TestOrder::new("order", &["door.example.com"]);
    let outcome = block_on(desk.open().issue(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::CaUnavailable(_)), "{outcome:?}");
    assert_eq!(desk.server.count("newAccount"), 0);
}

#[test]
fn a_limit_is_unavailable_with_its_delay() {
    let desk = Desk::new();
    let acme = desk.open();
    let later = std::time::SystemTime::now() + Duration::from_secs(3600);
    for (header, at_least) in [("77".to_owned(), 77), (httpdate::fmt_http_date(later), 3590)] {
        desk.server.set(|settings| (settings.limited, settings.retry_after) = (1, Some(header.clone())));
        let order = TestOrder::new(&format!("order-{at_least}"), &["door.example.com"]);
        let outcome = block_on(acme.issue(&order.order)).unwrap();
        assert!(matches!(outcome, OrderOutcome::CaUnavailable(_)), "{outcome:?}");
        assert_eq!(outcome.next_method(RetryMethod::Issue), Some(RetryMethod::Issue));
        let delay = outcome.waiting().unwrap().retry_after.unwrap().as_secs();
        assert!((at_least..=at_least + 11).contains(&delay), "{header}: {delay}");
        certified(&acme, &order);
        // Nothing was placed, so the plugin does not search for the order.
        assert_eq!(desk.server.count("orders"), 0);
    }
}

#[test]
fn the_delay_of_a_waiting_order_is_that_of_the_server() {
    let desk = Desk::new();
    desk.server.set(|settings| settings.retry_after = Some("23".into()));
    let order = TestOrder::new("order", &["door.example.com"]);
    let acme = desk.open();
    for outcome in [block_on(acme.issue(&order.order)), block_on(acme.check(&order.order))] {
        let outcome = outcome.unwrap();
        assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
        assert_eq!(outcome.waiting().unwrap().retry_after, Some(Duration::from_secs(23)));
    }
}

#[test]
fn a_lost_answer_to_the_finalization_finalizes_once() {
    for slow in [false, true] {
        let desk = Desk::new();
        let acme = desk.open();
        let order = TestOrder::new("order", &["door.example.com"]);
        block_on(acme.issue(&order.order)).unwrap();
        desk.server.set(|settings| {
            if slow {
                settings.slow = Some(("finalize".into(), Duration::from_secs(3)));
            } else {
                settings.lost = Some("finalize".into());
            }
        });
        let outcome = block_on(acme.check(&order.order)).unwrap();
        assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
        certified(&acme, &order);
        assert_eq!((desk.server.count("finalize"), desk.server.finalizations()), (1, vec![1]));
    }
}

#[test]
fn an_order_that_is_not_ready_for_its_finalization_is_read() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    block_on(acme.issue(&order.order)).unwrap();
    desk.server.set(|settings| (settings.lost, settings.stale_looks) = (Some("finalize".into()), 1));
    assert!(matches!(block_on(acme.check(&order.order)), Ok(OrderOutcome::WaitingForCa(_))));
    certified(&acme, &order);
    assert_eq!((desk.server.count("finalize"), desk.server.finalizations()), (2, vec![1]));
}

#[test]
fn a_finalization_that_was_not_heard_is_sent_again() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    block_on(acme.issue(&order.order)).unwrap();
    desk.server.set(|settings| settings.unheard = Some("finalize".into()));
    let outcome = block_on(acme.check(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
    certified(&acme, &order);
    assert_eq!((desk.server.count("finalize"), desk.server.finalizations()), (2, vec![1]));
}

#[test]
fn every_operation_may_lose_its_answer() {
    for operation in [
        "newNonce",
        "directory",
        "newAccount",
        "newOrder",
        "authorization",
        "challenge",
        "order",
        "certificate",
    ] {
        let desk = Desk::new();
        let acme = desk.open();
        desk.server.set(|settings| settings.lost = Some(operation.into()));
        certified(&acme, &TestOrder::new("order", &["door.example.com", "gate.example.com"]));
        assert_eq!(desk.server.finalizations(), [1], "{operation}");
        assert_eq!(desk.server.proofs(), [], "{operation}");
        assert_eq!(desk.server.count("newAccount"), 1 + u32::from(operation == "newAccount"), "{operation}");
    }
}

#[test]
fn a_call_ends_before_its_time_is_over() {
    let mut desk = Desk::new();
    desk.configuration["request_seconds"] = 1.into();
    desk.configuration["call_seconds"] = 2.into();
    let acme = desk.open();
    desk.server.set(|settings| settings.slow = Some(("authorization".into(), Duration::from_millis(400))));
    let names: Vec<_> = (0..9).map(|number| format!("host-{number}.example.com")).collect();
    let order = TestOrder::new("many", &names.iter().map(String::as_str).collect::<Vec<_>>());
    let begun = std::time::Instant::now();
    let outcome = block_on(acme.issue(&order.order)).unwrap();
    assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
    assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
    let asked = desk.server.count("authorization");
    assert!((1..9).contains(&asked), "{asked}");
    certified(&acme, &order);
    assert_eq!(desk.server.count("authorization"), 9);
}

#[test]
fn proved_names_are_not_asked_for_again() {
    let mut desk = Desk::new();
    desk.configuration["request_seconds"] = 1.into();
    desk.configuration["call_seconds"] = 2.into();
    desk.server.set(|settings| settings.shares_authorizations = true);
    let acme = desk.open();
    // The first order proves these names, so their authorizations are valid when the second order is placed.
    let names: Vec<_> = (0..6).map(|number| format!("host-{number}.example.com")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    certified(&acme, &TestOrder::new("before", &names));
    desk.server.set(|settings| settings.slow = Some(("authorization".into(), Duration::from_millis(400))));
    let all = [&names[..], &["new.example.com"]].concat();
    certified(&acme, &TestOrder::new("after", &all));
    assert_eq!(desk.server.count("authorization"), 6 + 7);
    assert_eq!(desk.server.proofs(), []);
}

#[test]
fn a_responder_that_fails_is_asked_again() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    desk.server.set(|settings| settings.responder_fails = true);
    let outcome = block_on(acme.issue(&order.order)).unwrap();
    assert_eq!(outcome.waiting().unwrap().retry_after, Some(Duration::from_secs(11)));
    desk.server.set(|settings| settings.responder_fails = false);
    block_on(acme.check(&order.order)).unwrap();
    desk.server.set(|settings| settings.responder_fails = true);
    let outcome = block_on(acme.check(&order.order)).unwrap();
    assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
    assert_eq!((desk.server.proofs().len(), desk.server.count("finalize")), (1, 0));
    desk.server.set(|settings| settings.responder_fails = false);
    certified(&acme, &order);
    assert_eq!(desk.server.proofs(), []);
}

#[test]
fn a_refused_read_does_not_end_an_order() {
    for operation in ["authorization", "order", "certificate"] {
        let desk = Desk::new();
        let acme = desk.open();
        let order = TestOrder::new("order", &["door.example.com"]);
        let refuses = || desk.server.set(|settings| settings.refused = Some(operation.into()));
        if operation == "authorization" {
            refuses();
        }
        // The host has to know that the order is placed.
        let outcome = block_on(acme.issue(&order.order)).unwrap();
        assert!(matches!(outcome, OrderOutcome::WaitingForCa(_)), "{outcome:?}");
        if operation == "certificate" {
            block_on(acme.check(&order.order)).unwrap();
        }
        refuses();
        let outcome = block_on(acme.check(&order.order)).unwrap();
        assert!(matches!(outcome, OrderOutcome::CaUnavailable(_)), "{operation}: {outcome:?}");
        certified(&acme, &order);
        assert_eq!((desk.server.proofs().len(), desk.server.finalizations()), (0, vec![1]), "{operation}");
    }
}

#[test]
fn an_order_that_the_server_does_not_show_any_more_ends() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    let hides = || desk.server.set(|settings| settings.hidden_for = Some(Duration::from_secs(60)));
    let checked = |is_refused: bool| {
        desk.server.set(|settings| settings.refused = is_refused.then(|| "order".into()));
        block_on(acme.check(&order.order)).unwrap()
    };
    hides();
    block_on(acme.issue(&order.order)).unwrap();
    for _ in 0..2 {
        for _ in 1..10 {
            let outcome = checked(true);
            assert!(matches!(outcome, OrderOutcome::CaUnavailable(_)), "{outcome:?}");
        }
        // One answer is enough: the copies that refused were behind.
        if desk.server.count("order") == 9 {
            hides();
            assert!(matches!(checked(false), OrderOutcome::WaitingForCa(_)));
        }
    }
    assert_eq!(desk.server.proofs().len(), 1);
    let outcome = checked(true);
    assert!(matches!(outcome, OrderOutcome::InvalidOperation(_)), "{outcome:?}");
    let left = block_on(desk.storage.scan(&keyway_storage::KeyRange::all(), None, 99)).unwrap();
    assert_eq!((left.entries.len(), desk.server.proofs().len()), (1, 0));
}

/// Tests a valid order whose certificate is refused, by the server itself or by another one in its place.
#[test]
fn an_order_whose_certificate_is_never_shown_ends() {
    for is_foreign in [false, true] {
        let desk = Desk::new();
        let acme = desk.open();
        let order = TestOrder::new("order", &["door.example.com"]);
        block_on(acme.issue(&order.order)).unwrap();
        block_on(acme.check(&order.order)).unwrap();
        let checked = || {
            desk.server.set(|settings| {
                if is_foreign {
                    settings.gateway = Some(("certificate".into(), 404));
                } else {
                    settings.refused = Some("certificate".into());
                }
            });
            block_on(acme.check(&order.order))
        };
        for _ in 1..10 {
            let outcome = checked().unwrap();
            assert!(matches!(outcome, OrderOutcome::CaUnavailable(_)), "{outcome:?}");
        }
        // The second error is that of a host that did not store the first one: the server is not asked again.
        for _ in 0..2 {
            let Err(CertificateError::Refused { client_message, .. }) = checked() else { panic!("it ends") };
            assert!(client_message.contains("may be valid"), "{client_message}");
        }
        let left = block_on(desk.storage.scan(&keyway_storage::KeyRange::all(), None, 99)).unwrap();
        assert_eq!((left.entries.len(), desk.server.proofs().len()), (1, 0));
        assert_eq!((desk.server.count("certificate"), desk.server.finalizations()), (10, vec![1]));
    }
}

#[test]
fn an_order_whose_authorization_is_never_shown_ends() {
    let desk = Desk::new();
    let acme = desk.open();
    let order = TestOrder::new("order", &["door.example.com"]);
    desk.server.set(|settings| settings.gateway = Some(("authorization".into(), 502)));
    block_on(acme.issue(&order.order)).unwrap();
    desk.server.set(|settings| settings.gateway = None);
    let checked = || {
        desk.server.set(|settings| settings.refused = Some("authorization".into()));
        block_on(acme.check(&order.order)).unwrap()
    };
    for _ in 1..10 {
        let outcome = checked();
        assert!(matches!(outcome, OrderOutcome::CaUnavailable(_)), "{outcome:?}");
    }
    let outcome = checked();
    assert!(matches!(outcome, OrderOutcome::InvalidOperation(_)), "{outcome:?}");
}
