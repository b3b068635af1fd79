//! Tests the certificates that the authority makes, and the requests that it refuses.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::core::{Clock as _, Effect, ErrorKind, PluginError as _};
use keyway_certificates::{
    CertificateAuthority as _, CreateCa, DeleteCa, Owner, Pem, RenewalQuestion, RequestContext,
};
use keyway_storage::FaultyStorage;
use keyway_x509::{Expected, IssuedFacts, IssuedFault, KeyType, check_issued};
use pollster::block_on;
use serde_json::json;

use crate::support::{Client, Desk, create, intent, issue, issued, order, root, try_create, with_root};

macro_rules! request {
    ($name:literal) => {
        json!({ "request_data": STANDARD.encode(include_str!(concat!("../requests/", $name, ".pem"))) })
    };
}

#[test]
fn a_certificate_is_the_ordered_one_by_the_rules_of_the_host() {
    let desk = Desk::new();
    let ca = desk.with_root();
    let sub = create(&ca, "Sub");
    for key in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519] {
        let client = Client::with_key("*.example.com", key);
        let expected = Expected::from_request(&client.request);
        let now = desk.clock.now();

        let by_root = issued(&ca, &client, None);
        assert_eq!(by_root.intermediates, None, "the root is the verifier's own");
        let facts = check_issued(by_root.certificate.as_str(), Some(&root(&ca)), &expected, now).unwrap();
        assert_eq!(facts.serial.len(), 32);
        assert_eq!(facts.names, client.request.names());
        assert_eq!(facts.subject, *client.request.subject());
        let lasts = facts.not_after.as_seconds() + 1 - now.as_seconds();
        assert!((90 * 86_400 - 5..=90 * 86_400).contains(&lasts), "{lasts} s");
        let began = now.as_seconds() - facts.not_before.as_seconds();
        assert!((3600..3605).contains(&began), "{began} s");

        let by_sub = issued(&ca, &client, Some(&sub.id));
        let chain = format!("{}{}", by_sub.intermediates.unwrap().as_str(), root(&ca));
        let facts = check_issued(by_sub.certificate.as_str(), Some(&chain), &expected, now).unwrap();
        assert_eq!(facts.issuer.to_string(), "CN=Sub");
    }
}

#[test]
fn an_order_has_one_certificate_whoever_asks() {
    let desk = Desk::new();
    let (ca, client) = (desk.with_root(), Client::new("a.example.com"));
    let one = order("order-1", &client.metadata());
    let first = issue(&ca, &one).unwrap();
    assert_eq!(issue(&ca, &one).unwrap(), first);
    assert_eq!(issue(&desk.with_root(), &one).unwrap(), first);
    let other = issue(&ca, &order("order-2", &client.metadata())).unwrap();
    let serial = |pem: &Pem| IssuedFacts::read(pem.as_str()).unwrap().serial;
    assert_ne!(serial(&other.certificate), serial(&first.certificate), "another order");
}

#[test]
fn a_stored_key_has_its_certificate_from_the_request_of_the_host() {
    let (ca, client) = (Desk::new().with_root(), Client::new("a.example.com"));
    let stored = order("order-1", &json!({ "request_type": "stored-key", "container_ref": "store/key" }));
    let refused = issue(&ca, &stored).unwrap_err();
    assert_eq!((refused.kind(), refused.effect()), (ErrorKind::Invalid, Effect::None));
    let csr = Pem::new(client.request.to_pem()).unwrap();
    let made = issue(&ca, &stored.with_context(RequestContext::new().with_generated_csr(csr))).unwrap();
    let expected = Expected::from_request(&client.request);
    let now = keyway_certificates::core::SystemClock.now();
    check_issued(made.certificate.as_str(), None, &expected, now).unwrap();
}

