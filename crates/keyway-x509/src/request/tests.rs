use std::net::IpAddr;

use proptest::prelude::*;
use rcgen::{Attribute, CertificateParams, CustomExtension, KeyPair};

use keyway_core::{Effect, ErrorKind, PluginError as _};

use super::*;
use crate::{KeyType, PemError, PublicKeyError};

/// Returns the content of a file that `tests/requests/make.sh` made with OpenSSL.
macro_rules! made {
    ($name:literal) => {
        include_str!(concat!("../../tests/requests/", $name, ".pem"))
    };
}

fn fault(text: &str) -> RequestError {
    CertificateRequest::from_pem(text).unwrap_err()
}

#[test]
fn requests_of_openssl_are_read() {
    for (text, key_type) in [
        (made!("p256"), KeyType::EcdsaP256),
        (made!("p384"), KeyType::EcdsaP384),
        (made!("ed25519"), KeyType::Ed25519),
        (made!("rsa2048"), KeyType::Rsa { bits: 2048 }),
        (made!("rsa2048-sha384"), KeyType::Rsa { bits: 2048 }),
        (made!("rsa3072-sha512"), KeyType::Rsa { bits: 3072 }),
        (made!("rsa4096"), KeyType::Rsa { bits: 4096 }),
    ] {
        let request = CertificateRequest::from_pem(text).unwrap();
        assert_eq!(request.public_key().key_type(), key_type);
        assert!(!request.asks_for_authority());
        let labeled = text.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
        assert_eq!(CertificateRequest::from_pem(&labeled).unwrap(), request);
        let lines = STANDARD.encode(text).as_bytes().chunks(76).fold(String::new(), |mut all, line| {
            all.push_str(std::str::from_utf8(line).unwrap());
            all.push('\n');
            all
        });
        assert_eq!(CertificateRequest::from_request_data(&lines).unwrap(), request);
    }
}

#[test]
fn subject_and_names_are_those_of_the_request() {
    let request = CertificateRequest::from_pem(made!("p256")).unwrap();
    assert_eq!(request.subject().to_string(), "CN=www.example.com,O=Example");
    let ip = |text: &str| AlternativeName::Ip(text.parse::<IpAddr>().unwrap());
    assert_eq!(
        request.names(),
        [
            AlternativeName::dns("www.example.com").unwrap(),
            AlternativeName::dns("*.example.com").unwrap(),
            ip("192.0.2.1"),
            ip("2001:db8::1"),
            AlternativeName::email("Ada@example.com").unwrap(),
            AlternativeName::uri("spiffe://example.com/a").unwrap(),
        ]
    );
    let nameless = CertificateRequest::from_pem(made!("rsa2048")).unwrap();
    assert!(nameless.names().is_empty() && nameless.extensions().is_empty());
    let empty = CertificateRequest::from_pem(made!("empty-subject")).unwrap();
    assert_eq!(empty.subject().to_string(), "");
    let others = CertificateRequest::from_pem(made!("other-name")).unwrap();
    assert_eq!(
        others.names().iter().map(AlternativeName::kind).collect::<Vec<_>>(),
        ["otherName", "registeredID"]
    );
}

#[test]
fn a_request_for_an_authority_says_so() {
    let request = CertificateRequest::from_pem(made!("authority")).unwrap();
    assert!(request.asks_for_authority());
    let ids: Vec<_> = request.extensions().iter().map(|one| (one.id.as_str(), one.critical)).collect();
    assert_eq!(ids, [("2.5.29.19", true), ("2.5.29.15", true)]);
}

#[test]
fn refused_algorithms_are_named() {
    let algorithm = |algorithm: &str| {
        RequestError::PublicKey(PublicKeyError::Algorithm { algorithm: algorithm.to_owned() })
    };
    let signed = |algorithm: &str| RequestError::SignatureAlgorithm { algorithm: algorithm.to_owned() };
    for (text, expected) in [
        (made!("refused-rsa1024"), RequestError::PublicKey(PublicKeyError::RsaBits { bits: 1024 })),
        (made!("refused-rsa8192"), RequestError::PublicKey(PublicKeyError::RsaBits { bits: 8192 })),
        (made!("refused-p521"), algorithm("id-ecPublicKey secp521r1")),
        (made!("refused-secp256k1"), algorithm("id-ecPublicKey 1.3.132.0.10")),
        (made!("refused-ed448"), algorithm("id-Ed448")),
        (made!("refused-rsa-pss"), algorithm("id-RSASSA-PSS")),
        (made!("refused-sha1"), signed("sha1WithRSAEncryption")),
        (made!("refused-p256-sha512"), signed("ecdsa-with-SHA512")),
    ] {
        assert_eq!(fault(text), expected);
        assert_eq!((expected.kind(), expected.effect()), (ErrorKind::Invalid, Effect::None));
    }
    assert_eq!(
        fault(made!("refused-sha1")).to_string(),
        "the certificate request is signed with sha1WithRSAEncryption: use SHA-256, SHA-384 or SHA-512"
    );
}

