//! Tests imported authorities.

use keyway_certificates::core::{Clock as _, ErrorKind, PluginError as _};
use keyway_certificates::{CertificateAuthority as _, RevocationReason};
use keyway_x509::{Expected, check_issued};
use pollster::block_on;
use serde_json::json;

use crate::support::{Client, Desk, issued, revoke, root};

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
