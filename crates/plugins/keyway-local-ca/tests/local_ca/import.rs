//! Tests imported authorities.

use keyway_certificates::core::{Clock as _, ErrorKind, PluginError as _};
use keyway_certificates::{CertificateAuthority as _, CertificateError, RevocationReason};
use keyway_local_ca::LocalCa;
use keyway_x509::issuing::extensions;
use keyway_x509::{DistinguishedName, Expected, IssuedFacts, check_issued};
use pollster::block_on;
use serde_json::json;
use x509_cert::ext::pkix::{KeyUsage, KeyUsages};

use crate::foreign::{Foreign, changed};
use crate::support::{Client, Desk, issue, issued, order, revoke, root, try_create};

/// Returns the content of a file that `tests/authorities/make.sh` made with OpenSSL.
macro_rules! made {
    ($name:literal) => {
        include_str!(concat!("../authorities/", $name, ".pem"))
    };
}

#[test]
fn an_rsa_authority_below_another_root_signs() {
    let desk = Desk::new();
    let ca = desk.open(json!({}));
    let missing = block_on(ca.ca_information()).unwrap_err();
    assert!(missing.to_string().contains("configure `root`, or import one"), "{missing}");
    let import = || block_on(ca.import(made!("rsa-key"), None, made!("rsa"), Some(made!("root"))));
    import().unwrap();
    import().unwrap();
    let client = Client::new("a.example.com");
    let certificate = issued(&ca, &client, None);
    let chain = certificate.intermediates.unwrap();
    assert_eq!(chain.as_str(), made!("rsa"), "the root is left out");
    let expected = Expected::from_request(&client.request);
    let chain = format!("{}{}", chain.as_str(), made!("root"));
    check_issued(certificate.certificate.as_str(), Some(&chain), &expected, desk.clock.now()).unwrap();
    revoke(&ca, &certificate.certificate, None, RevocationReason::default()).unwrap();
    assert_eq!(root(&desk.open(json!({}))), made!("rsa"));
}

