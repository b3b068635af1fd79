use std::time::Duration;

use keyway_core::{Clock as _, Effect, ErrorKind, PluginError as _, SystemClock};
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, GeneralSubtree, IsCa, KeyPair,
    KeyUsagePurpose, NameConstraints, PublicKeyData as _, SanType, date_time_ymd,
};

use super::*;
use crate::{AlternativeName, CertificateRequest, PemError};

/// Returns the content of a file that `tests/chains/make.sh` made with OpenSSL.
macro_rules! made {
    ($name:literal) => {
        include_str!(concat!("../../tests/chains/", $name, ".pem"))
    };
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Timestamp {
    SystemClock.now()
}

fn authority(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut parameters);
    parameters
}

fn root(change: impl FnOnce(&mut CertificateParams)) -> Issuer {
    Issuer::self_signed(authority("Root", change), KeyPair::generate().unwrap()).unwrap()
}

fn below(parent: &Issuer, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issuer {
    Issuer::signed_by(authority(name, change), KeyPair::generate().unwrap(), parent).unwrap()
}

/// An order: its key, and the names `a.example.com` and `192.0.2.1`.
struct Order {
    key: KeyPair,
    expected: Expected,
}

impl Order {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let request = leaf(|_| ()).serialize_request(&key).unwrap();
        let request = CertificateRequest::from_pem(&request.pem().unwrap()).unwrap();
        Self { key, expected: Expected::from_request(&request) }
    }

    fn issued_by(&self, issuer: &Issuer, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut parameters = leaf(change);
        parameters.serial_number = Some(rcgen::SerialNumber::from_slice(&[0xab, 0x01]));
        parameters.signed_by(&self.key, issuer).unwrap().pem()
    }

    fn check(&self, certificate: &str, intermediates: &[&str]) -> Result<IssuedFacts, IssuedFault> {
        let chain = intermediates.concat();
        check_issued(certificate, (!chain.is_empty()).then_some(&chain), &self.expected, now())
    }
}

fn leaf(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut parameters =
        CertificateParams::new(["A.example.com".to_owned(), "192.0.2.1".to_owned()]).unwrap();
    change(&mut parameters);
    parameters
}

#[test]
fn an_ordered_certificate_passes_with_its_facts() {
    let (order, root) = (Order::new(), root(|_| ()));
    let sub = below(&root, "Sub", |_| ());
    let certificate = order.issued_by(&sub, |parameters| {
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(2120, 1, 1);
    });
    for chain in [&[] as &[&str], &[&sub.pem()], &[&sub.pem(), &root.pem()]] {
        let facts = order.check(&certificate, chain).unwrap();
        assert_eq!(facts.serial, "ab01");
        assert_eq!(
            (facts.not_before.as_seconds(), facts.not_after.as_seconds()),
            (1_577_836_800, 4_733_510_400)
        );
        assert_eq!(facts.names, order.expected.names);
        assert_eq!(facts.issuer.to_string(), "CN=Sub");
    }
    assert!(check_issued(&certificate, None, &Expected::new(), now()).is_ok());
}

