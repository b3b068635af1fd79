//! Tests `keyway-acme` and the host's engine for orders against a real Pebble, which fetches each proof.

mod server;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_acme::{Acme, ExternalAccount, Responder};
use keyway_certificates::{
    AuthorityName, CertificateAuthority as _, CertificateOrder, IntendedCall, IntentId, JsonObject,
    OpenContext, OrderId, OrderMetadata, OrderOutcome, Owner, PluginMeta, Reconciled, RevocationReason,
};
use keyway_core::{PluginMetadata, Resources};
use keyway_host::orders::{Authority, End, NewOrder, Phase};
use keyway_host::{Host, Limits};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Memory, Storage};
use keyway_tests::services::OrSkip as _;
use keyway_x509::{AlternativeName, CertificateRequest, DistinguishedName, KeyType, PrivateKey};
use serde_json::{Value, json};
use server::{MAC_KEY, Pebble, Server};
use tokio::sync::oneshot;

/// A host's connection to a server.
struct Connection {
    server: Server,
    storage: Arc<dyn Storage>,
    keys: KeyRing,
    responder: Arc<dyn Responder>,
    external: Option<ExternalAccount>,
}

impl Connection {
    fn new(programs: &Pebble, external: Option<ExternalAccount>) -> Self {
        let server = programs.start(external.is_some());
        let keys = KeyRing::new([Key::generate().expect("a key")]).expect("a ring");
        let responder = Arc::new(server.responder());
        Self { server, storage: Arc::new(Memory::new()), keys, responder, external }
    }

    fn name() -> AuthorityName {
        AuthorityName::new("pebble").expect("a name")
    }

    /// Opens a handle, as a host does after a restart.
    fn open(&self) -> Arc<Acme> {
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
            "directory": self.server.directory(),
            "agree_to_terms": true,
            "contacts": ["mailto:admin@example.org"],
            "challenges": ["http-01", "dns-01"],
            "root_certificates": self.server.root,
        });
        let context = OpenContext::new(Self::name(), metadata.expect("metadata"))
            .with_configuration(configuration)
            .with_resources(resources);
        Arc::new(Acme::new(&context).expect("it opens"))
    }

    /// Runs the engine for orders while a test places some.
    async fn run(&self, test: impl AsyncFnOnce(Host)) {
        let registry = keyway_core::Registry::builder().build().expect("an empty registry");
        let keys = KeyRing::new([Key::generate().expect("a key")]).expect("a ring");
        let host = Host::builder(registry, Arc::new(Memory::new()), keys)
            .order_limits(Limits::default().with_check_every(Duration::from_millis(50)))
            .authority(Authority::with_authority(Self::name(), self.open()))
            .start()
            .await
            .expect("the host starts");
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn({
            let host = host.clone();
            async move { host.run(async { drop(stopped.await) }).await }
        });
        test(host).await;
        drop(stop);
        running.await.expect("no panic").expect("the loop ends well");
    }
}

fn metadata(names: &[&str]) -> OrderMetadata {
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
    let names: Vec<_> = names.iter().map(|name| AlternativeName::dns(name).expect("a name")).collect();
    let request = CertificateRequest::sign(&key, &DistinguishedName::empty(), &names).expect("a request");
    let metadata: Value = json!({ "request_data": STANDARD.encode(request.to_pem()) });
    OrderMetadata::from_json(metadata.to_string().as_bytes()).expect("metadata")
}

