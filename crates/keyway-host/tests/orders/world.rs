//! Provides hosts with scripted certificate authorities.

use std::sync::Arc;
use std::time::Duration;

use keyway_certificates::{AuthorityName, Capabilities, CertificateAuthority, OrderMetadata, Owner};
use keyway_conformance::certificates::ScriptedCa;
use keyway_core::Registry;
use keyway_host::orders::{Authority, Isolation, Limits, NewOrder, Order, Retries};
use keyway_host::{Host, HostBuilder, WorkReport};
use keyway_seal::KeyRing;
use keyway_storage::Storage;

pub(crate) use crate::ground::*;

/// The delay between two calls of an authority, which tests wait for.
pub(crate) const DELAY: Duration = Duration::from_secs(60);

pub(crate) fn named(text: &str) -> AuthorityName {
    AuthorityName::new(text).unwrap()
}

pub(crate) fn joe() -> Owner {
    Owner::new("needle-joe").unwrap()
}

pub(crate) fn metadata(json: &str) -> OrderMetadata {
    OrderMetadata::from_json(json.as_bytes()).unwrap()
}

pub(crate) fn new_order() -> NewOrder {
    NewOrder::new(joe(), metadata(r#"{"name": "needle.example.com"}"#))
}

/// Returns the capabilities of an authority that is neither idempotent nor able to reconcile.
pub(crate) fn forgetful() -> Capabilities {
    ScriptedCa::CAPABILITIES.idempotent(false).reconciles(false)
}

/// Returns limits with a first retry after a second, and at most four attempts.
pub(crate) fn limits() -> Limits {
    let retries = Retries::default().with_first(Duration::from_secs(1)).with_attempts(4);
    Limits::default()
        .with_deadline(Duration::from_secs(20))
        .with_isolation(Isolation::Inline)
        .with_retries(retries)
        .with_check_every(DELAY)
}

/// A host with scripted authorities, and a clock that tests set.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) clock: Arc<TestClock>,
}

impl std::ops::Deref for World {
    type Target = keyway_host::orders::Orders;

    fn deref(&self) -> &Self::Target {
        self.host.orders()
    }
}

pub(crate) fn builder(storage: &Arc<dyn Storage>, keys: &KeyRing, clock: &Arc<TestClock>) -> HostBuilder {
    let registry = Registry::builder().build().unwrap();
    Host::builder(registry, Arc::clone(storage), keys.clone())
        .name("a")
        .takeover_after(Duration::ZERO)
        .clock(Arc::clone(clock) as Arc<_>)
        .order_limits(limits())
}

pub(crate) fn given(name: &str, ca: &ScriptedCa) -> Authority {
    Authority::with_authority(named(name), Arc::new(ca.clone()) as Arc<dyn CertificateAuthority>)
}

/// Starts a host with one authority.
pub(crate) async fn start(ca: &ScriptedCa) -> World {
    let clock = Arc::default();
    World::start(builder(&memory(), &ring(), &clock).authority(given("ca", ca)), &clock).await
}

impl World {
    pub(crate) async fn start(builder: HostBuilder, clock: &Arc<TestClock>) -> Self {
        Self { host: builder.start().await.unwrap(), clock: Arc::clone(clock) }
    }

    /// Does all work that is due now.
    pub(crate) async fn work(&self) -> Vec<WorkReport> {
        self.pass(Duration::ZERO).await
    }

    /// Advances the clock by `time`, and does all work that is due then.
    pub(crate) async fn pass(&self, time: Duration) -> Vec<WorkReport> {
        pass(&self.host, &self.clock, time).await
    }

    pub(crate) async fn placed(&self) -> Order {
        self.submit(new_order()).await.unwrap()
    }

    pub(crate) async fn look(&self, order: &Order) -> Order {
        self.get(&order.owner, &order.id).await.unwrap()
    }
}
