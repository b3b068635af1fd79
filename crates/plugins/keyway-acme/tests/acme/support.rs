//! A host for tests: its storage, its connections to a server, and clients with keys.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_acme::{Acme, AcmeDouble, ExternalAccount};
use keyway_certificates::core::{PluginMetadata, Resources};
use keyway_certificates::{
    AuthorityName, CertificateAuthority as _, CertificateError, CertificateOrder, IntentId,
    IssuedCertificate, JsonObject, OpenContext, OrderId, OrderMetadata, OrderOutcome, PluginMeta,
    RetryMethod,
};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Storage};
use keyway_x509::{AlternativeName, CertificateRequest, DistinguishedName, Expected, KeyType, PrivateKey};
use pollster::block_on;
use serde_json::{Value, json};

/// A server, and the storage and keys of a host.
pub(crate) struct Desk {
    pub(crate) server: AcmeDouble,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) keys: KeyRing,
    pub(crate) configuration: Value,
    pub(crate) external_account: Option<ExternalAccount>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let server = AcmeDouble::start();
        let configuration = json!({
            "directory": server.directory(),
            "agree_to_terms": true,
            "challenges": ["http-01", "dns-01"],
            "request_seconds": 2,
            "call_seconds": 8,
        });
        let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
        Self { server, storage: Arc::new(Memory::new()), keys, configuration, external_account: None }
    }

    pub(crate) fn context(&self) -> OpenContext {
        let metadata = PluginMetadata::from_json(
            r#"{"version": "1.0.0", "author": "Ada <ada@example.org>", "updated": 20261129, "compatibility": "==:1",
                "plugin": {"name": "ACME", "type": "Certificate", "description": "of a test"}}"#,
        );
        let resources = Resources::new()
            .with(Arc::clone(&self.storage))
            .with(self.keys.clone())
            .with(self.server.responder());
        let resources = match &self.external_account {
            Some(external) => resources.with(external.clone()),
            None => resources,
        };
        OpenContext::new(AuthorityName::new("web").unwrap(), metadata.unwrap())
            .with_configuration(self.configuration.clone())
            .with_resources(resources)
    }

    /// Opens a handle, as a host does after a restart.
    pub(crate) fn open(&self) -> Acme {
        Acme::new(&self.context()).unwrap()
    }
}

/// An order that records the checkpoints of its plugin.
pub(crate) struct TestOrder {
    pub(crate) order: CertificateOrder,
    pub(crate) saved: Arc<Mutex<JsonObject>>,
    pub(crate) request: CertificateRequest,
}

impl TestOrder {
    pub(crate) fn new(id: &str, names: &[&str]) -> Self {
        Self::with(id, names, &json!({}))
    }

    pub(crate) fn with(id: &str, names: &[&str], fields: &Value) -> Self {
        let names: Vec<_> = names.iter().map(|name| AlternativeName::dns(name).unwrap()).collect();
        Self::of(id, None, &names, fields)
    }

    pub(crate) fn of(id: &str, subject: Option<&str>, names: &[AlternativeName], fields: &Value) -> Self {
        let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
        let subject = subject.map_or_else(DistinguishedName::empty, |text| text.parse().unwrap());
        let request = CertificateRequest::sign(&key, &subject, names).unwrap();
        let mut metadata = json!({ "request_data": STANDARD.encode(request.to_pem()) });
        for (name, value) in fields.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        let metadata = OrderMetadata::from_json(metadata.to_string().as_bytes()).unwrap();
        let saved = Arc::new(Mutex::new(JsonObject::new()));
        let meta = PluginMeta::new(JsonObject::new(), saved.clone());
        let intent = IntentId::new(format!("intent-{id}")).unwrap();
        let order = CertificateOrder::new(OrderId::new(id).unwrap(), intent, metadata, meta);
        Self { order, saved, request }
    }

    /// Returns the order as it is after a kill: with the data of the last checkpoint.
    pub(crate) fn after_kill(&self) -> CertificateOrder {
        let values = self.saved.lock().unwrap().clone();
        let meta = PluginMeta::new(values, self.saved.clone());
        CertificateOrder::new(
            self.order.id.clone(),
            self.order.intent.clone(),
            self.order.metadata.clone(),
            meta,
        )
    }

    pub(crate) fn is_answered_by(&self, issued: &IssuedCertificate) {
        let expected = Expected::from_request(&self.request);
        let now = keyway_certificates::core::Clock::now(&keyway_certificates::core::SystemClock);
        let chain = issued.intermediates.as_ref().map(keyway_certificates::Pem::as_str);
        keyway_x509::check_issued(issued.certificate.as_str(), chain, &expected, now).unwrap();
    }
}

/// Makes the calls that the outcomes request, without waiting, until the order has ended.
pub(crate) fn finished(acme: &Acme, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
    let mut outcome = block_on(acme.issue(order))?;
    let mut method = RetryMethod::Issue;
    for _ in 0..20 {
        let Some(next) = outcome.next_method(method) else { return Ok(outcome) };
        method = next;
        outcome = match method {
            RetryMethod::Issue => block_on(acme.issue(order))?,
            RetryMethod::Check => block_on(acme.check(order))?,
            other => panic!("{other}"),
        };
    }
    panic!("the order does not end: {outcome:?}")
}

pub(crate) fn certified(acme: &Acme, order: &TestOrder) -> IssuedCertificate {
    match finished(acme, &order.order).unwrap() {
        OrderOutcome::Generated(issued) => {
            order.is_answered_by(&issued);
            issued
        }
        other => panic!("{other:?}"),
    }
}
