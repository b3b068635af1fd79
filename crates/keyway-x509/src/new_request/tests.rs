use proptest::prelude::*;

use super::*;
use crate::KeyType;

fn key() -> PrivateKey {
    PrivateKey::generate(KeyType::EcdsaP256).unwrap().0
}

#[test]
fn a_request_has_what_it_was_made_with() {
    let names = [
        AlternativeName::dns("*.Example.com").unwrap(),
        AlternativeName::Ip([192, 0, 2, 1].into()),
        AlternativeName::Ip("2001:db8::1".parse().unwrap()),
        AlternativeName::email("ada@example.com").unwrap(),
        AlternativeName::uri("spiffe://example.com/a").unwrap(),
    ];
    let key = key();
    for subject in ["CN=host,OU=dev,OU=us,O=Example", "CN=a+OU=b,DC=example,DC=com"] {
        let subject: DistinguishedName = subject.parse().unwrap();
        let request = CertificateRequest::sign(&key, &subject, &names).unwrap();
        assert_eq!((request.subject(), request.names()), (&subject, &names[..]));
        assert_eq!(request.public_key(), key.public_key());
        assert!(!request.extensions()[0].critical);
        assert_eq!(CertificateRequest::from_pem(&request.to_pem()).unwrap(), request);
    }
    let request = CertificateRequest::sign(&key, &DistinguishedName::empty(), &names).unwrap();
    assert!(request.subject().is_empty() && request.extensions()[0].critical);
    let nameless = CertificateRequest::sign(&key, &"CN=a".parse().unwrap(), &[]).unwrap();
    assert!(nameless.extensions().is_empty());
}

#[test]
fn a_request_that_is_not_acceptable_is_not_made() {
    let (key, empty) = (key(), DistinguishedName::empty());
    assert_eq!(CertificateRequest::sign(&key, &empty, &[]), Err(NewRequestError::Nameless));
    let bad = AlternativeName::Dns("a b".into());
    let error = CertificateRequest::sign(&key, &empty, &[bad]).unwrap_err();
    assert!(matches!(error, NewRequestError::Name(_)), "{error}");
    let many: Vec<_> =
        (0..6000).map(|number| AlternativeName::Dns(format!("host{number}.example"))).collect();
    let most = CertificateRequest::MAX_BYTES;
    assert_eq!(CertificateRequest::sign(&key, &empty, &many), Err(NewRequestError::TooLong { most }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn names_survive_in_their_order(labels in prop::collection::vec("[a-z0-9]{1,20}", 1..20)) {
        let names: Vec<_> =
            labels.iter().map(|label| AlternativeName::dns(&format!("{label}.example")).unwrap()).collect();
        let request = CertificateRequest::sign(&key(), &DistinguishedName::empty(), &names).unwrap();
        prop_assert_eq!(request.names(), names);
    }
}
