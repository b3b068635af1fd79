//! Runs the order engine of a host, with storage in memory and a clock that stands still.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use keyway_certificates::{
    AuthorityName, CaId, CaUnavailable, CertificateAuthority, CertificateError, CertificateEvents,
    CertificateReady, CertificateStatus, OrderId, OrderMetadata, Owner,
};
use keyway_core::{Clock, PluginError, Plugins, SecretValue, SystemClock, Timestamp, plugins};
use keyway_host::Host;
use keyway_host::orders::subordinate::NewCa;
use keyway_host::orders::{Authority, HostedCa, NewOrder, Order};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{NewSecret, SecretAddress, SecretName, SecretStore as _, StoreName};
use keyway_storage::{Memory, Storage};
use serde_json::{Value, json};

use crate::replay::Class;

const PLUGINS: Plugins = plugins! { keyway_generic };
/// The name of the secret store for certificates and keys.
const STORE: &str = "vault";
/// The key of the certificate that authorities make, for requests with a stored key.
const KEY: &str = include_str!("pem/key.pem");

/// A clock that stands still until a step of a vector sets it.
#[derive(Debug)]
pub(super) struct Still(AtomicU64);

impl Still {
    /// Creates a clock that stands at the present moment.
    pub(super) fn at_present() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(SystemClock.now().as_milliseconds())))
    }
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// A listener that remembers the events, and fails if the vector says so.
#[derive(Debug)]
struct Heard {
    listener: Listener,
    events: Arc<Mutex<Vec<Value>>>,
}

/// A listener of a vector.
#[derive(Clone, Debug, Default)]
pub(super) struct Listener {
    /// The name of the listener, if the vector tells listeners apart.
    pub(super) name: Option<String>,
    pub(super) fails: bool,
}

impl Heard {
    fn learn(&self, kind: &str, event: Value) -> Result<(), CertificateError> {
        let event = self.listener.name.as_ref().map_or(event, |name| json!([name, kind]));
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        if self.listener.fails { Err(CertificateError::Unsupported { what: "events" }) } else { Ok(()) }
    }
}

#[async_trait]
impl CertificateEvents for Heard {
    async fn certificate_is_ready(&self, _: &CertificateReady) -> Result<(), CertificateError> {
        self.learn("ready", json!({ "event": "ready" }))
    }

    async fn ca_is_unavailable(&self, event: &CaUnavailable) -> Result<(), CertificateError> {
        let message = event.message.as_str();
        self.learn("unavailable", json!({ "event": "unavailable", "message": message }))
    }
}

/// A host with its authorities, in their configured order.
pub(super) struct Stage {
    host: Host,
    storage: Arc<Memory>,
    keys: KeyRing,
    clock: Arc<Still>,
    events: Arc<Mutex<Vec<Value>>>,
}

/// An order after a pass, in the form of the vectors.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// The status, the sub-status, the parts of the container, and the next call of the plugin.
    pub(super) order: Value,
    pub(super) message: String,
    pub(super) events: Vec<Value>,
}

/// Runs a future that needs a runtime.
pub(super) fn run<T>(work: impl Future<Output = Result<T, Class>>) -> Result<T, Class> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.map_err(|_| Class::Internal)?.block_on(work)
}

pub(super) fn owner() -> Owner {
    Owner::new("project").expect("it is short")
}

