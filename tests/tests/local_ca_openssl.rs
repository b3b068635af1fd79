//! Tests the certificates and revocation lists of `keyway-local-ca` with OpenSSL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::core::{Json, PluginMetadata, Resources};
use keyway_certificates::{
    AuthorityName, CaId, CertificateAuthority as _, CertificateOrder, CertificateRevocation, CreateCa,
    IntentId, IssuedCertificate, JsonObject, OpenContext, OrderId, OrderMetadata, OrderOutcome, Owner,
    PluginMeta, RequestContext, RevocationReason,
};
use keyway_local_ca::LocalCa;
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Storage};
use keyway_tests::services::{OrSkip as _, system_program};
use keyway_x509::{AlternativeName, CertificateRequest, DistinguishedName, KeyType, PrivateKey};
use pollster::block_on;
use serde_json::json;

/// A folder with the files of OpenSSL.
struct Bench {
    openssl: PathBuf,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(what: &str) -> Option<Self> {
        let openssl = system_program("openssl").or_skip(what)?;
        Some(Self { openssl, folder: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        text(&path)
    }

    /// Runs OpenSSL. Returns whether it succeeds, and all its output.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(&self.openssl).args(arguments).output().expect("openssl starts");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Runs `openssl verify -x509_strict` on a certificate with its chain, and with `more` as further arguments.
    /// Returns whether OpenSSL accepts the certificate, and its output.
    fn verify(&self, ca: &LocalCa, issued: &IssuedCertificate, more: &[&str]) -> (bool, String) {
        let base = block_on(ca.default_ca()).unwrap().unwrap().signing_certificate.unwrap();
        let root = self.write("root.pem", base.as_str());
        let certificate = self.write("certificate.pem", issued.certificate.as_str());
        let chain = self.write("chain.pem", issued.intermediates.as_ref().map_or("", |chain| chain.as_str()));
        let mut arguments = vec!["verify", "-x509_strict", "-CAfile", &root];
        if issued.intermediates.is_some() {
            arguments.extend(["-untrusted", &chain]);
        }
        arguments.extend(more);
        arguments.push(&certificate);
        self.run(&arguments)
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn intent(id: &str) -> IntentId {
    IntentId::new(id).unwrap()
}

fn open(key: &str) -> LocalCa {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "Ada <ada@example.org>", "updated": 20261129, "compatibility": "==:1",
            "plugin": {"name": "Local CA", "type": "Certificate", "description": "of a test"}}"#,
    );
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let configuration = json!({
        "root": { "subject": "CN=Test Root+OU=a,O=B\\c3\\bcrger,C=DE", "key": key },
        "revocation_list_url": "http://ca.example.com/{ca}.crl",
        "certificate_url": "http://ca.example.com/{ca}.cer",
    });
    let context = OpenContext::new(AuthorityName::new("test").unwrap(), metadata.unwrap())
        .with_configuration(Json::from(configuration))
        .with_resources(Resources::new().with(storage).with(keys));
    LocalCa::new(&context).unwrap()
}

fn issue(ca: &LocalCa, id: &str, request: &CertificateRequest, by: &CaId) -> IssuedCertificate {
    let metadata = json!({ "request_data": STANDARD.encode(request.to_pem()) });
    let metadata = OrderMetadata::from_json(metadata.to_string().as_bytes()).unwrap();
    let meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
    let order = CertificateOrder::new(OrderId::new(id).unwrap(), intent(id), metadata, meta)
        .with_context(RequestContext::new().with_ca(by.clone()));
    match block_on(ca.issue(&order)).unwrap() {
        OrderOutcome::Generated(issued) => issued,
        other => panic!("a certificate was expected: {other:?}"),
    }
}

#[test]
fn openssl_accepts_certificates_and_lists_strictly() {
    let Some(bench) = Bench::new("certificates of the local authority") else { return };
    for authority in ["ecdsa-p256", "ecdsa-p384", "ed25519"] {
        let ca = open(authority);
        let base = CaId::new("base").unwrap();
        let owner = Owner::new("test").unwrap();
        let sub = CreateCa::new(intent("sub"), "Sub", "CN=Sub,O=Example", base.clone(), owner);
        let sub = block_on(ca.create_ca(&sub)).unwrap().id;
        for (number, by) in [&base, &sub].into_iter().enumerate() {
            let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
            let names = [
                AlternativeName::dns("*.example.com").unwrap(),
                AlternativeName::Ip("192.0.2.1".parse().unwrap()),
                AlternativeName::email("ada@example.com").unwrap(),
            ];
            // One certificate has a subject, and one has alternative names only.
            for (subject, kind) in
                [("CN=door".parse().unwrap(), "named"), (DistinguishedName::empty(), "bare")]
            {
                let request = CertificateRequest::sign(&key, &subject, &names).unwrap();
                let issued = issue(&ca, &format!("{kind}-{number}"), &request, by);
                let lists: String = block_on(async {
                    let mut all = String::new();
                    for ca_id in [&base, &sub] {
                        all += &ca.revocation_list(ca_id).await.unwrap().to_pem();
                    }
                    all
                });
                let lists = bench.write("lists.pem", &lists);
                let whole = ["-crl_check_all", "-CRLfile", &lists];
                for purpose in ["sslserver", "sslclient"] {
                    let more =
                        [&whole[..], &["-purpose", purpose, "-verify_hostname", "a.example.com"]].concat();
                    let (accepted, said) = bench.verify(&ca, &issued, &more);
                    assert!(accepted, "{authority}, {kind}, {by}: {said}");
                }
                let (accepted, _) = bench.verify(&ca, &issued, &["-verify_hostname", "a.b.example.com"]);
                assert!(!accepted, "another name");

                let reason = RevocationReason::KeyCompromise;
                let revocation =
                    CertificateRevocation::new(intent("revocation"), issued.certificate.clone(), reason);
                block_on(ca.revoke(&revocation.with_ca(by.clone()))).unwrap();
                let list = block_on(ca.revocation_list(by)).unwrap().to_pem();
                let list = bench.write("list.pem", &list);
                let (accepted, said) = bench.verify(&ca, &issued, &["-crl_check", "-CRLfile", &list]);
                assert!(!accepted && said.contains("certificate revoked"), "{said}");
                let (_, said) = bench.run(&["crl", "-in", &list, "-noout", "-text"]);
                for expected in ["Key Compromise", "X509v3 CRL Number", "X509v3 Authority Key Identifier"] {
                    assert!(said.contains(expected), "{said}");
                }
            }
        }
    }
}

#[test]
fn the_content_is_as_configured() {
    let Some(bench) = Bench::new("content of certificates") else { return };
    let ca = open("ecdsa-p256");
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::sign(&key, &"CN=door,O=Example".parse().unwrap(), &[]).unwrap();
    let issued = issue(&ca, "order-1", &request, &CaId::new("base").unwrap());
    let path = bench.write("certificate.pem", issued.certificate.as_str());
    let (_, said) = bench.run(&["x509", "-in", &path, "-noout", "-text"]);
    for expected in [
        "Version: 3",
        "Signature Algorithm: ecdsa-with-SHA256",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "TLS Web Server Authentication, TLS Web Client Authentication",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
        "URI:http://ca.example.com/base.crl",
        "CA Issuers - URI:http://ca.example.com/base.cer",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let root = block_on(ca.default_ca()).unwrap().unwrap().signing_certificate.unwrap();
    let path = bench.write("root.pem", root.as_str());
    let (_, said) = bench.run(&["x509", "-in", &path, "-noout", "-text"]);
    for expected in ["CA:TRUE, pathlen:1", "Certificate Sign, CRL Sign"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