#[test]
fn a_refused_request_names_the_reason_and_has_no_effect() {
    let desk = Desk::new();
    let ca = desk.with_root();
    let client = Client::new("a.example.com");
    let with = |field: &str, value: serde_json::Value| {
        let mut metadata = client.metadata();
        metadata[field] = value;
        metadata
    };
    for (metadata, reason) in [
        (request!("authority"), "certificate of an authority"),
        (request!("authority-usage"), "a usage of the key"),
        (request!("other-name"), "an alternative name"),
        (request!("unknown-extension"), "an extension"),
        (request!("other-purpose"), "a purpose other than"),
        (request!("nameless"), "neither a subject nor an alternative name"),
        (json!({ "request_data": "aGVsbG8=" }), "PEM"),
        (json!({ "request_data": "%" }), "base64"),
        (json!({}), "request_data: it is missing"),
        (with("days", json!(0)), "from 1 to 398"),
        (with("days", json!(399)), "from 1 to 398"),
        (with("days", json!(-1)), "from 1 to 398"),
        (with("days", json!("90")), "days"),
        (with("days", json!(1.5)), "days"),
    ] {
        let error = issue(&ca, &order("order-1", &metadata.clone())).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::None), "{metadata}: {error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    // The refusals did not use up the id of the order.
    issue(&ca, &order("order-1", &client.metadata())).unwrap();
}

#[test]
fn requested_purposes_are_kept() {
    let ca = Desk::new().with_root();
    let made = issue(&ca, &order("order-1", &request!("client-only"))).unwrap();
    // The purpose of TLS servers is missing, so no server may use the certificate.
    let der = &keyway_x509::certificates_of_pem(made.certificate.as_str()).unwrap()[0];
    let has = |id: &[u8]| der.windows(id.len()).any(|window| window == id);
    assert!(has(&[0x2b, 6, 1, 5, 5, 7, 3, 2]) && !has(&[0x2b, 6, 1, 5, 5, 7, 3, 1]));
}

#[test]
fn validity_is_that_of_the_order_and_ends_with_the_authority() {
    let desk = Desk::new();
    let mut configuration = with_root();
    configuration["root"]["days"] = json!(30);
    let ca = desk.open(configuration);
    let client = Client::new("a.example.com");
    let days = |days: u32| {
        let mut metadata = client.metadata();
        metadata["days"] = json!(days);
        issue(&ca, &order(intent().as_str(), &metadata))
    };
    let now = desk.clock.now();
    let facts = IssuedFacts::read(days(10).unwrap().certificate.as_str()).unwrap();
    let lasts = facts.not_after.as_seconds() + 1 - now.as_seconds();
    assert!((10 * 86_400..=10 * 86_400 + 5).contains(&lasts), "{lasts} s");
    assert!(days(31).unwrap_err().to_string().contains("outlive"));
    let cut = IssuedFacts::read(issued(&ca, &client, None).certificate.as_str()).unwrap();
    assert_eq!(cut.not_after, IssuedFacts::read(&root(&ca)).unwrap().not_after, "the default is cut");
    desk.clock.advance_days(31);
    let expired = days(1).unwrap_err();
    assert_eq!((expired.kind(), expired.effect()), (ErrorKind::Internal, Effect::None));
}

#[test]
fn a_certificate_is_renewed_after_two_thirds() {
    let desk = Desk::new();
    let ca = desk.with_root();
    let made = issued(&ca, &Client::new("a.example.com"), None);
    let facts = IssuedFacts::read(made.certificate.as_str()).unwrap();
    let window = block_on(ca.renewal_information(&RenewalQuestion::new(made.certificate))).unwrap();
    let at = |sixths: u64| {
        let lasts = facts.not_after.as_milliseconds() - facts.not_before.as_milliseconds();
        facts.not_before.plus(Duration::from_millis(lasts / 6 * sixths))
    };
    assert_eq!((window.window_start(), window.window_end()), (at(4), at(5)));
}

#[test]
fn path_lengths_hold_for_authorities() {
    let desk = Desk::new();
    let ca = desk.with_root();
    let sub = create(&ca, "Sub");
    let expected = Expected::new().with_authority();
    let certificate = sub.signing_certificate.unwrap();
    check_issued(certificate.as_str(), Some(&root(&ca)), &expected, desk.clock.now()).unwrap();
    let refused = try_create(&ca, "Below", Some(&sub.id)).unwrap_err();
    assert_eq!((refused.kind(), refused.effect()), (ErrorKind::Denied, Effect::None));
}