/// Places an order with the engine, which checks the certificate, and waits for its end.
async fn certified(host: &Host, names: &[&str]) -> OrderId {
    let owner = Owner::new("joe").expect("an owner");
    let order = host.orders().submit(NewOrder::new(owner.clone(), metadata(names))).await.expect("an order");
    let waited = tokio::time::timeout(Duration::from_secs(60), host.orders().wait_for(&owner, &order.id));
    let order = waited.await.expect("an end in time").expect("an order");
    assert_eq!(order.state.phase, Phase::Finished(End::Generated), "{}", order.state.message);
    order.id
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_proved_by_pages_and_by_records() {
    let Some(programs) = Pebble::find().or_skip("certificates from Pebble") else { return };
    let connection = Connection::new(&programs, None);
    connection
        .run(async |host| {
            certified(&host, &["door.example.com", "gate.example.com"]).await;
            certified(&host, &["example.org", "*.example.org"]).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_bound_and_its_key_rolled_over() {
    let Some(programs) = Pebble::find().or_skip("accounts at Pebble") else { return };
    let external = ExternalAccount::new("kid-1", MAC_KEY).expect("a key");
    let connection = Connection::new(&programs, Some(external));
    connection
        .run(async |host| {
            let id = certified(&host, &["door.example.com"]).await;
            let other = connection.open();
            tokio::task::spawn_blocking(move || pollster::block_on(other.roll_over_account_key()))
                .await
                .expect("no panic")
                .expect("another key");
            certified(&host, &["gate.example.com"]).await;
            let owner = Owner::new("joe").expect("an owner");
            let orders = host.orders();
            orders.revoke(&owner, &id, RevocationReason::Superseded).await.expect("a wish");
            let mut waits = 0;
            loop {
                let order = orders.get(&owner, &id).await.expect("an order");
                let revocation = order.state.revocation.expect("a revocation");
                if revocation.revoked {
                    break;
                }
                waits += 1;
                assert!(waits < 600, "{revocation:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_orders_at_once_come_to_their_certificates() {
    let Some(programs) = Pebble::find().or_skip("many orders at Pebble") else { return };
    let connection = Connection::new(&programs, None);
    connection
        .run(async |host| {
            let orders: Vec<_> = (0..40)
                .map(|number| {
                    let host = host.clone();
                    tokio::spawn(
                        async move { certified(&host, &[&format!("host-{number}.example.com")]).await },
                    )
                })
                .collect();
            for order in orders {
                order.await.expect("a certificate");
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_answer_was_lost_is_taken_up_from_the_list() {
    let Some(programs) = Pebble::find().or_skip("lists of orders at Pebble") else { return };
    let connection = Connection::new(&programs, None);
    let taken = tokio::task::spawn_blocking(move || pollster::block_on(taken_up(connection)));
    taken.await.expect("no panic");
}

/// Places an order, forgets every record but that of the account, and asks what became of the order.
async fn taken_up(connection: Connection) {
    const KIND: usize = 16;
    let placed = order("lost", JsonObject::new());
    connection.open().issue(&placed).await.expect("an outcome");

    let page = connection.storage.scan(&KeyRange::all(), None, 99).await.expect("a page");
    let forgotten: Arc<dyn Storage> = Arc::new(Memory::new());
    for entry in page.entries.iter().filter(|entry| entry.key[KIND] == 0) {
        let batch = Batch::new().put(entry.key.clone(), entry.value.clone(), Expectation::Absent);
        let outcome = forgotten.commit(batch).await.expect("a commit");
        assert!(matches!(outcome, CommitOutcome::Committed(_)));
    }
    let connection = Connection { storage: forgotten, ..connection };
    // Its plugin made this checkpoint before it placed the order.
    let mut checkpoint = JsonObject::new();
    checkpoint.insert("placing".into(), "yes".into());
    let mut killed = order("lost", checkpoint);
    killed.metadata = placed.metadata;
    let acme = connection.open();
    let told = acme.reconcile(&IntendedCall::Issue(killed.clone()).into()).await.expect("an answer");
    assert!(matches!(told, Reconciled::Made(_)), "{told:?}");
    let mut outcome = acme.check(&killed).await.expect("an outcome");
    for _ in 0..200 {
        if outcome.waiting().is_none() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        outcome = acme.check(&killed).await.expect("an outcome");
    }
    assert!(matches!(outcome, OrderOutcome::Generated(_)), "{outcome:?}\n{}", connection.server.log());
}

fn order(id: &str, values: JsonObject) -> CertificateOrder {
    let meta = PluginMeta::new(values, Arc::new(std::sync::Mutex::new(JsonObject::new())));
    let intent = IntentId::new("intent-1").expect("an id");
    CertificateOrder::new(OrderId::new(id).expect("an id"), intent, metadata(&["door.example.com"]), meta)
}
