//! Tests every rule for metadata and for certificate authorities, one test per rule.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_acme::AcmeDouble;
use keyway_certificates::core::{Plugins, Registration, plugins};
use keyway_conformance::certificates::{CertificateSubject, OrderExample};
use keyway_conformance::metadata::RegisteredPlugin;
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Storage};
use keyway_x509::{AlternativeName, CertificateRequest, DistinguishedName, KeyType, PrivateKey};
use serde_json::json;

const PLUGINS: Plugins = plugins! { keyway_acme };

/// The server and the storage of one rule. All handles that the rule opens share them.
struct Site {
    server: AcmeDouble,
    storage: Arc<dyn Storage>,
}

static SITES: LazyLock<Mutex<HashMap<PathBuf, Arc<Site>>>> = LazyLock::new(Mutex::default);

fn site(scratch: &Path) -> Arc<Site> {
    let mut all = SITES.lock().expect("no rule panics within it");
    let new = || Arc::new(Site { server: AcmeDouble::start(), storage: Arc::new(Memory::new()) });
    Arc::clone(all.entry(scratch.to_owned()).or_insert_with(new))
}

fn registration() -> &'static Registration {
    let registry = PLUGINS.registry().expect("every plugin registers as it should");
    registry.iter().find(|registration| registration.id() == "acme").expect("the plugin is registered")
}

/// Makes an order for a name. The key of its request is thrown away.
fn order(name: AlternativeName) -> OrderExample {
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
    let request = CertificateRequest::sign(&key, &DistinguishedName::empty(), &[name]).expect("a request");
    OrderExample::new(json!({ "request_data": STANDARD.encode(request.to_pem()) }))
}

fn subject() -> CertificateSubject {
    let keys = KeyRing::new([Key::generate().expect("a key")]).expect("a ring");
    CertificateSubject::of(registration())
        .expect("the plugin is one for certificate authorities")
        .configuration(|scratch| json!({ "directory": site(scratch).server.directory(), "challenges": ["http-01", "dns-01"] }))
        .lending(move |resources, scratch| {
            let site = site(scratch);
            let storage = Arc::clone(&site.storage);
            resources.with(storage).with(keys.clone()).with(site.server.responder())
        })
        .example(order(AlternativeName::dns("door.example.com").expect("a name")))
        // The authority certifies host names and addresses only.
        .refused(order(AlternativeName::email("joe@example.com").expect("a name")))
        .issues()
        .listing(|scratch| site(scratch).server.effects())
}

keyway_conformance::conformance_main!(RegisteredPlugin::from(registration()), subject());