#[test]
fn a_created_authority_has_a_name_and_a_subject_of_its_own() {
    let ca = Desk::new().with_root();
    create(&ca, "Sub");
    let base = block_on(ca.default_ca()).unwrap().unwrap().id;
    let refused = |name: &str, subject: &str| {
        let owner = Owner::new("test").unwrap();
        block_on(ca.create_ca(&CreateCa::new(intent(), name, subject, base.clone(), owner)))
            .unwrap_err()
            .to_string()
    };
    assert!(refused("Sub", "CN=Other").contains("another authority has it"));
    assert!(refused("Local CA", "CN=Other").contains("another authority has it"));
    assert!(refused("Other", "CN=Sub").contains("subject of the authority is not acceptable: another"));
    assert!(refused("Other", "CN=sUB").contains("another authority has it"), "as a verifier compares names");
    assert!(refused("Other", "CN=").contains("RFC 4514"));
    assert!(refused("Other", "CN=Test Root,O=Example").contains("that of its parent"));
    assert!(refused("two\nlines", "CN=Other").contains("control characters"));
    assert_eq!(block_on(ca.ca_information()).unwrap().len(), 2);
}

/// A verifier finds the revocation list of a certificate by the name of the issuer.
#[test]
fn no_two_authorities_of_a_connection_have_one_subject() {
    let mut configuration = with_root();
    configuration["root"]["path_length"] = 2.into();
    let ca = Desk::new().open(configuration);
    let sub = create(&ca, "Sub");
    let below = |subject: &str| {
        let owner = Owner::new("test").unwrap();
        let request = CreateCa::new(intent(), "Below", subject, sub.id.clone(), owner);
        block_on(ca.create_ca(&request))
    };
    let refused = below("CN=Test Root,O=Example").unwrap_err();
    assert_eq!((refused.kind(), refused.effect()), (ErrorKind::Invalid, Effect::None));
    assert!(refused.to_string().contains("another authority has it"), "{refused}");
    let made = below("CN=Below").unwrap();
    block_on(ca.delete_ca(&DeleteCa::new(intent(), made.id))).unwrap();
    below("CN=Below").unwrap();
}

#[test]
fn a_leaf_never_has_the_name_of_its_authority() {
    let ca = Desk::new().with_root();
    let (key, _) = keyway_x509::PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let subject = "CN=Test Root,O=Example".parse().unwrap();
    let request = keyway_x509::CertificateRequest::sign(&key, &subject, &[]).unwrap();
    let metadata = json!({ "request_data": STANDARD.encode(request.to_pem()) });
    let error = issue(&ca, &order("order-1", &metadata)).unwrap_err();
    assert!(error.to_string().contains("that of the authority"), "{error}");
}

#[test]
fn a_certificate_for_another_key_is_none_of_the_order() {
    // If the authority returned a wrong certificate, the check of the host would detect it.
    let (ca, client) = (Desk::new().with_root(), Client::new("a.example.com"));
    let other = issued(&ca, &Client::new("a.example.com"), None);
    let now = keyway_certificates::core::SystemClock.now();
    let fault = check_issued(other.certificate.as_str(), None, &Expected::from_request(&client.request), now);
    assert_eq!(fault.unwrap_err(), IssuedFault::AnotherKey);
}

#[test]
fn only_an_authority_in_memory_with_its_own_keys_is_prompt() {
    let desk = Desk::new();
    assert!(desk.with_root().capabilities().prompt);
    // Without a configured root, an operator may import a key that signs more slowly.
    assert!(!desk.open(json!({})).capabilities().prompt);
    let elsewhere = Desk::over(FaultyStorage::over(&desk.storage).pauses().into_engine());
    assert!(!elsewhere.with_root().capabilities().prompt);
}

#[test]
fn the_error_of_an_expired_authority_names_a_remedy() {
    let desk = Desk::new();
    let ca = desk.with_root();
    root(&ca);
    desk.clock.advance_days(3651);
    let error = issue(&ca, &order("order-1", &Client::new("a.example.com").metadata())).unwrap_err();
    assert!(error.to_string().contains("another connection"), "{error}");
}

#[test]
fn an_authority_whose_validity_has_not_begun_signs_nothing() {
    let desk = Desk::new();
    let ca = desk.with_root();
    desk.clock.advance_days(100);
    root(&ca);
    // The clock was wrong when the root was made.
    desk.clock.set_back_days(100);
    let order = order("order-1", &Client::new("a.example.com").metadata());
    for refused in [issue(&ca, &order).map(drop), try_create(&ca, "Sub", None).map(drop)] {
        let refused = refused.unwrap_err();
        assert_eq!((refused.kind(), refused.effect()), (ErrorKind::Internal, Effect::None), "{refused}");
        assert!(refused.to_string().contains("correct the clock"), "{refused}");
    }
}
