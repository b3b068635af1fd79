//! Tests every rule for metadata and for certificate authorities, one test per rule.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::core::{Plugins, Registration, plugins};
use keyway_conformance::certificates::{CertificateSubject, OrderExample};
use keyway_conformance::metadata::RegisteredPlugin;
use keyway_seal::{Key, KeyRing};
use keyway_storage::{KeyRange, Memory, Storage};
use serde_json::json;

const PLUGINS: Plugins = plugins! { keyway_local_ca };

/// A request for `door.example.com`. Its private key no longer exists.
const REQUEST: &str = include_str!("requests/door.pem");
/// A request for the certificate of an authority.
const REFUSED: &str = include_str!("requests/authority.pem");

/// The storage of each rule. All handles that a rule opens share it.
static STORAGE: LazyLock<Mutex<HashMap<PathBuf, Arc<dyn Storage>>>> = LazyLock::new(Mutex::default);

fn registration() -> &'static Registration {
    let registry = PLUGINS.registry().expect("every plugin registers as it should");
    registry.iter().find(|registration| registration.id() == "local-ca").expect("the plugin is registered")
}

fn storage(scratch: &Path) -> Arc<dyn Storage> {
    let mut all = STORAGE.lock().expect("no rule panics within it");
    Arc::clone(all.entry(scratch.to_owned()).or_insert_with(|| Arc::new(Memory::new())))
}

fn subject() -> CertificateSubject {
    let keys = KeyRing::new([Key::generate().expect("a key")]).expect("a ring");
    CertificateSubject::of(registration())
        .expect("the plugin is one for certificate authorities")
        .configuration(|_| json!({ "root": { "subject": "CN=Kit Root" } }))
        .lending(move |resources, scratch| resources.with(storage(scratch)).with(keys.clone()))
        .example(OrderExample::new(json!({ "request_data": STANDARD.encode(REQUEST) })))
        .refused(OrderExample::new(json!({ "request_data": STANDARD.encode(REFUSED) })))
        .issues()
        .days_field("days")
        .listing(effects)
}

/// Lists the effects of calls: the records of orders, revocations and subordinate authorities. The base authority and
/// the state of its revocation list do not count as effects.
fn effects(scratch: &Path) -> Vec<String> {
    const KIND: usize = 16;
    let page = pollster::block_on(storage(scratch).scan(&KeyRange::all(), None, 4096)).expect("a page");
    assert!(!page.more, "all records are on one page");
    let mut records: Vec<_> = page.entries.iter().map(|entry| entry.key.as_slice()).collect();
    // Each authority has a record of its name. One of these records is that of the base authority.
    let names = records.iter().filter(|key| key[KIND] == 1).count();
    records.retain(|key| matches!(key[KIND], 2 | 3));
    let records = records.iter().map(|key| format!("{key:?}"));
    records.chain((1..names).map(|number| format!("subordinate {number}"))).collect()
}

keyway_conformance::conformance_main!(RegisteredPlugin::from(registration()), subject());
