//! A host's connection to a server, and its orders.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_acme::{Acme, ExternalAccount, Responder};
use keyway_certificates::{AuthorityName, OpenContext, OrderMetadata, Owner};
use keyway_core::{PluginMetadata, Resources};
use keyway_host::orders::{Authority, End, NewOrder, Order, Phase, Retries};
use keyway_host::{Host, Limits};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Storage};
use keyway_x509::{AlternativeName, CertificateRequest, DistinguishedName, KeyType, PrivateKey};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::server::Server;

/// The longest wait for a certificate.
const PATIENCE: Duration = Duration::from_secs(300);

/// A host's connection to a server.
pub(crate) struct Connection {
    pub(crate) server: Server,
    pub(crate) directory: String,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) keys: KeyRing,
    pub(crate) responder: Arc<dyn Responder>,
    pub(crate) external: Option<ExternalAccount>,
}

impl Connection {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            directory: server.directory(),
            storage: Arc::new(Memory::new()),
            keys: KeyRing::new([Key::generate().expect("a key")]).expect("a ring"),
            responder: Arc::new(server.responder()),
            external: None,
            server,
        }
    }

    fn name() -> AuthorityName {
        AuthorityName::new("pebble").expect("a name")
    }

    /// Opens a handle, as a host does after a restart.
    pub(crate) fn open(&self) -> Arc<Acme> {
        let metadata = PluginMetadata::from_json(
            r#"{"version": "1.0.0", "author": "Ada <ada@example.org>", "updated": 20261129, "compatibility": "==:1",
                "plugin": {"name": "ACME", "type": "Certificate", "description": "of a test"}}"#,
        );
        let resources = Resources::new()
            .with(Arc::clone(&self.storage))
            .with(self.keys.clone())
            .with(Arc::clone(&self.responder));
        let resources = match &self.external {
            Some(external) => resources.with(external.clone()),
            None => resources,
        };
        let configuration = json!({
            "directory": self.directory,
            "agree_to_terms": true,
            "contacts": ["mailto:admin@example.org"],
            "challenges": ["http-01", "dns-01"],
            "root_certificates": self.server.identity.certificate,
        });
        let context = OpenContext::new(Self::name(), metadata.expect("metadata"))
            .with_configuration(configuration)
            .with_resources(resources);
        Arc::new(Acme::new(&context).expect("it opens"))
    }

    /// Runs the engine for orders while a test places some.
    pub(crate) async fn run(&self, test: impl AsyncFnOnce(Host)) {
        self.run_hosts(1, async |mut hosts| test(hosts.remove(0)).await).await;
    }

    /// Runs several hosts over one storage, each with a handle of its own.
    pub(crate) async fn run_hosts(&self, number: usize, test: impl AsyncFnOnce(Vec<Host>)) {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let keys = KeyRing::new([Key::generate().expect("a key")]).expect("a ring");
        // The intervals are short: Pebble demands no delay, and the proxy demands a delay of one second.
        let limits = Limits::default()
            .with_check_every(Duration::from_millis(50))
            .with_retries(Retries::default().with_first(Duration::from_secs(1)));
        let (stop, stopped) = watch::channel(());
        let (mut hosts, mut running) = (Vec::new(), Vec::new());
        for number in 0..number {
            let registry = keyway_core::Registry::builder().build().expect("an empty registry");
            let host = Host::builder(registry, Arc::clone(&storage), keys.clone())
                .name(&format!("host-{number}"))
                .order_limits(limits)
                .authority(Authority::with_authority(Self::name(), self.open()))
                .start()
                .await
                .expect("the host starts");
            hosts.push(host.clone());
            let mut stopped = stopped.clone();
            running
                .push(tokio::spawn(async move { host.run(async { drop(stopped.changed().await) }).await }));
        }
        test(hosts).await;
        drop(stop);
        for host in running {
            host.await.expect("no panic").expect("the loop ends well");
        }
    }
}

/// Makes an order for these names. The private key is not kept.
pub(crate) fn metadata(names: &[AlternativeName]) -> OrderMetadata {
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
    let request = CertificateRequest::sign(&key, &DistinguishedName::empty(), names).expect("a request");
    let metadata: Value = json!({ "request_data": STANDARD.encode(request.to_pem()) });
    OrderMetadata::from_json(metadata.to_string().as_bytes()).expect("metadata")
}

pub(crate) fn dns(name: &str) -> AlternativeName {
    AlternativeName::dns(name).expect("a name")
}

/// Places an order for these names with the engine, and waits for its end. The engine checks the certificate.
pub(crate) async fn certified(host: &Host, names: &[AlternativeName]) -> Order {
    finished(host, metadata(names)).await
}

pub(crate) async fn finished(host: &Host, metadata: OrderMetadata) -> Order {
    let owner = Owner::new("joe").expect("an owner");
    let order = host.orders().submit(NewOrder::new(owner.clone(), metadata)).await.expect("an order");
    let waited = tokio::time::timeout(PATIENCE, host.orders().wait_for(&owner, &order.id));
    let order = waited.await.expect("an end in time").expect("an order");
    assert_eq!(order.state.phase, Phase::Finished(End::Generated), "{}", order.state.message);
    order
}
