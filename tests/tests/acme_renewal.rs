//! The engine renews certificates at an ACME server, and tells the server which certificate is replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_acme::{AcmeDouble, DoubleSettings};
use keyway_certificates::{AuthorityName, OrderMetadata, Owner};
use keyway_core::{Clock, Plugins, Resources, SystemClock, Timestamp, plugins};
use keyway_host::Host;
use keyway_host::orders::{Authority, End, NewOrder, Order, Phase, Renewal};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Storage};
use keyway_x509::{AlternativeName, CertificateRequest, DistinguishedName, KeyType, PrivateKey};
use serde_json::json;

const PLUGINS: Plugins = plugins! { keyway_acme };
/// A time that is longer than a thousandth of the validity of the server's certificates. The certificates are valid for
/// two millennia.
const YEARS: Duration = Duration::from_secs(4 * 365 * 24 * 3600);

/// A clock that is set ahead.
#[derive(Debug, Default)]
struct Ahead(AtomicU64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_secs(self.0.load(Ordering::SeqCst)))
    }
}

/// A host with a connection to a server.
struct Site {
    server: AcmeDouble,
    clock: Arc<Ahead>,
    host: Host,
}

impl Site {
    async fn start() -> Self {
        let (server, clock) = (AcmeDouble::start(), Arc::new(Ahead::default()));
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let keys = KeyRing::new([Key::generate().expect("a key")]).expect("a ring");
        let lent = Resources::new().with(Arc::clone(&storage)).with(keys.clone()).with(server.responder());
        let authority = Authority::new(AuthorityName::new("web").expect("a name"), "acme");
        let registry = PLUGINS.registry().expect("a registry");
        let host = Host::builder(registry, storage, keys)
            .clock(Arc::clone(&clock) as Arc<_>)
            .resources(lent)
            .authority(authority.plugin_configuration(json!({ "directory": server.directory() })))
            .start()
            .await
            .expect("the host starts");
        Self { server, clock, host }
    }

    /// Lets time pass, and works until nothing is due.
    async fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(time.as_secs(), Ordering::SeqCst);
        for _ in 0..10 {
            self.host.run_due(self.clock.now()).await.expect("a pass");
            self.clock.0.fetch_add(3600, Ordering::SeqCst);
        }
    }

    /// Places an order that is renewed, and waits until the renewing order has its certificate. Returns the renewing
    /// order.
    async fn renewed(&self) -> Order {
        let owner = Owner::new("joe").expect("an owner");
        let orders = self.host.orders();
        let wanted = NewOrder::new(owner.clone(), metadata()).with_renewal(Renewal::at_thousandths(1));
        let first = orders.submit(wanted).await.expect("an order");
        self.pass(Duration::ZERO).await;
        let first = orders.get(&owner, &first.id).await.expect("an order");
        assert_eq!(first.state.phase, Phase::Finished(End::Generated), "{}", first.state.message);
        self.pass(YEARS).await;
        let first = orders.get(&owner, &first.id).await.expect("an order");
        let renewal = first.state.renewal.and_then(|renewal| renewal.order()).expect("it is renewed");
        let renewal = orders.get(&owner, &renewal).await.expect("an order");
        assert_eq!(renewal.state.phase, Phase::Finished(End::Generated), "{}", renewal.state.message);
        renewal
    }
}

fn metadata() -> OrderMetadata {
    let (key, _) = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
    let names = [AlternativeName::dns("door.example.com").expect("a name")];
    let request = CertificateRequest::sign(&key, &DistinguishedName::empty(), &names).expect("a request");
    let metadata = json!({ "request_data": STANDARD.encode(request.to_pem()) });
    OrderMetadata::from_json(metadata.to_string().as_bytes()).expect("metadata")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_told_which_certificate_is_replaced() {
    let site = Site::start().await;
    site.renewed().await;
    assert_eq!((site.server.replacements(), site.server.count("newOrder")), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_replacement_gets_a_plain_order() {
    let refuses: fn(&mut DoubleSettings) = |settings| settings.refuses_replacements = true;
    let is_silent: fn(&mut DoubleSettings) = |settings| settings.has_renewal_information = false;
    for (settings, new_orders) in [(refuses, 3), (is_silent, 2)] {
        let site = Site::start().await;
        site.server.set(settings);
        site.renewed().await;
        assert_eq!((site.server.replacements(), site.server.count("newOrder")), (0, new_orders));
    }
}