#[test]
fn the_first_broken_rule_is_named() {
    let (order, root) = (Order::new(), root(|_| ()));
    let good = order.issued_by(&root, |_| ());
    let fault = |certificate: &str| order.check(certificate, &[]).unwrap_err();

    assert_eq!(fault(&good.repeat(2)), IssuedFault::CertificatePem(PemError::Several { count: 2 }));
    assert_eq!(order.check(&good, &["hello"]).unwrap_err(), IssuedFault::IntermediatesPem(PemError::Empty));
    let many = root.pem().repeat(8);
    assert_eq!(order.check(&good, &[&many]).unwrap_err(), IssuedFault::TooManyIntermediates { most: 7 });
    let long = format!("{good}{}", "\n".repeat(MAX_CHAIN_BYTES));
    assert_eq!(fault(&long), IssuedFault::TooLong { most: MAX_CHAIN_BYTES });
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let malformed = IssuedFault::Malformed { place: Place::Certificate, part: "outermost sequence" };
    assert_eq!(fault(no_certificate), malformed);
    let another = Order::new().issued_by(&root, |_| ());
    assert_eq!(fault(&another), IssuedFault::AnotherKey);
    let as_authority = |parameters: &mut CertificateParams| {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    assert_eq!(fault(&order.issued_by(&root, as_authority)), IssuedFault::Authority);
    let lacking = order.issued_by(&root, |parameters| parameters.subject_alt_names.truncate(1));
    let name = AlternativeName::Ip([192, 0, 2, 1].into());
    assert_eq!(fault(&lacking), IssuedFault::MissingName { name });
    let error = fault(&lacking);
    assert_eq!(
        error.to_string(),
        "the certificate must have every requested alternative name, and lacks the IP address 192.0.2.1"
    );
    assert_eq!((error.kind(), error.effect()), (ErrorKind::ContractViolation, Effect::Unknown));
    let nameless = order.issued_by(&root, |parameters| parameters.subject_alt_names.clear());
    assert!(matches!(fault(&nameless), IssuedFault::MissingName { .. }));
    let wildcard = order.issued_by(&root, |parameters| {
        parameters.subject_alt_names[0] = SanType::DnsName("*.example.com".try_into().unwrap());
    });
    assert!(matches!(fault(&wildcard), IssuedFault::MissingName { .. }), "a wildcard is another name");
}

#[test]
fn validity_holds_from_the_first_to_the_last_second() {
    let (order, root) = (Order::new(), root(|_| ()));
    let certificate = order.issued_by(&root, |parameters| {
        parameters.not_before = date_time_ymd(2030, 1, 1);
        parameters.not_after = date_time_ymd(2030, 1, 2);
    });
    let first = Timestamp::from_milliseconds(1_893_456_000_000);
    let check = |now| check_issued(&certificate, None, &order.expected, now);
    let before = Timestamp::from_milliseconds(first.as_milliseconds() - 1);
    assert!(matches!(check(before), Err(IssuedFault::NotYetValid { place: Place::Certificate, .. })));
    assert!(check(first).is_ok() && check(first.plus(DAY)).is_ok());
    let error = check(first.plus(DAY).plus(Duration::from_secs(1))).unwrap_err();
    assert_eq!(error.to_string(), "the certificate must be valid now, and expired 1 s ago");

    let sub = below(&root, "Sub", |parameters| parameters.not_after = date_time_ymd(2020, 1, 1));
    let certificate = order.issued_by(&sub, |_| ());
    for chain in [&[&*sub.pem()] as &[&str], &[&sub.pem(), &root.pem()]] {
        let error = order.check(&certificate, chain).unwrap_err();
        assert!(matches!(error, IssuedFault::Expired { place: Place::Intermediate(1), .. }), "{error}");
    }
}

#[test]
fn every_link_is_checked() {
    let (order, root) = (Order::new(), root(|_| ()));
    let sub = below(&root, "Sub", |_| ());
    let certificate = order.issued_by(&sub, |_| ());
    let check = |chain: &[&str]| order.check(&certificate, chain).unwrap_err();

    let (sub_pem, root_pem) = (sub.pem(), root.pem());
    assert_eq!(check(&[&root_pem, &sub_pem]), IssuedFault::AnotherIssuer { place: Place::Certificate });
    assert_eq!(check(&[&root_pem]), IssuedFault::AnotherIssuer { place: Place::Certificate });
    let third = below(&root, "Third", |_| ()).pem();
    let another = IssuedFault::AnotherIssuer { place: Place::Intermediate(1) };
    assert_eq!(check(&[&sub_pem, &third]), another);
    // An authority with the names of the real one, but with another key.
    let imposter = below(&root, "Sub", |_| ());
    let not_signed = IssuedFault::NotSigned { place: Place::Certificate };
    assert_eq!(check(&[&imposter.pem()]), not_signed);
    assert_eq!(check(&[&imposter.pem(), &root_pem]), not_signed);
    let other_root = self::root(|_| ());
    let not_signed = IssuedFault::NotSigned { place: Place::Intermediate(1) };
    assert_eq!(check(&[&sub_pem, &other_root.pem()]), not_signed);

    let no_authority = below(&root, "Leaf", |parameters| parameters.is_ca = IsCa::ExplicitNoCa);
    let certificate = order.issued_by(&no_authority, |_| ());
    let fault = IssuedFault::IssuerIsNoAuthority { place: Place::Intermediate(1) };
    assert_eq!(order.check(&certificate, &[&no_authority.pem()]).unwrap_err(), fault);
    assert_eq!(order.check(&certificate, &[&no_authority.pem(), &root_pem]).unwrap_err(), fault);
    let lists_only =
        below(&root, "Lists", |parameters| parameters.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let certificate = order.issued_by(&lists_only, |_| ());
    assert_eq!(order.check(&certificate, &[&lists_only.pem()]).unwrap_err(), fault);
}

#[test]
fn the_issuer_of_a_certificate_is_known_by_its_signature() {
    let (order, root) = (Order::new(), root(|_| ()));
    let expired = order.issued_by(&root, |parameters| parameters.not_after = date_time_ymd(2000, 1, 1));
    assert_eq!(check_issuer(&expired, &root.pem()).unwrap().serial, "ab01");
    let imposter = self::root(|_| ());
    let fault = IssuedFault::NotSigned { place: Place::Certificate };
    assert_eq!(check_issuer(&expired, &imposter.pem()).unwrap_err(), fault);
    let other = below(&root, "Other", |_| ());
    let fault = IssuedFault::AnotherIssuer { place: Place::Certificate };
    assert_eq!(check_issuer(&expired, &other.pem()).unwrap_err(), fault);
    assert!(check_issuer(&root.pem(), &root.pem()).is_ok());
    assert_eq!(
        certificates_of_pem(&root.pem().repeat(2)).unwrap(),
        [root.der().to_vec(), root.der().to_vec()]
    );
}

/// Tests a chain with a superfluous authority, which has the same name as the one that signed.
#[test]
fn a_shorter_path_is_no_link() {
    let order = Order::new();
    let (one, two) = (root(|_| ()), root(|_| ()));
    let certificate = order.issued_by(&two, |_| ());
    // `two` alone verifies the certificate. The second chain has `one`, which has the same name, between the
    // certificate and `two`.
    assert!(order.check(&certificate, &[&two.pem()]).is_ok());
    let fault = order.check(&certificate, &[&one.pem(), &two.pem()]).unwrap_err();
    assert_eq!(fault, IssuedFault::NotSigned { place: Place::Certificate });
}

#[test]
fn path_lengths_and_name_constraints_hold() {
    let order = Order::new();
    let root = root(|parameters| parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let sub = below(&root, "Sub", |_| ());
    let certificate = order.issued_by(&root, |_| ());
    assert!(order.check(&certificate, &[&root.pem()]).is_ok());
    let certificate = order.issued_by(&sub, |_| ());
    let fault = order.check(&certificate, &[&sub.pem(), &root.pem()]).unwrap_err();
    assert_eq!(fault, IssuedFault::PathLength { place: Place::Intermediate(2), allowed: 0, found: 1 });

    let elsewhere = self::root(|parameters| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName("example.org".into())];
        let excluded_subtrees = Vec::new();
        parameters.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees });
    });
    let certificate = order.issued_by(&elsewhere, |_| ());
    let fault = order.check(&certificate, &[&elsewhere.pem()]).unwrap_err();
    assert!(matches!(fault, IssuedFault::Chain { .. }), "{fault}");
}

