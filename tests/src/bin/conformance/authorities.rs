//! Sets up the certificate authorities for the conformance suites.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_acme::AcmeDouble;
use keyway_conformance::certificates::{CertificateSubject, OrderExample};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{KeyRange, Memory, Storage};
use keyway_x509::{AlternativeName, CertificateRequest, KeyType, PrivateKey};
use serde_json::json;

/// The storage of each rule. All handles that the rule opens share it.
static STORAGE: LazyLock<Mutex<HashMap<PathBuf, Arc<dyn Storage>>>> = LazyLock::new(Mutex::default);

fn storage(scratch: &Path) -> Arc<dyn Storage> {
    let mut all = STORAGE.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(all.entry(scratch.to_owned()).or_insert_with(|| Arc::new(Memory::new())))
}

/// Sets up `local-ca`: a root, storage in memory, and a request of PKCS#10.
pub(crate) fn local_ca(subject: CertificateSubject) -> Result<CertificateSubject, String> {
    let keys = Key::generate().and_then(|key| KeyRing::new([key])).map_err(|error| error.to_string())?;
    let order = OrderExample::new(json!({ "request_data": STANDARD.encode(request()?) }));
    Ok(subject
        .configuration(|_| json!({ "root": { "subject": "CN=Kit Root" } }))
        .lending(move |resources, scratch| resources.with(storage(scratch)).with(keys.clone()))
        .example(order)
        .refused(OrderExample::new(json!({ "request_data": STANDARD.encode("no request") })))
        .issues()
        .days_field("days")
        .listing(effects))
}

/// The test server of each rule.
static SERVERS: LazyLock<Mutex<HashMap<PathBuf, Arc<AcmeDouble>>>> = LazyLock::new(Mutex::default);

fn server(scratch: &Path) -> Arc<AcmeDouble> {
    let mut all = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(all.entry(scratch.to_owned()).or_insert_with(|| Arc::new(AcmeDouble::start())))
}

/// Sets up `acme`: a server for tests, storage in memory, and a request of PKCS#10.
pub(crate) fn acme(subject: CertificateSubject) -> Result<CertificateSubject, String> {
    let keys = Key::generate().and_then(|key| KeyRing::new([key])).map_err(|error| error.to_string())?;
    let order = OrderExample::new(json!({ "request_data": STANDARD.encode(request()?) }));
    Ok(subject
        .configuration(|scratch| {
            json!({ "directory": server(scratch).directory(), "challenges": ["http-01", "dns-01"] })
        })
        .lending(move |resources, scratch| {
            resources.with(storage(scratch)).with(keys.clone()).with(server(scratch).responder())
        })
        .example(order)
        .refused(OrderExample::new(json!({ "request_data": STANDARD.encode("no request") })))
        .issues()
        .listing(|scratch| server(scratch).effects()))
}

fn request() -> Result<String, String> {
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).map_err(|error| error.to_string())?;
    let names = [AlternativeName::dns("door.example.com").map_err(|error| error.to_string())?];
    let subject = "CN=door.example.com".parse().map_err(|error| format!("{error}"))?;
    let request = CertificateRequest::sign(&key, &subject, &names).map_err(|error| error.to_string())?;
    Ok(request.to_pem())
}

/// Lists the orders, the revocations, and the subordinate authorities. Each subordinate authority has a name record, by
/// which it is counted. The name record of the base authority is left out. The kind of a record is in its key.
fn effects(scratch: &Path) -> Vec<String> {
    const KIND: usize = 16;
    let Ok(page) = pollster::block_on(storage(scratch).scan(&KeyRange::all(), None, 4096)) else {
        return Vec::new();
    };
    let of_kind =
        |kinds: &'static [u8]| page.entries.iter().filter(move |entry| kinds.contains(&entry.key[KIND]));
    let records = of_kind(&[2, 3]).map(|entry| entry.key.escape_ascii().to_string());
    records.chain((1..of_kind(&[1]).count()).map(|number| format!("subordinate {number}"))).collect()
}