#[test]
fn a_name_of_a_wrong_form_is_refused() {
    let RequestError::Name(error) = fault(made!("refused-dns-name")) else { panic!() };
    assert_eq!((error.kind, error.name.as_str()), ("DNS name", "a b.example.com"));
}

#[test]
fn a_repeated_extension_is_refused() {
    let mut parameters = CertificateParams::default();
    let extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    parameters.custom_extensions = vec![extension.clone(), extension];
    let key = KeyPair::generate().unwrap();
    let request = parameters.serialize_request(&key).unwrap();
    let fault = CertificateRequest::from_der(request.der()).unwrap_err();
    assert_eq!(fault, RequestError::RepeatedExtension { extension: "1.2.3.4".into() });
}

/// Tests that extensions in an attribute that OpenSSL reads, and this crate does not, are refused.
#[test]
fn extensions_in_the_attribute_of_microsoft_are_refused() {
    // A set that holds an empty sequence of extensions.
    let attribute = Attribute { oid: &[1, 3, 6, 1, 4, 1, 311, 2, 1, 14], values: vec![0x31, 2, 0x30, 0] };
    let key = KeyPair::generate().unwrap();
    let request =
        CertificateParams::default().serialize_request_with_attributes(&key, vec![attribute]).unwrap();
    let fault = CertificateRequest::from_der(request.der()).unwrap_err();
    assert_eq!(fault, RequestError::Malformed { part: "extensions" });
}

/// OpenSSL shows a relative name without attributes as an empty subject, so the certificate would name nothing.
#[test]
fn a_relative_name_without_attributes_is_refused() {
    let (key, _) = crate::PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let sound = CertificateRequest::sign(&key, &"CN=a".parse().unwrap(), &[]).unwrap();
    let mut read = Signed::from_der(sound.as_der()).unwrap();
    let (content, name) = (read.information.value().to_vec(), sound.subject().to_der());
    let (version, rest) = content.split_at(3);
    let bare = [0x31, 0];
    for sets in [bare.to_vec(), [&name[2..], &bare].concat(), [&bare, &name[2..]].concat()] {
        let subject = Any::new(der::Tag::Sequence, sets).unwrap().to_der().unwrap();
        let content = [version, &subject, &rest[name.len()..]].concat();
        read.information = Any::new(der::Tag::Sequence, content).unwrap();
        let signature = key.sign(&read.information.to_der().unwrap()).unwrap();
        read.signature = BitString::from_bytes(&signature).unwrap();
        let fault = CertificateRequest::from_der(&read.to_der().unwrap()).unwrap_err();
        assert_eq!(fault, RequestError::Malformed { part: "subject" });
    }
}

#[test]
fn only_one_block_with_a_request_is_accepted() {
    let one = made!("p256");
    assert_eq!(fault(&one.repeat(2)), RequestError::Pem(PemError::Several { count: 2 }));
    assert_eq!(fault(&format!("hello\n{one}")), RequestError::Pem(PemError::Outside));
    let certificate = one.replace("CERTIFICATE REQUEST", "CERTIFICATE");
    assert!(matches!(fault(&certificate), RequestError::Pem(PemError::Label { .. })));
    let long = format!("{one}{}", " ".repeat(CertificateRequest::MAX_BYTES));
    assert_eq!(fault(&long), RequestError::TooLong { most: CertificateRequest::MAX_BYTES });
    assert_eq!(CertificateRequest::from_request_data("abc"), Err(RequestError::NotBase64));
    assert_eq!(CertificateRequest::from_request_data("/w=="), Err(RequestError::NotBase64));
}

#[test]
fn trailing_bytes_are_refused() {
    let der = CertificateRequest::from_pem(made!("p256")).unwrap().as_der().to_vec();
    let fault = CertificateRequest::from_der(&[&der[..], &[0]].concat()).unwrap_err();
    assert_eq!(fault, RequestError::Malformed { part: "outermost sequence" });
}

#[test]
fn a_signature_of_another_key_is_refused() {
    let one = CertificateRequest::from_pem(made!("p256")).unwrap();
    let key = KeyPair::generate().unwrap();
    let other = CertificateParams::default().serialize_request(&key).unwrap();
    let (one, other) = (Signed::from_der(one.as_der()).unwrap(), Signed::from_der(other.der()).unwrap());
    let mixed = Signed { information: one.information, ..other };
    assert_eq!(CertificateRequest::from_der(&mixed.to_der().unwrap()), Err(RequestError::Signature));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_changed_byte_is_accepted(place in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let mut der = CertificateRequest::from_pem(made!("p256")).unwrap().as_der().to_vec();
        *place.get_mut(&mut der[..]) ^= change;
        prop_assert!(CertificateRequest::from_der(&der).is_err());
    }

    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(CertificateRequest::from_der(&bytes).is_err());
        prop_assert!(CertificateRequest::from_pem(&String::from_utf8_lossy(&bytes)).is_err());
    }
}
