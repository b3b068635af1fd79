//! How the engine is started.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyway_core::{Clock, Registry, Resources, SystemClock};
use keyway_issuers::Issuers;
use keyway_seal::KeyRing;
use keyway_storage::Storage;

use super::driver::{Grants, Inner, random};
use super::error::GrantsError;
use super::lease::Holder;
use super::ledger::Ledger;
use super::limits::GrantLimits;
use super::service::{RunningService, Service};
use crate::sealed_records::SealedRecords;

/// Makes a [`Grants`].
#[derive(Debug)]
#[must_use = "`start` makes the engine"]
pub struct GrantsBuilder {
    storage: Arc<dyn Storage>,
    keys: KeyRing,
    registry: Option<Registry>,
    services: Vec<Service>,
    resources: Resources,
    clock: Arc<dyn Clock>,
    limits: GrantLimits,
    host_name: Arc<str>,
    drops_missing: bool,
}

impl GrantsBuilder {
    /// Sets the plugins that services may name.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Adds a service.
    pub fn service(mut self, service: Service) -> Self {
        self.services.push(service);
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

    /// Sets what plugins are allowed, and when to try again.
    pub fn limits(mut self, limits: GrantLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Names this host. At most one run of a host with this name may exist at a time; what an
    /// earlier run held is then taken over at once after a crash, instead of when its lease
    /// ran out (decision R5).
    pub fn host_name(mut self, name: &str) -> Self {
        self.host_name = name.into();
        self
    }

    /// Lets users forget grants whose service is gone, without asking a plugin; the credential
    /// may live on. Off by default.
    pub fn drop_grants_of_missing_services(mut self, allowed: bool) -> Self {
        self.drops_missing = allowed;
        self
    }

    /// Opens the host's records and all services, and asks each plugin to describe itself. A
    /// service that has faults is disabled, and the others are not. It recovers nothing yet:
    /// call [`Grants::recover`] next.
    ///
    /// # Errors
    /// [`GrantsError::Registry`] lists every issuer plugin that was made for another contract
    /// than this engine drives (decision K3); [`GrantsError::DuplicateService`];
    /// [`GrantsError::Record`] when the records cannot be read with these keys.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn start(self) -> Result<Grants, GrantsError> {
        if let Some(registry) = &self.registry {
            registry.check_driven::<Issuers>()?;
        }
        let records = SealedRecords::open(Arc::clone(&self.storage), self.keys).await?;
        let resources = self.resources.with::<Arc<dyn Storage>>(self.storage);
        let mut services = BTreeMap::new();
        for service in self.services {
            let name = service.name.clone();
            let running =
                RunningService::open(service, self.registry.as_ref(), &resources, &self.clock, self.limits);
            if services.insert(name, running).is_some() {
                return Err(GrantsError::DuplicateService);
            }
        }
        let holder = Holder { host: self.host_name, run: u64::from_le_bytes(random()?) };
        let inner = Inner {
            ledger: Ledger::new(records),
            services,
            clock: self.clock,
            limits: self.limits,
            holder,
            drops_missing: self.drops_missing,
            in_hand: std::sync::Mutex::default(),
            sightings: std::sync::Mutex::default(),
        };
        let grants = Grants { inner: Arc::new(inner) };
        let mut asked = grants.describe_old(grants.inner.clock.now());
        while asked.join_next().await.is_some() {}
        Ok(grants)
    }
}

impl Grants {
    /// An engine with its records on `storage`, sealed by `keys`. The storage engine is also
    /// lent to the plugins.
    pub fn builder(storage: Arc<dyn Storage>, keys: KeyRing) -> GrantsBuilder {
        GrantsBuilder {
            storage,
            keys,
            registry: None,
            services: Vec::new(),
            resources: Resources::new(),
            clock: Arc::new(SystemClock),
            limits: GrantLimits::default(),
            host_name: "".into(),
            drops_missing: false,
        }
    }
}