#[test]
fn a_key_and_a_certificate_that_do_not_belong_together_are_not_imported() {
    let ca = Desk::new().open(json!({}));
    let refused = |key: &str, certificate: &str, chain: Option<&str>| {
        let error = block_on(ca.import(key, None, certificate, chain)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        error.to_string()
    };
    let (key, certificate) = (made!("rsa-key"), made!("rsa"));
    assert!(refused(made!("rsa"), certificate, None).contains("PRIVATE KEY"));
    assert!(refused(key, made!("root"), None).contains("another one"));
    assert!(refused(key, made!("rsa-leaf"), None).contains("must be that of an authority"));
    assert!(refused(key, certificate, Some(certificate)).contains("names another issuer"));

    let ca = Desk::new().with_root();
    root(&ca);
    let error = block_on(ca.import(key, None, certificate, None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

fn import(ca: &LocalCa, authority: &Foreign, above: &[&Foreign]) -> Result<(), CertificateError> {
    let chain: String = above.iter().map(|issuer| issuer.pem()).collect();
    let chain = (!chain.is_empty()).then_some(&chain[..]);
    block_on(ca.import(authority.key_pem(), None, &authority.pem(), chain))
}

/// Imports an authority that is refused, and then another one, which takes its place.
fn refused(authority: &Foreign) -> String {
    let ca = Desk::new().open(json!({}));
    let error = import(&ca, authority, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    import(&ca, &Foreign::new("CN=Sound", None, 30, |_| {}), &[]).unwrap();
    assert!(block_on(ca.default_ca()).unwrap().is_some());
    error.to_string()
}

#[test]
fn an_authority_whose_key_may_not_sign_certificates_or_lists_is_not_imported() {
    let with_usage = |usage: Option<KeyUsage>| {
        Foreign::new("CN=Old", None, 30, |all| {
            let every = extensions::key_usage(KeyUsage(KeyUsages::DigitalSignature.into())).unwrap();
            all.retain(|extension| extension.extn_id != every.extn_id);
            all.extend(usage.map(|usage| extensions::key_usage(usage).unwrap()));
        })
    };
    let lists = refused(&with_usage(Some(KeyUsage(KeyUsages::KeyCertSign.into()))));
    assert!(lists.contains("lacks cRLSign"), "{lists}");
    let certificates = refused(&with_usage(Some(KeyUsage(KeyUsages::CRLSign.into()))));
    assert!(certificates.contains("lacks keyCertSign"), "{certificates}");
    let ca = Desk::new().open(json!({}));
    import(&ca, &with_usage(None), &[]).unwrap();
}

#[test]
fn an_authority_that_could_not_be_loaded_is_not_imported() {
    let repeated = refused(&Foreign::new("CN=Old", None, 30, |all| {
        let again = extensions::subject_key(&[7; 20]).unwrap();
        all.push(again);
    }));
    assert!(repeated.contains("occurs twice"), "{repeated}");
    let malformed = refused(&Foreign::new("CN=Old", None, 30, |all| {
        let identifier = extensions::subject_key(&[7; 20]).unwrap();
        all.retain(|extension| extension.extn_id != identifier.extn_id);
        all.push(extensions::raw(false, identifier.extn_id, &[1, 2, 3]).unwrap());
    }));
    assert!(malformed.contains("malformed"), "{malformed}");
}

#[test]
fn an_authority_whose_subject_would_be_another_one_in_its_certificates_is_not_imported() {
    let mut unsorted = Foreign::new("CN=Old+O=Example", None, 30, |_| {});
    let subject: DistinguishedName = "CN=Old+O=Example".parse().unwrap();
    // The two attributes of the only relative name change places.
    let name = subject.to_der();
    let (head, attributes) = name.split_at(4);
    let (one, other) = attributes.split_at(usize::from(attributes[1]) + 2);
    let turned = [head, other, one].concat();
    assert_ne!(turned, name);
    unsorted.der = changed(&unsorted.der, &unsorted.key, |body| {
        let mut body = body.to_vec();
        while let Some(at) = body.windows(name.len()).position(|part| part == name) {
            body[at..at + name.len()].copy_from_slice(&turned);
        }
        body
    });
    assert_eq!(IssuedFacts::read(&unsorted.pem()).unwrap().subject, subject);
    let refused = refused(&unsorted);
    assert!(refused.contains("its subject is not in DER"), "{refused}");
}

#[test]
fn the_limits_of_every_issuer_hold_below_an_imported_authority() {
    let expected = Expected::new();
    for (above, is_possible) in [(1, false), (2, true)] {
        let desk = Desk::new();
        let ca = desk.open(json!({}));
        let root = Foreign::limited("CN=Root", None, 30, Some(5));
        let middle = Foreign::limited("CN=Middle", Some(&root), 20, Some(above));
        let base = Foreign::limited("CN=Base", Some(&middle), 90, None);
        import(&ca, &base, &[&middle, &root]).unwrap();

        // The end of the middle one is that of every certificate.
        let client = Client::new("a.example.com");
        let leaf = IssuedFacts::read(issued(&ca, &client, None).certificate.as_str()).unwrap();
        let end = IssuedFacts::read(&middle.pem()).unwrap().not_after;
        assert_eq!(leaf.not_after, end);
        let mut metadata = client.metadata();
        metadata["days"] = 60.into();
        let late = issue(&ca, &order("late", &metadata)).unwrap_err();
        assert!(late.to_string().contains("would outlive its authority"), "{late}");

        let sub = try_create(&ca, "Sub", None);
        assert_eq!(sub.is_ok(), is_possible, "{sub:?}");
        let Ok(sub) = sub else { continue };
        assert_eq!(try_create(&ca, "Below", Some(&sub.id)).unwrap_err().kind(), ErrorKind::Denied);
        let certificate = sub.signing_certificate.unwrap();
        assert_eq!(IssuedFacts::read(certificate.as_str()).unwrap().not_after, end);
        let leaf = issued(&ca, &client, Some(&sub.id));
        let chain = format!("{}{}", leaf.intermediates.unwrap().as_str(), root.pem());
        check_issued(leaf.certificate.as_str(), Some(&chain), &expected, desk.clock.now()).unwrap();
    }
}

#[test]
fn an_authority_is_created_exactly_where_the_check_of_certificates_accepts_it() {
    let (mut accepted, mut refused) = (0, 0);
    let lengths = [None, Some(0), Some(1), Some(2)];
    for case in 0..lengths.len().pow(3) {
        let [above, middle, own] = [case % 4, case / 4 % 4, case / 16].map(|at| lengths[at]);
        let root = Foreign::limited("CN=Root", None, 30, above);
        let middle = Foreign::limited("CN=Middle", Some(&root), 30, middle);
        let base = Foreign::limited("CN=Base", Some(&middle), 30, own);
        let desk = Desk::new();
        let ca = desk.open(json!({}));
        if import(&ca, &base, &[&middle, &root]).is_err() {
            continue;
        }
        let below = Foreign::limited("CN=Sub", Some(&base), 30, None);
        let chain = [&base, &middle, &root].map(Foreign::pem).concat();
        let expected = Expected::new().with_authority();
        let check = check_issued(&below.pem(), Some(&chain), &expected, desk.clock.now());
        assert_eq!(try_create(&ca, "Sub", None).is_ok(), check.is_ok(), "{check:?}");
        *(if check.is_ok() { &mut accepted } else { &mut refused }) += 1;
    }
    assert!(accepted > 4 && refused > 4, "{accepted} {refused}");
}
