//! Tests revocation and renewal of a certificate.

use std::time::Duration;

use keyway_certificates::{
    CertificateAuthority as _, CertificateError, CertificateRevocation, IntendedCall, IntentId, Reconciled,
    RenewalQuestion, RevocationReason,
};
use pollster::block_on;
use serde_json::json;

use crate::support::{Desk, TestOrder, certified};

#[test]
fn a_certificate_is_revoked_once() {
    let desk = Desk::new();
    let acme = desk.open();
    let issued = certified(&acme, &TestOrder::new("order", &["door.example.com"]));
    let intent = IntentId::new("revoke-1").unwrap();
    let request =
        CertificateRevocation::new(intent, issued.certificate, RevocationReason::CessationOfOperation);
    certified(&acme, &TestOrder::new("other-order", &["gate.example.com"]));
    assert!(desk.server.revoked().is_empty());
    let question = || IntendedCall::Revoke(request.clone()).into();
    assert_eq!(block_on(acme.reconcile(&question())).unwrap(), Reconciled::NothingHappened);
    // The first call loses the answer. The next call finds the certificate revoked.
    desk.server.set(|settings| settings.lost = Some("revokeCert".into()));
    block_on(acme.revoke(&request)).unwrap_err();
    block_on(acme.revoke(&request)).unwrap();
    assert_eq!(block_on(acme.reconcile(&question())).unwrap(), Reconciled::Destroyed);
    block_on(desk.open().revoke(&request)).unwrap();
    assert_eq!(desk.server.count("revokeCert"), 2);
    assert_eq!(desk.server.revoked(), ["door.example.com"]);
}

#[test]
fn the_window_of_a_renewal_is_that_of_the_server() {
    let desk = Desk::new();
    desk.server.set(|settings| settings.retry_after = Some("21600".into()));
    let acme = desk.open();
    let issued = certified(&acme, &TestOrder::new("order", &["door.example.com"]));
    let told = block_on(acme.renewal_information(&RenewalQuestion::new(issued.certificate))).unwrap();
    assert_eq!(told.window_end().as_seconds() - told.window_start().as_seconds(), 24 * 3600);
    assert_eq!(told.check_again_after, Some(Duration::from_secs(21600)));
    assert_eq!(told.explanation_url.as_deref(), Some("https://ca.example.com/why"));
}

#[test]
fn a_server_without_renewal_information_says_so() {
    let desk = Desk::new();
    desk.server.set(|settings| settings.has_renewal_information = false);
    let acme = desk.open();
    let issued = certified(&acme, &TestOrder::new("order", &["door.example.com"]));
    let told = block_on(acme.renewal_information(&RenewalQuestion::new(issued.certificate)));
    assert!(matches!(told, Err(CertificateError::Unsupported { .. })));
}

#[test]
fn a_renewal_names_the_certificate_that_it_replaces() {
    let desk = Desk::new();
    let acme = desk.open();
    let issued = certified(&acme, &TestOrder::new("order", &["door.example.com"]));
    let fields = json!({ "replaces": issued.certificate.as_str() });
    for number in 0..2 {
        certified(&acme, &TestOrder::with(&format!("renewal-{number}"), &["door.example.com"], &fields));
    }
    // The server already has an order that replaces the certificate, so the second order is placed again without the
    // replacement.
    assert_eq!((desk.server.replacements(), desk.server.count("newOrder")), (1, 4));
}
