//! Compares `keyway-x509` with OpenSSL, for requests that `keyway-x509` makes and for requests that it reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use keyway_tests::services::{OrSkip as _, system_program};
use keyway_x509::{AlternativeName, CertificateRequest, KeyType, PrivateKey};

fn openssl(what: &str) -> Option<PathBuf> {
    system_program("openssl").or_skip(what)
}

fn run(openssl: &Path, arguments: &[&str]) -> Output {
    Command::new(openssl).args(arguments).output().expect("openssl starts")
}

/// Tests that OpenSSL verifies requests for every type of key, and reads subject and names as they were given.
#[test]
fn openssl_verifies_our_requests() {
    let Some(openssl) = openssl("requests that it verifies") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let rsa = run(&openssl, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).stdout;
    let rsa = String::from_utf8(rsa).unwrap();
    let made = [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Ed25519]
        .map(|of| PrivateKey::generate(of).unwrap().0);
    let keys = made.into_iter().chain([PrivateKey::from_pem(&rsa, None).unwrap()]);
    let names = [
        AlternativeName::dns("*.example.com").unwrap(),
        AlternativeName::Ip("2001:db8::1".parse().unwrap()),
        AlternativeName::email("ada@example.com").unwrap(),
        AlternativeName::uri("https://example.com/a").unwrap(),
    ];
    for key in keys {
        // The subject has two attributes of one type, two attributes in one relative name, escapes, text beyond ASCII,
        // and each type of string.
        let subject =
            "CN=B\\c3\\bcrger\\, Ada+SN=Lovelace,OU=dev,OU=us,DC=example,DC=com,C=DE,serialNumber=1-2";
        let request = CertificateRequest::sign(&key, &subject.parse().unwrap(), &names).unwrap();
        fs::write(path("request.pem"), request.to_pem()).unwrap();
        let verified = run(
            &openssl,
            &[
                "req",
                "-in",
                &path("request.pem"),
                "-verify",
                "-noout",
                "-subject",
                "-text",
                "-nameopt",
                "RFC2253,-esc_msb,utf8",
            ],
        );
        let (text, errors) =
            (String::from_utf8_lossy(&verified.stdout), String::from_utf8_lossy(&verified.stderr));
        assert!(verified.status.success(), "{key:?}: {errors}");
        assert!(errors.contains("verify OK"), "{key:?}: {errors}");
        let expected =
            "subject=CN=B\u{fc}rger\\, Ada+SN=Lovelace,OU=dev,OU=us,DC=example,DC=com,C=DE,serialNumber=1-2";
        assert!(text.contains(expected), "{text}");
        let expected = "DNS:*.example.com, IP Address:2001:DB8:0:0:0:0:0:1, email:ada@example.com, URI:https://example.com/a";
        assert!(text.contains(expected), "{text}");
    }
}

/// Changes single bytes of a request, and tests that every changed request that OpenSSL refuses to verify is refused
/// here too.
#[test]
fn a_request_that_openssl_refuses_is_refused() {
    let Some(openssl) = openssl("requests that it refuses") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("request.der");
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::sign(&key, &"CN=a".parse().unwrap(), &[]).unwrap();
    let verify = |der: &[u8]| {
        fs::write(&path, der).unwrap();
        let output =
            run(&openssl, &["req", "-inform", "DER", "-in", path.to_str().unwrap(), "-verify", "-noout"]);
        String::from_utf8_lossy(&output.stderr).contains("verify OK")
    };
    assert!(verify(request.as_der()));
    for place in (0..request.as_der().len()).step_by(13) {
        let mut changed = request.as_der().to_vec();
        changed[place] ^= 1;
        let ours = CertificateRequest::from_der(&changed).is_ok();
        assert!(!ours || verify(&changed), "byte {place}: accepted here, refused by OpenSSL");
    }
}
