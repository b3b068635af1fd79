//! Builds and starts a host.

use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Clock, PluginError, Registry, Resources, SystemClock};
use keyway_seal::KeySource;
use keyway_storage::Storage;
use tracing::warn;

use super::name::HeldName;
use super::{Host, HostError, Inner, Observer};
#[cfg(feature = "issuers")]
use crate::grants::Service;
#[cfg(feature = "certificates")]
use crate::orders::{Authority, OrderSettings};
use crate::plugin::LentToPlugins;
use crate::records::{Journal, Recorded, SealedRecords, random};
use crate::work::{Engine, Limits, Run, WorkReport, Worker, Workflow};

/// The time that a new run waits for an earlier run of the same host to answer.
const TAKEOVER: Duration = Duration::from_secs(3);

/// Builds a [`Host`].
#[must_use = "`start` makes the host"]
pub struct HostBuilder {
    registry: Registry,
    storage: Arc<dyn Storage>,
    keys: Arc<dyn KeySource>,
    store_keys: Option<Arc<dyn KeySource>>,
    name: Arc<str>,
    resources: Resources,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    takeover: Duration,
    drain: Duration,
    #[cfg(feature = "secrets")]
    store_limits: Limits,
    #[cfg(feature = "certificates")]
    orders: OrderSettings,
    #[cfg(feature = "credentials")]
    sessions: crate::sessions::SessionSettings,
    #[cfg(feature = "issuers")]
    grants: crate::grants::GrantSettings,
}

impl Host {
    /// Begins to build a host with these plugins. The host keeps its records on `storage`, sealed by `keys`, and lends
    /// the same storage engine to its plugins. Keys that plugins need of their own, as `local-ca` does, are lent by
    /// [`resources`](HostBuilder::resources).
    pub fn builder(
        registry: Registry,
        storage: Arc<dyn Storage>,
        keys: impl KeySource + 'static,
    ) -> HostBuilder {
        HostBuilder {
            registry,
            storage,
            keys: Arc::new(keys),
            store_keys: None,
            name: "main".into(),
            resources: Resources::new(),
            clock: Arc::new(SystemClock),
            observer: Arc::new(|_: &WorkReport| ()),
            takeover: TAKEOVER,
            drain: Duration::from_secs(30),
            #[cfg(feature = "secrets")]
            store_limits: Limits::default(),
            #[cfg(feature = "certificates")]
            orders: OrderSettings::default(),
            #[cfg(feature = "credentials")]
            sessions: crate::sessions::SessionSettings::default(),
            #[cfg(feature = "issuers")]
            grants: crate::grants::GrantSettings::default(),
        }
    }
}

impl HostBuilder {
    /// Sets the name of this host. The default is `main`. Hosts that share a storage engine need different names: only
    /// one run of a host with this name works at a time, and a new run takes over every claim of the earlier run at
    /// once (decision H38).
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the source of the keys of stores. By default, stores use the host's own keys.
    pub fn store_keys(mut self, keys: impl KeySource + 'static) -> Self {
        self.store_keys = Some(Arc::new(keys));
        self
    }

    /// Lends plugins further resources, in addition to the storage engine.
    pub fn resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Sets the clock of the host and of its plugins.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the observer. The host's loop gives it a report on each record that was worked on.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Sets how long to wait for an earlier run of the same name to answer. The default is 3 s. A run answers after
    /// half a second at most, so a shorter time than 1 s is for runs that all have it. With zero, this run takes the
    /// name at once: use this if a supervisor guarantees that only one run exists.
    pub fn takeover_after(mut self, wait: Duration) -> Self {
        self.takeover = wait;
        self
    }

