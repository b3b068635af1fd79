//! Tests the limits of chains of authorities, and of certificates.

use keyway_certificates::core::{Clock as _, Effect, ErrorKind, PluginError as _};
use keyway_certificates::{
    CaInformation, CertificateAuthority as _, CertificateError, CreateCa, IntendedCall, Owner, Pem,
    Reconciled, RequestContext,
};
use keyway_local_ca::LocalCa;
use keyway_x509::{
    AlternativeName, CertificateRequest, DistinguishedName, Expected, KeyType, MAX_CHAIN_BYTES,
    MAX_INTERMEDIATES, PrivateKey, check_issued,
};
use pollster::block_on;
use serde_json::json;

use crate::support::{Client, Desk, intent, issue, issued, order, with_root};

/// Opens an authority whose root allows many authorities below each other.
fn deep(desk: &Desk) -> LocalCa {
    let mut configuration = with_root();
    configuration["root"]["path_length"] = json!(20);
    desk.open(configuration)
}

/// Creates authorities, each below the last one, until the plugin refuses.
fn nested(ca: &LocalCa, subject: impl Fn(usize) -> String) -> (Vec<CaInformation>, CertificateError) {
    let (mut all, mut parent) = (Vec::new(), block_on(ca.default_ca()).unwrap().unwrap().id);
    loop {
        let number = all.len();
        let owner = Owner::new("test").unwrap();
        let request = CreateCa::new(intent(), format!("Sub {number}"), subject(number), parent, owner);
        match block_on(ca.create_ca(&request)) {
            Ok(made) => {
                parent = made.id.clone();
                all.push(made);
            }
            Err(refused) => return (all, refused),
        }
    }
}

/// Checks that the plugin lists all authorities, and that each of them makes certificates that a host accepts.
fn all_of_them_work(desk: &Desk, ca: &LocalCa, made: &[CaInformation]) {
    assert_eq!(block_on(ca.ca_information()).unwrap().len(), made.len() + 1);
    for sub in made {
        let client = Client::new("a.example.com");
        let leaf = issued(ca, &client, Some(&sub.id));
        let chain = leaf.intermediates.unwrap();
        let expected = Expected::from_request(&client.request);
        check_issued(leaf.certificate.as_str(), Some(chain.as_str()), &expected, desk.clock.now()).unwrap();
    }
}

#[test]
fn authorities_with_long_subjects_end_before_their_chain_is_too_long() {
    let desk = Desk::new();
    let ca = deep(&desk);
    let unit = format!(",OU={}", "x".repeat(64));
    let (made, refused) = nested(&ca, |number| format!("CN=Sub {number}{}", unit.repeat(60)));
    assert_eq!((refused.kind(), refused.effect()), (ErrorKind::Invalid, Effect::None), "{refused}");
    assert!(refused.to_string().contains("a shorter subject"), "{refused}");
    assert!((3..MAX_INTERMEDIATES).contains(&made.len()), "{}", made.len());
    all_of_them_work(&desk, &ca, &made);
}

#[test]
fn authorities_end_where_hosts_refuse_the_chain() {
    let desk = Desk::new();
    let ca = deep(&desk);
    let (made, refused) = nested(&ca, |number| format!("CN=Sub {number}"));
    assert_eq!((refused.kind(), refused.effect()), (ErrorKind::Invalid, Effect::None), "{refused}");
    assert!(refused.to_string().contains("nearer to the root"), "{refused}");
    assert_eq!(made.len(), MAX_INTERMEDIATES);
    all_of_them_work(&desk, &ca, &made);
}

#[test]
fn a_certificate_that_would_be_too_long_is_not_made() {
    let ca = Desk::new().with_root();
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let label = "x".repeat(60);
    let name =
        |number: usize| AlternativeName::dns(&format!("n{number}.{label}.{label}.{label}.org")).unwrap();
    let names: Vec<_> = (0..247).map(name).collect();
    let request = CertificateRequest::sign(&key, &DistinguishedName::empty(), &names).unwrap();
    let pem = request.to_pem();
    assert!((MAX_CHAIN_BYTES - 500..=MAX_CHAIN_BYTES).contains(&pem.len()), "{}", pem.len());
    let stored = order("order-1", &json!({ "request_type": "stored-key", "container_ref": "store/key" }));
    let stored = stored.with_context(RequestContext::new().with_generated_csr(Pem::new(pem).unwrap()));
    let refused = issue(&ca, &stored).unwrap_err();
    assert_eq!((refused.kind(), refused.effect()), (ErrorKind::Invalid, Effect::None), "{refused}");
    assert!(refused.to_string().contains("fewer names"), "{refused}");
    let question = IntendedCall::Issue(stored).into();
    assert_eq!(block_on(ca.reconcile(&question)).unwrap(), Reconciled::NothingHappened);
}