#[test]
fn an_authority_is_accepted_where_one_was_ordered() {
    let root = root(|_| ());
    let sub = below(&root, "Sub", |_| ());
    let key = PublicKey::from_der(&sub.key().subject_public_key_info()).unwrap();
    let expected = Expected::new().with_authority().with_public_key(key);
    assert!(check_issued(&sub.pem(), Some(&root.pem()), &expected, now()).is_ok());
    let imposter = self::root(|_| ());
    let fault = check_issued(&sub.pem(), Some(&imposter.pem()), &expected, now()).unwrap_err();
    assert_eq!(fault, IssuedFault::NotSigned { place: Place::Certificate });
    let (order, expected) = (Order::new(), Expected::new().with_authority());
    let certificate = order.issued_by(&root, |_| ());
    assert_eq!(check_issued(&certificate, None, &expected, now()).unwrap_err(), IssuedFault::NoAuthority);
}

#[test]
fn old_certificates_are_checked_too() {
    let check =
        |certificate: &str, chain: &str| check_issued(certificate, Some(chain), &Expected::new(), now());
    let old_root = made!("old-root");
    for certificate in [made!("old-leaf"), made!("leaf-of-old-root")] {
        check(certificate, old_root).unwrap();
    }
    let fault = check(made!("old-leaf"), made!("root")).unwrap_err();
    assert_eq!(fault, IssuedFault::AnotherIssuer { place: Place::Certificate });
    let fault = check(made!("leaf-of-old-root"), &[made!("old-leaf"), old_root].concat()).unwrap_err();
    assert_eq!(fault, IssuedFault::AnotherIssuer { place: Place::Certificate });
    let fault = check(made!("sha1-leaf"), made!("root")).unwrap_err();
    let algorithm = "sha1WithRSAEncryption".to_owned();
    assert_eq!(fault, IssuedFault::SignatureAlgorithm { place: Place::Certificate, algorithm });
    let fault = check(made!("odd-leaf"), made!("root")).unwrap_err();
    assert!(matches!(fault, IssuedFault::Chain { .. }), "a critical extension that is not known: {fault}");
}