    /// Sets how long [`Host::run`] waits for plugin calls at its end. The default is 30 s.
    pub fn drain_within(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Sets the limits that the engine for secret stores puts on plugins.
    #[cfg(feature = "secrets")]
    pub fn store_limits(mut self, limits: Limits) -> Self {
        self.store_limits = limits;
        self
    }

    /// Adds a connection to certificate authorities. If a certificate order names no authority, and no preference for
    /// one is stored, the host asks the connections one by one, beginning with the one that was added first. The first
    /// connection that supports the order gets it (decision B10).
    #[cfg(feature = "certificates")]
    pub fn authority(mut self, authority: Authority) -> Self {
        self.orders.authorities.push(authority);
        self
    }

    /// Sets the limits and the retries of the engine for certificate plugins.
    #[cfg(feature = "certificates")]
    pub fn order_limits(mut self, limits: Limits) -> Self {
        self.orders.limits = limits;
        self
    }

    /// Adds a listener for the events of orders (decision B13).
    #[cfg(feature = "certificates")]
    pub fn certificate_events(mut self, listener: Arc<dyn keyway_certificates::CertificateEvents>) -> Self {
        self.orders.listeners.add(listener);
        self
    }

    /// Sets the policy for the names and key types that clients may order. Without a policy, clients may order any
    /// names and key types (decision B18).
    #[cfg(feature = "certificates")]
    pub fn order_policy(mut self, policy: impl crate::orders::OrderPolicy + 'static) -> Self {
        self.orders.policy = Some(Arc::new(policy));
        self
    }

    /// Sets the secret store of this host that keeps certificates (decision B11). The host opens it for the first
    /// certificate. Without a store, certificates stay in their orders. For renewals choose a store with versions or,
    /// better, with bulk writes: see [`Order::newest`](crate::orders::Order::newest).
    #[cfg(feature = "certificates")]
    pub fn certificate_store(mut self, store: keyway_secrets::StoreName) -> Self {
        self.orders.certificates = Some(store);
        self
    }

    /// Adds a connection to a vault.
    #[cfg(feature = "credentials")]
    pub fn vault(mut self, vault: crate::sessions::Vault) -> Self {
        self.sessions.vaults.push(vault);
        self
    }

    /// Sets the limits and the retries of the engine for credential stores.
    #[cfg(feature = "credentials")]
    pub fn session_limits(mut self, limits: Limits) -> Self {
        self.sessions.limits = limits;
        self
    }

    /// Sets the audit. The host reports each transition of a session to it.
    #[cfg(feature = "credentials")]
    pub fn session_audit(mut self, audit: impl crate::sessions::SessionAudit + 'static) -> Self {
        self.sessions.audit = Some(Arc::new(audit));
        self
    }

    /// Adds a service, which offers an issuer to users.
    #[cfg(feature = "issuers")]
    pub fn service(mut self, service: Service) -> Self {
        self.grants.services.push(service);
        self
    }

    /// Sets the limits and the retries of the engine for issuers.
    #[cfg(feature = "issuers")]
    pub fn grant_limits(mut self, limits: Limits) -> Self {
        self.grants.limits = limits;
        self
    }

    /// Lets users remove grants whose service is gone. No plugin is called, so the credential may remain valid. Off by
    /// default.
    #[cfg(feature = "issuers")]
    pub fn drop_grants_of_missing_services(mut self, allowed: bool) -> Self {
        self.grants.drops_missing = allowed;
        self
    }

    /// Opens the host's records and all services, and asks each issuer to describe itself. A service or a vault that
    /// has faults is disabled, and the others work. `grants().services()` and `sessions().vaults()` list the faults.
    /// Interrupted work is resumed later, by [`Host::run`] or [`Host::recover`].
    ///
    /// # Errors
    /// [`HostError::Registry`] lists every linked plugin of a kind that this host drives, if the plugin was built with
    /// a different contract crate than the host, such as an older version (decision K3);
    /// [`HostError::DuplicateService`]; [`HostError::Running`] when another run of the same name is alive or starts;
    /// [`HostError::Superseded`] when another run took the name before this one had started;
    /// [`HostError::Keys`]; [`HostError::Record`] when the records cannot be read with these keys.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the name taken. Then the next start has to wait.
    pub async fn start(self) -> Result<Host, HostError> {
        #[cfg(feature = "secrets")]
        self.registry.check_driven::<keyway_secrets::SecretStores>()?;
        #[cfg(feature = "certificates")]
        self.registry.check_driven::<keyway_certificates::CertificateAuthorities>()?;
        #[cfg(feature = "credentials")]
        self.registry.check_driven::<keyway_credentials::CredentialStores>()?;
        #[cfg(feature = "issuers")]
        self.registry.check_driven::<keyway_issuers::Issuers>()?;
        let keys = self.keys.keys().await?;
        let records = Arc::new(SealedRecords::open(Arc::clone(&self.storage), keys).await?);
        let run = Run::new(Arc::clone(&self.name), u64::from_le_bytes(random()?));
        let runs = Journal::new(Arc::clone(&records), Arc::clone(&run.host));
        let name = HeldName::take(runs, run, self.takeover).await?;
        let started = self.open_engines(records, Arc::clone(&name)).await;
        if started.is_err()
            && let Err(error) = name.end().await
        {
            warn!(error = %error.detail(), "the host's name was not released; the next run waits for it");
        }
        started
    }

    async fn open_engines(self, records: Arc<SealedRecords>, name: Arc<HeldName>) -> Result<Host, HostError> {
        let lent = Lent {
            plugins: LentToPlugins {
                registry: self.registry,
                resources: self.resources.with::<Arc<dyn Storage>>(self.storage),
                clock: self.clock,
            },
            records,
            run: Arc::clone(name.run()),
        };
        let mut engines: Vec<Arc<dyn Engine>> = Vec::new();
        #[cfg(feature = "secrets")]
        let (stores, lent) = {
            let store_keys = self.store_keys.unwrap_or(self.keys);
            let stores = crate::stores::Stores::open_engine(&lent, self.store_limits, store_keys);
            engines.push(Arc::new(Arc::clone(&stores.worker)));
            let lent = lent.lending::<Arc<dyn keyway_secrets::HostStores>>(Arc::new(stores.clone()));
            (stores, lent)
        };
        #[cfg(feature = "certificates")]
        let orders = {
            let stores = Arc::new(stores.clone());
            let orders = crate::orders::Orders::open_engine(&lent, self.orders, stores).await?;
            engines.push(Arc::new(Arc::clone(&orders.worker)));
            engines.push(Arc::new(Arc::clone(&orders.subordinate.worker)));
            orders
        };
        #[cfg(feature = "issuers")]
        let (grants, lent) = {
            let grants = crate::grants::Grants::open_engine(&lent, self.grants).await?;
            engines.push(Arc::new(Arc::clone(&grants.worker)));
            let lent = lent.lending::<Arc<dyn keyway_issuers::HostGrants>>(Arc::new(grants.clone()));
            (grants, lent)
        };
        #[cfg(feature = "credentials")]
        let sessions = {
            let sessions = crate::sessions::Sessions::open_engine(&lent, self.sessions)?;
            engines.push(Arc::new(Arc::clone(&sessions.worker)));
            sessions
        };
        let inner = Arc::new(Inner {
            name,
            records: lent.records,
            clock: lent.plugins.clock,
            engines,
            observer: self.observer,
            drain: self.drain,
            #[cfg(feature = "secrets")]
            stores,
            #[cfg(feature = "certificates")]
            orders,
            #[cfg(feature = "credentials")]
            sessions,
            #[cfg(feature = "issuers")]
            grants,
        });
        // The plugins may have taken longer than a contender waits.
        inner.confirm_name().await?;
        Ok(Host { inner })
    }
}

/// The objects that a host lends its engines.
pub(crate) struct Lent {
    /// The resources for the plugins of the engines.
    pub(crate) plugins: LentToPlugins,
    /// The records of all engines.
    pub(crate) records: Arc<SealedRecords>,
    /// This run of the host, in whose name the engines claim records.
    pub(crate) run: Arc<Run>,
}

impl Lent {
    /// Lends a resource to the plugins of the engines that are started from now on. The resource is a handle to an
    /// engine that is started already. The plugins of that engine never get the handle, because it would keep the
    /// engine alive for ever.
    #[cfg(any(feature = "secrets", feature = "issuers"))]
    fn lending<T: std::any::Any + Send + Sync>(mut self, resource: T) -> Self {
        self.plugins.resources = self.plugins.resources.with(resource);
        self
    }

    /// Creates a journal for a kind of record. Does no I/O.
    pub(crate) fn journal<R: Recorded>(&self) -> Journal<R> {
        Journal::new(Arc::clone(&self.records), Arc::clone(&self.run.host))
    }

    /// Creates the worker of an engine, with a journal for its kind of record. Every engine begins with this call. Does
    /// no I/O.
    pub(crate) fn worker<W: Workflow>(&self, workflow: W) -> Arc<Worker<W>> {
        Arc::new(Worker::new(
            workflow,
            self.journal(),
            Arc::clone(&self.plugins.clock),
            Arc::clone(&self.run),
        ))
    }
}

impl std::fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
