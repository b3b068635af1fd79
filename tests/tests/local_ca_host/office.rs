//! Provides hosts with a local authority, on a clock that tests set.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::{AuthorityName, CertificateAuthorities, OpenContext, OrderMetadata, Owner};
use keyway_core::{Clock, Json, Plugins, Resources, SystemClock, Timestamp, plugins};
use keyway_host::Host;
use keyway_host::orders::{Authority, NewOrder, Order};
use keyway_local_ca::LocalCa;
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Fault, FaultyStorage, Memory, Storage};
use keyway_x509::{AlternativeName, CertificateRequest, DistinguishedName, KeyType, PrivateKey};
use serde_json::json;

const PLUGINS: Plugins = plugins! { keyway_local_ca };

/// A clock that begins at the present moment.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// The storage, the keys and the clock of hosts with one local authority.
pub(crate) struct Office {
    pub(crate) storage: Arc<dyn Storage>,
    keys: KeyRing,
    pub(crate) clock: Arc<TestClock>,
}

impl Office {
    pub(crate) fn new() -> Self {
        let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
        let clock = Arc::new(TestClock(AtomicU64::new(SystemClock.now().as_milliseconds())));
        Self { storage: Arc::new(Memory::new()), keys, clock }
    }

    /// Starts a host on a storage engine. Returns `None` if the engine ends while the host starts.
    pub(crate) async fn host(&self, storage: &Arc<dyn Storage>) -> Option<Host> {
        let authority = Authority::new(name(), "local-ca").plugin_configuration(configuration());
        let host = Host::builder(PLUGINS.registry().unwrap(), Arc::clone(storage), self.keys.clone())
            .takeover_after(Duration::ZERO)
            .resources(Resources::new().with(self.keys.clone()))
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .authority(authority);
        host.start().await.ok()
    }

    /// Opens the authority as another process does.
    pub(crate) fn local_ca(&self) -> LocalCa {
        self.local_ca_on(&self.storage)
    }

    /// Opens the authority as another process does, on a storage engine that cannot write.
    pub(crate) fn reader(&self) -> LocalCa {
        let engine = FaultyStorage::over(&self.storage).into_engine();
        engine.0.end_after(0, Fault::EndsBefore);
        self.local_ca_on(&(engine as Arc<dyn Storage>))
    }

    fn local_ca_on(&self, storage: &Arc<dyn Storage>) -> LocalCa {
        let registry = PLUGINS.registry().unwrap();
        let plugin = registry.get::<CertificateAuthorities>("local-ca").unwrap();
        let context = OpenContext::new(name(), plugin.metadata().clone())
            .with_configuration(Json::from(configuration()))
            .with_clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .with_resources(Resources::new().with(Arc::clone(storage)).with(self.keys.clone()));
        LocalCa::new(&context).unwrap()
    }

    /// Does all work that is due now.
    pub(crate) async fn work(&self, host: &Host) {
        for _ in 0..20 {
            if host.run_due(self.clock.now()).await.unwrap().is_empty() {
                return;
            }
        }
        panic!("work without end");
    }

    /// Orders a certificate for `door.example.com`, and returns the order at its end.
    pub(crate) async fn issued(&self, host: &Host, ca_id: Option<&str>) -> Order {
        self.issued_for(host, ca_id, &[AlternativeName::dns("door.example.com").unwrap()]).await
    }

    /// Orders a certificate for these names, and returns the order at its end.
    pub(crate) async fn issued_for(
        &self,
        host: &Host,
        ca_id: Option<&str>,
        names: &[AlternativeName],
    ) -> Order {
        let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
        let request = CertificateRequest::sign(&key, &DistinguishedName::empty(), names).unwrap();
        let mut metadata = json!({ "request_data": STANDARD.encode(request.to_pem()) });
        if let Some(ca) = ca_id {
            metadata["ca_id"] = ca.into();
        }
        let metadata = OrderMetadata::from_json(metadata.to_string().as_bytes()).unwrap();
        let order = host.orders().submit(NewOrder::new(joe(), metadata)).await.unwrap();
        self.work(host).await;
        host.orders().get(&joe(), &order.id).await.unwrap()
    }
}

pub(crate) fn joe() -> Owner {
    Owner::new("joe").unwrap()
}

fn name() -> AuthorityName {
    AuthorityName::new("office").unwrap()
}

fn configuration() -> serde_json::Value {
    json!({ "root": { "subject": "CN=Office Root,O=Example" } })
}