#[test]
fn a_certificate_without_a_chain_has_the_signature_of_the_signer_that_it_names() {
    let (order, root, other) = (Order::new(), root(|_| ()), root(|_| ()));
    let sub = below(&root, "Sub", |_| ());
    let check = |certificate: &str, signers: &[String]| {
        check_issued(certificate, None, &order.expected.clone().with_signers(signers.to_vec()), now())
    };
    let without_identifier = |parameters: &mut CertificateParams| {
        parameters.use_authority_key_identifier_extension = false;
    };
    let (good, forged) =
        (order.issued_by(&root, without_identifier), order.issued_by(&other, without_identifier));
    assert!(check(&good, &[root.pem()]).is_ok());
    assert_eq!(
        check(&forged, &[root.pem()]).unwrap_err(),
        IssuedFault::NotSigned { place: Place::Certificate }
    );
    // An authority that renewed its key has two certificates with one name.
    assert!(check(&good, &[other.pem(), root.pem()]).is_ok());
    assert!(check(&good, &[root.pem(), other.pem()]).is_ok());
    // None of the known signers matches: the first one has another name, and the second one cannot be read.
    assert!(check(&forged, &[sub.pem(), "no certificate".to_owned()]).is_ok());
    let with_identifier = order.issued_by(&other, |parameters| {
        parameters.use_authority_key_identifier_extension = true;
    });
    assert!(check(&with_identifier, &[root.pem()]).is_ok(), "it names another key");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_changed_byte_of_a_chain_is_accepted(
        which in 0..2_usize,
        place in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let texts = [made!("leaf-of-old-root"), made!("old-root")];
        let mut ders = texts.map(|text| pem::one(text, &LABELS).unwrap().take());
        let expected = {
            let read = Certificate::from_der(&ders[0]).unwrap();
            let key = PublicKey::from_info(read.public_key()).unwrap();
            Expected::new().with_public_key(key).with_names(read.names)
        };
        *place.get_mut(&mut ders[which][..]) ^= change;
        let checked = check_issued(&pem::write("CERTIFICATE", &ders[0]), Some(&pem::write("CERTIFICATE", &ders[1])), &expected, now());
        // The last certificate is trusted as it is: its own signature and its unused parts do not matter.
        prop_assert!(which == 1 || checked.is_err());
    }
}
