//! Starting a host.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use keyway_core::{Clock, Registry, Resources, SystemClock};
use keyway_seal::KeySource;
use keyway_storage::Storage;
use tokio::sync::Notify;

use super::{Host, HostError, Inner, Observer, name};
#[cfg(feature = "issuers")]
use crate::grants::Service;
use crate::records::{Journal, SealedRecords, random};
use crate::work::{Engine, Limits, Run, WorkReport, Worker, Workflow};

/// How long an earlier run of the same host gets to say that it is alive.
const TAKEOVER: Duration = Duration::from_secs(3);

/// Makes a [`Host`].
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
    #[cfg(feature = "issuers")]
    grants: crate::grants::GrantSettings,
}

impl Host {
    /// A host over these plugins, with its records on `storage` sealed by `keys`. The storage engine is
    /// also lent to the plugins.
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
            #[cfg(feature = "issuers")]
            grants: crate::grants::GrantSettings::default(),
        }
    }
}

impl HostBuilder {
    /// Names this host; `main` by default. Hosts that share a storage engine need names of their own: at
    /// most one run of a name works at a time, and takes over at once what an earlier run had claimed
    /// (decision H38).
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Sets where the keys of stores come from; by default they are the host's own.
    pub fn store_keys(mut self, keys: impl KeySource + 'static) -> Self {
        self.store_keys = Some(Arc::new(keys));
        self
    }

    /// Lends plugins more than the storage engine.
    pub fn resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Sets the clock, for plugins too.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets who learns what the host's loop does.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Sets how long an earlier run of the same name gets to say that it is alive, 3 s by default. Zero
    /// takes the name at once: for hosts whose supervisor never starts two.
    pub fn takeover_after(mut self, wait: Duration) -> Self {
        self.takeover = wait;
        self
    }

    /// Sets how long [`Host::run`] waits for calls of plugins when it ends, 30 s by default.
    pub fn drain_within(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Sets what the engine for secret stores allows plugins.
    #[cfg(feature = "secrets")]
    pub fn store_limits(mut self, limits: Limits) -> Self {
        self.store_limits = limits;
        self
    }

    /// Adds a service.
    #[cfg(feature = "issuers")]
    pub fn service(mut self, service: Service) -> Self {
        self.grants.services.push(service);
        self
    }

    /// Sets what the engine for issuers allows plugins, and when it tries again.
    #[cfg(feature = "issuers")]
    pub fn grant_limits(mut self, limits: Limits) -> Self {
        self.grants.limits = limits;
        self
    }

    /// Lets users forget grants whose service is gone, without asking a plugin; the credential
    /// may live on. Off by default.
    #[cfg(feature = "issuers")]
    pub fn drop_grants_of_missing_services(mut self, allowed: bool) -> Self {
        self.grants.drops_missing = allowed;
        self
    }

    /// Opens the host's records and all services, and asks each issuer to describe itself. A
    /// service that has faults is disabled, and the others are not. It recovers nothing yet:
    /// [`Host::run`] does, or [`Host::recover`].
    ///
    /// # Errors
    /// [`HostError::Registry`] lists every plugin that was made for another contract
    /// than this host drives (decision K3); [`HostError::DuplicateService`];
    /// [`HostError::Running`] when another run of the same name is alive;
    /// [`HostError::Keys`]; [`HostError::Record`] when the records cannot be read with these keys.
    ///
    /// # Cancel safety
    /// A dropped future may leave the name taken; the next start then waits.
    pub async fn start(self) -> Result<Host, HostError> {
        #[cfg(feature = "secrets")]
        self.registry.check_driven::<keyway_secrets::SecretStores>()?;
        #[cfg(feature = "issuers")]
        self.registry.check_driven::<keyway_issuers::Issuers>()?;
        let keys = self.keys.keys().await?;
        let records = Arc::new(SealedRecords::open(Arc::clone(&self.storage), keys).await?);
        let run = Run {
            host: self.name,
            number: u64::from_le_bytes(random()?),
            superseded: Arc::new(AtomicBool::new(false)),
            woken: Arc::new(Notify::new()),
        };
        let runs = Journal::new(Arc::clone(&records), Arc::clone(&run.host));
        name::take(&runs, &run, self.takeover).await?;
        let lent = Lent {
            registry: self.registry,
            resources: self.resources.with::<Arc<dyn Storage>>(self.storage),
            clock: self.clock,
            records,
            run,
        };
        let mut engines: Vec<Arc<dyn Engine>> = Vec::new();
        #[cfg(feature = "secrets")]
        let stores = {
            let store_keys = self.store_keys.unwrap_or(self.keys);
            let stores = crate::stores::Stores::open_engine(&lent, self.store_limits, store_keys);
            engines.push(Arc::new(Arc::clone(&stores.worker)));
            stores
        };
        #[cfg(feature = "issuers")]
        let grants = {
            let grants = crate::grants::Grants::open_engine(&lent, self.grants).await?;
            engines.push(Arc::new(Arc::clone(&grants.worker)));
            grants
        };
        let inner = Arc::new(Inner {
            runs,
            records: lent.records,
            run: lent.run,
            clock: lent.clock,
            engines,
            observer: self.observer,
            drain: self.drain,
            #[cfg(feature = "secrets")]
            stores,
            #[cfg(feature = "issuers")]
            grants,
        });
        name::keep(Arc::downgrade(&inner), self.takeover);
        Ok(Host { inner })
    }
}

/// Holds everything that a host lends its engines.
pub(crate) struct Lent {
    /// The plugins that are linked.
    pub(crate) registry: Registry,
    /// The resources for plugins, with the storage engine among them.
    pub(crate) resources: Resources,
    /// The clock of the host and its plugins.
    pub(crate) clock: Arc<dyn Clock>,
    /// The records of all engines.
    pub(crate) records: Arc<SealedRecords>,
    /// The run that claims records.
    pub(crate) run: Run,
}

impl Lent {
    /// Makes the worker of an engine, with a journal for its kind of record. Every engine begins with it.
    /// It does no I/O.
    pub(crate) fn worker<W: Workflow>(&self, workflow: W) -> Arc<Worker<W>> {
        let journal = Journal::new(Arc::clone(&self.records), Arc::clone(&self.run.host));
        Arc::new(Worker::new(workflow, journal, Arc::clone(&self.clock), self.run.clone()))
    }
}

impl std::fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
