//! A local authority for tests: its context, its orders, and clients with keys.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::core::{Clock, Json, PluginMetadata, Resources, SystemClock, Timestamp};
use keyway_certificates::{
    AuthorityName, CaId, CaInformation, CertificateAuthority as _, CertificateError, CertificateOrder,
    CertificateRevocation, CreateCa, IntentId, IssuedCertificate, JsonObject, OpenContext, OrderId,
    OrderMetadata, OrderOutcome, Owner, Pem, PluginMeta, RequestContext, RevocationReason,
};
use keyway_local_ca::LocalCa;
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Storage};
use keyway_x509::{AlternativeName, CertificateRequest, KeyType, PrivateKey};
use pollster::block_on;
use serde_json::json;

/// The storage, keys and clock of a host.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) keys: KeyRing,
    pub(crate) clock: Arc<TestClock>,
}

/// A clock that shows the time of the system plus an offset.
#[derive(Debug, Default)]
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance_days(&self, days: u64) {
        self.0.fetch_add(days * 86_400_000, Ordering::SeqCst);
    }

    pub(crate) fn set_back_days(&self, days: u64) {
        self.0.fetch_sub(days * 86_400_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now().as_milliseconds().wrapping_add(self.0.load(Ordering::SeqCst));
        Timestamp::from_milliseconds(now)
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(Memory::new()))
    }

    pub(crate) fn over(storage: Arc<dyn Storage>) -> Self {
        let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
        Self { storage, keys, clock: Arc::default() }
    }

    pub(crate) fn context(&self, configuration: serde_json::Value) -> OpenContext {
        let metadata = PluginMetadata::from_json(
            r#"{"version": "1.0.0", "author": "Ada <ada@example.org>", "updated": 20261129, "compatibility": "==:1",
                "plugin": {"name": "Local CA", "type": "Certificate", "description": "of a test"}}"#,
        );
        OpenContext::new(AuthorityName::new("test").unwrap(), metadata.unwrap())
            .with_configuration(Json::from(configuration))
            .with_resources(Resources::new().with(Arc::clone(&self.storage)).with(self.keys.clone()))
            .with_clock(self.clock.clone())
    }

    pub(crate) fn open(&self, configuration: serde_json::Value) -> LocalCa {
        LocalCa::new(&self.context(configuration)).unwrap()
    }

    /// Opens an authority with a root, and with all addresses configured.
    pub(crate) fn with_root(&self) -> LocalCa {
        self.open(with_root())
    }
}

pub(crate) fn with_root() -> serde_json::Value {
    json!({
        "root": { "subject": "CN=Test Root,O=Example", "path_length": 1 },
        "revocation_list_url": "http://ca.example.com/{ca}.crl",
        "certificate_url": "http://ca.example.com/{ca}.cer",
    })
}

/// A client with a key, and its request.
pub(crate) struct Client {
    pub(crate) pkcs8: Vec<u8>,
    pub(crate) request: CertificateRequest,
}

impl Client {
    pub(crate) fn new(name: &str) -> Self {
        Self::with_key(name, KeyType::EcdsaP256)
    }

    pub(crate) fn with_key(name: &str, key: KeyType) -> Self {
        let (key, pkcs8) = PrivateKey::generate(key).unwrap();
        let names = [AlternativeName::dns(name).unwrap()];
        let subject = format!("CN={name}").parse().unwrap();
        Self { pkcs8: pkcs8.to_vec(), request: CertificateRequest::sign(&key, &subject, &names).unwrap() }
    }

    pub(crate) fn metadata(&self) -> serde_json::Value {
        json!({ "request_type": "simple-cmc", "request_data": STANDARD.encode(self.request.to_pem()) })
    }
}

pub(crate) fn intent() -> IntentId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    IntentId::new(format!("intent-{}", NEXT.fetch_add(1, Ordering::SeqCst))).unwrap()
}

pub(crate) fn order(id: &str, metadata: &serde_json::Value) -> CertificateOrder {
    let metadata = OrderMetadata::from_json(metadata.to_string().as_bytes()).unwrap();
    let meta = PluginMeta::new(JsonObject::new(), Arc::new(Mutex::new(JsonObject::new())));
    CertificateOrder::new(OrderId::new(id).unwrap(), intent(), metadata, meta)
}

pub(crate) fn issue(ca: &LocalCa, order: &CertificateOrder) -> Result<IssuedCertificate, CertificateError> {
    match block_on(ca.issue(order))? {
        OrderOutcome::Generated(issued) => Ok(issued),
        other => panic!("a certificate was expected: {other:?}"),
    }
}

/// Issues a certificate for a client. Without `by`, the base authority issues it.
pub(crate) fn issued(ca: &LocalCa, client: &Client, by: Option<&CaId>) -> IssuedCertificate {
    let order = order(intent().as_str(), &client.metadata());
    let context = by.map_or_else(RequestContext::new, |by| RequestContext::new().with_ca(by.clone()));
    issue(ca, &order.with_context(context)).unwrap()
}

/// Returns the certificate of the base authority.
pub(crate) fn root(ca: &LocalCa) -> String {
    let base = block_on(ca.default_ca()).unwrap().unwrap();
    base.signing_certificate.unwrap().as_str().to_owned()
}

/// Creates an authority below another one, or below the base authority.
pub(crate) fn try_create(
    ca: &LocalCa,
    name: &str,
    below: Option<&CaId>,
) -> Result<CaInformation, CertificateError> {
    let parent = below.cloned().unwrap_or_else(|| CaId::new("base").unwrap());
    let owner = Owner::new("test").unwrap();
    block_on(ca.create_ca(&CreateCa::new(intent(), name, format!("CN={name}"), parent, owner)))
}

pub(crate) fn create(ca: &LocalCa, name: &str) -> CaInformation {
    try_create(ca, name, None).unwrap()
}

/// Revokes a certificate of an authority.
pub(crate) fn revoke(
    ca: &LocalCa,
    certificate: &Pem,
    by: Option<&CaId>,
    reason: RevocationReason,
) -> Result<(), CertificateError> {
    let request = CertificateRevocation::new(intent(), certificate.clone(), reason);
    block_on(ca.revoke(&match by {
        Some(by) => request.with_ca(by.clone()),
        None => request,
    }))
}
