//! The host: it starts and recovers all engines together, and runs one loop for them.

mod builder;
mod error;
mod health;
mod name;
mod run;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use builder::HostBuilder;
pub(crate) use builder::Lent;
pub use error::HostError;
pub use health::Health;

use crate::records::{Resealed, SealedRecords};
use crate::work::{Engine, WorkReport};
use name::HeldName;

/// A running host: several engines that share one storage engine.
///
/// A clone is another handle to the same host. The host keeps its name until [`close`](Self::close), or until all
/// handles to it and to its engines are dropped (decision H306).
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    records: Arc<SealedRecords>,
    name: Arc<HeldName>,
    clock: Arc<dyn keyway_core::Clock>,
    engines: Vec<Arc<dyn Engine>>,
    observer: Arc<dyn Observer>,
    drain: Duration,
    #[cfg(feature = "secrets")]
    stores: crate::stores::Stores,
    #[cfg(feature = "certificates")]
    orders: crate::orders::Orders,
    #[cfg(feature = "credentials")]
    sessions: crate::sessions::Sessions,
    #[cfg(feature = "issuers")]
    grants: crate::grants::Grants,
}

/// Receives reports about the work of the host's loop.
pub trait Observer: Send + Sync {
    /// Receives the report after a record was worked on. It must not block. Its panics are contained.
    fn worked(&self, report: &WorkReport);
}

impl<F: Fn(&WorkReport) + Send + Sync> Observer for F {
    fn worked(&self, report: &WorkReport) {
        self(report);
    }
}

impl Host {
    /// Returns the engine for secret stores.
    #[cfg(feature = "secrets")]
    pub fn stores(&self) -> &crate::stores::Stores {
        &self.inner.stores
    }

    /// Returns the engine for certificate plugins.
    #[cfg(feature = "certificates")]
    pub fn orders(&self) -> &crate::orders::Orders {
        &self.inner.orders
    }

    /// Returns the engine for credential stores.
    #[cfg(feature = "credentials")]
    pub fn sessions(&self) -> &crate::sessions::Sessions {
        &self.inner.sessions
    }

    /// Returns the engine for issuers.
    #[cfg(feature = "issuers")]
    pub fn grants(&self) -> &crate::grants::Grants {
        &self.inner.grants
    }

    /// Reseals every record of the host under the first key of its ring, while other work goes on (decision K1).
    ///
    /// To change keys, start the host with a new key before the old ones. Rotate the stores that use the same keys,
    /// which all stores do without [`store_keys`](HostBuilder::store_keys). Call this method. If it names no
    /// [stores to rotate](Resealed::stores_to_rotate), start the host without the old keys the next time.
    ///
    /// Hosts that share a storage engine read each other's records, and each seals with its own first key. So first
    /// start all of them with the new key behind the old ones, then all with the new key before them, and only then
    /// call this method.
    ///
    /// # Errors
    /// [`HostError::Record`]. If a record is damaged, all others are resealed before the error is returned.
    ///
    /// # Cancel safety
    /// The call can be dropped and repeated: records that already have the first key are only read.
    pub async fn reseal(&self) -> Result<Resealed, HostError> {
        let records = &self.inner.records;
        let done = records.reseal().await?;
        #[cfg(feature = "secrets")]
        let done = {
            let stores_to_rotate = self.inner.stores.needing(|key| records.is_older_key(key)).await?;
            Resealed { stores_to_rotate, ..done }
        };
        Ok(done)
    }

    /// Ends this run, and releases the host's name, so that the next run need not wait. From now on, calls that would
    /// change a record of the host are refused with [`RecordError::Ended`](crate::RecordError::Ended) (decision H291).
    /// Plugin calls that have begun go on. [`run`](Self::run) closes the host when it ends.
    ///
    /// # Errors
    /// [`HostError::Record`]. Then the next run has to wait.
    ///
    /// # Cancel safety
    /// If the future is dropped, the run has ended, but the name may still be taken.
    pub async fn close(&self) -> Result<(), HostError> {
        Ok(self.inner.name.end().await?)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("name", &self.inner.name.run().host).finish_non_exhaustive()
    }
}