impl Stage {
    /// Starts a host with authorities that have these names.
    pub(super) async fn new<'a>(
        authorities: impl IntoIterator<Item = (&'a str, Arc<impl CertificateAuthority + 'static>)>,
        listeners: impl IntoIterator<Item = Listener>,
    ) -> Result<Self, Class> {
        let events: Arc<Mutex<Vec<Value>>> = Arc::default();
        let keys =
            KeyRing::new([Key::generate().map_err(|_| Class::Internal)?]).map_err(|_| Class::Internal)?;
        let clock = Still::at_present();
        let store = StoreName::new(STORE).map_err(|_| Class::Internal)?;
        let registry = PLUGINS.registry().map_err(|_| Class::Internal)?;
        let storage = Arc::new(Memory::new());
        let mut builder = Host::builder(registry, Arc::clone(&storage) as Arc<dyn Storage>, keys.clone())
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .certificate_store(store.clone());
        for listener in listeners {
            let heard = Heard { listener, events: Arc::clone(&events) };
            builder = builder.certificate_events(Arc::new(heard) as Arc<dyn CertificateEvents>);
        }
        for (name, authority) in authorities {
            let name = AuthorityName::new(name).map_err(|_| Class::Invalid)?;
            let authority = authority as Arc<dyn CertificateAuthority>;
            builder = builder.authority(Authority::with_authority(name, authority));
        }
        let host = builder.start().await.map_err(|_| Class::Internal)?;
        let vault = host.stores().create(&store, "generic", json!({}), &keys).await;
        vault.map_err(|_| Class::Internal)?;
        let stage = Self { host, storage, keys, clock, events };
        stage.store("key", KEY).await?;
        Ok(stage)
    }

    /// Starts another host on the same storage, in which no authority is configured.
    pub(super) async fn without_authorities(&self) -> Result<Self, Class> {
        let registry = PLUGINS.registry().map_err(|_| Class::Internal)?;
        let (storage, keys) = (Arc::clone(&self.storage), self.keys.clone());
        let builder = Host::builder(registry, Arc::clone(&storage) as Arc<dyn Storage>, keys.clone())
            .name("without-authorities")
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>);
        let host = builder.start().await.map_err(|_| Class::Internal)?;
        Ok(Self { host, storage, keys, clock: Arc::clone(&self.clock), events: Arc::default() })
    }

    /// Stores a secret beside the key.
    pub(super) async fn store(&self, name: &str, text: &str) -> Result<(), Class> {
        let store = StoreName::new(STORE).map_err(|_| Class::Internal)?;
        let store = self.host.stores().open(&store).await.map_err(|_| Class::Internal)?;
        let at = SecretAddress::shared(SecretName::new(name).map_err(|_| Class::Internal)?);
        let secret = NewSecret::new(at, SecretValue::text(text));
        store.create(secret).await.map(drop).map_err(|_| Class::Internal)
    }

    /// Places an order, and runs everything that is due.
    pub(super) async fn submit(&self, metadata: &Value) -> Result<OrderId, Class> {
        let placed = self.place(metadata).await?;
        self.work().await?;
        Ok(placed)
    }

    /// Places an order, whose first call is due then.
    pub(super) async fn place(&self, metadata: &Value) -> Result<OrderId, Class> {
        let metadata =
            OrderMetadata::from_json(metadata.to_string().as_bytes()).map_err(|_| Class::Invalid)?;
        let placed = self.host.orders().submit(NewOrder::new(owner(), metadata)).await;
        placed.map(|placed| placed.id).map_err(|error| class(&error))
    }

    /// Changes an order, and runs everything that is due.
    pub(super) async fn modify(&self, order: &OrderId, metadata: &Value) -> Result<(), Class> {
        let metadata =
            OrderMetadata::from_json(metadata.to_string().as_bytes()).map_err(|_| Class::Invalid)?;
        let modified = self.host.orders().modify(&owner(), order, &metadata).await;
        modified.map_err(|error| class(&error))?;
        self.work().await
    }

    /// Lists the authorities of the owner.
    pub(super) fn cas(&self) -> Vec<HostedCa> {
        self.host.orders().cas(&owner())
    }

    /// Returns the authority with this name.
    pub(super) fn hosted(&self, name: &str) -> Option<HostedCa> {
        self.cas().into_iter().find(|ca| ca.information.name == name)
    }

    /// Returns the host's id of the authority with this name.
    pub(super) fn ca(&self, name: &str) -> Option<CaId> {
        self.hosted(name).map(|ca| ca.id)
    }

    /// Creates a subordinate authority.
    pub(super) async fn create_ca(&self, new: NewCa) -> Result<(), Class> {
        let created = self.host.orders().subordinate_cas().create(new).await;
        created.map(drop).map_err(|error| class(&error))
    }

    /// Deletes a subordinate authority of the owner.
    pub(super) async fn delete_ca(&self, ca: &CaId) -> Result<(), Class> {
        let deleted = self.host.orders().subordinate_cas().delete(&owner(), ca).await;
        deleted.map_err(|error| class(&error))
    }

    /// Makes an authority the preferred one of the owner, or of all owners.
    pub(super) async fn prefer(&self, is_owners: bool, ca: &CaId) -> Result<(), Class> {
        let owner = is_owners.then(owner);
        let preferred = self.host.orders().prefer(owner.as_ref(), Some(ca)).await;
        preferred.map_err(|error| class(&error))
    }

    /// Runs the host until nothing is due.
    pub(super) async fn work(&self) -> Result<(), Class> {
        const PASSES: usize = 10;
        for _ in 0..PASSES {
            let reports = self.host.run_due(self.clock.now()).await.map_err(|_| Class::Internal)?;
            if reports.is_empty() {
                return Ok(());
            }
        }
        // The host notifies a failing listener again and again, so the number of passes is limited.
        Ok(())
    }

    /// Sets the clock to the next call of an order, and runs everything that is due. Returns false if the order has no
    /// next call.
    pub(super) async fn next(&self, order: &OrderId) -> Result<bool, Class> {
        let Some(scheduled) = self.order(order).await?.state.scheduled else { return Ok(false) };
        self.set(scheduled.at);
        self.work().await?;
        Ok(true)
    }

    pub(super) fn set(&self, now: Timestamp) {
        self.clock.0.store(now.as_milliseconds(), Ordering::SeqCst);
    }

    pub(super) async fn order(&self, order: &OrderId) -> Result<Order, Class> {
        self.host.orders().get(&owner(), order).await.map_err(|error| class(&error))
    }

    /// Describes an order, with the events since the last call of this method.
    pub(super) async fn view(&self, order: &OrderId) -> Result<View, Class> {
        let order = self.order(order).await?;
        let now = self.clock.now().as_milliseconds();
        let next = order.state.scheduled.map(|next| {
            let delay = next.at.as_milliseconds().saturating_sub(now);
            json!({ "method": format!("{:?}", next.action).to_lowercase(), "delay": delay })
        });
        let mut parts = Vec::new();
        if order.container.is_some() {
            for part in ["certificate", "intermediates"] {
                if self.part(&order.id, part).await?.is_some() {
                    parts.push(part);
                }
            }
        }
        let events = std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner));
        let status = format!("{:?}", order.state.status()).to_uppercase();
        let sub_status = order.state.sub_status.map(CertificateStatus::as_str);
        Ok(View {
            order: json!({ "status": status, "sub_status": sub_status, "next": next, "parts": parts }),
            message: order.state.message,
            events,
        })
    }

    /// Returns a part of the container of an order.
    pub(super) async fn part(&self, order: &OrderId, part: &str) -> Result<Option<String>, Class> {
        let store = StoreName::new(STORE).map_err(|_| Class::Internal)?;
        let store = self.host.stores().open(&store).await.map_err(|_| Class::Internal)?;
        let name = SecretName::new(format!("order-{order}.{part}")).map_err(|_| Class::Internal)?;
        let secret = store.get(&SecretAddress::shared(name)).await.ok();
        Ok(secret.and_then(|secret| secret.value.expose_text().map(str::to_owned)))
    }
}

/// Returns the class of an error of an engine or a plugin.
pub(super) fn class(error: &impl PluginError) -> Class {
    Class::of_kind(error.kind())
}
