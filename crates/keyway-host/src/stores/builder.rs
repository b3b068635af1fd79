//! How the engine is started.

use std::sync::Arc;

use keyway_core::{Clock, Registry, Resources, SystemClock};
use keyway_seal::KeyRing;
use keyway_secrets::SecretStores;
use keyway_storage::Storage;

use super::driver::{Inner, Stores};
use super::error::StoresError;
use super::guard::StoreLimits;
use crate::sealed_records::SealedRecords;

/// Makes a [`Stores`] with other than the usual settings.
#[derive(Debug)]
pub struct StoresBuilder {
    registry: Registry,
    storage: Arc<dyn Storage>,
    keys: KeyRing,
    resources: Resources,
    clock: Arc<dyn Clock>,
    limits: StoreLimits,
}

impl StoresBuilder {
    /// Lends plugins more than the storage engine.
    #[must_use]
    pub fn resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Sets the clock that plugins see.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets what the guards allow plugins.
    #[must_use]
    pub fn limits(mut self, limits: StoreLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Opens the host's records. It recovers nothing yet: call [`Stores::recover`] next.
    ///
    /// # Errors
    /// [`StoresError::Registry`] lists every secret-store plugin that was made for another
    /// contract than this engine drives (decision K3); [`StoresError::Record`] when the
    /// records cannot be read with these keys.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn start(self) -> Result<Stores, StoresError> {
        self.registry.check_driven::<SecretStores>()?;
        let records = SealedRecords::open(Arc::clone(&self.storage), self.keys).await?;
        let resources = self.resources.with::<Arc<dyn Storage>>(self.storage);
        let inner =
            Inner { registry: self.registry, records, resources, clock: self.clock, limits: self.limits };
        Ok(Stores { inner: Arc::new(inner) })
    }
}

impl Stores {
    /// An engine over these plugins, with its records on `storage` sealed by `keys`. The
    /// storage engine is also lent to the plugins.
    pub fn builder(registry: Registry, storage: Arc<dyn Storage>, keys: KeyRing) -> StoresBuilder {
        StoresBuilder {
            registry,
            storage,
            keys,
            resources: Resources::new(),
            clock: Arc::new(SystemClock),
            limits: StoreLimits::default(),
        }
    }
}
