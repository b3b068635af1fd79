//! A host: one start, one recovery, one loop for all engines.

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

use crate::records::{Journal, Resealed, SealedRecords};
use crate::work::{Engine, Run, WorkReport};
use name::HostRuns;

/// A running host: the engines over one storage engine.
///
/// A clone is another handle to the same host.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    records: Arc<SealedRecords>,
    runs: Journal<HostRuns>,
    run: Run,
    clock: Arc<dyn keyway_core::Clock>,
    engines: Vec<Arc<dyn Engine>>,
    observer: Arc<dyn Observer>,
    drain: Duration,
    #[cfg(feature = "secrets")]
    stores: crate::stores::Stores,
    #[cfg(feature = "issuers")]
    grants: crate::grants::Grants,
}

/// Learns what the host's loop does.
pub trait Observer: Send + Sync {
    /// A record was worked on. It must not block; its panics are contained.
    fn worked(&self, report: &WorkReport);
}

impl<F: Fn(&WorkReport) + Send + Sync> Observer for F {
    fn worked(&self, report: &WorkReport) {
        self(report);
    }
}

impl Host {
    /// The engine for secret stores.
    #[cfg(feature = "secrets")]
    pub fn stores(&self) -> &crate::stores::Stores {
        &self.inner.stores
    }

    /// The engine for issuers.
    #[cfg(feature = "issuers")]
    pub fn grants(&self) -> &crate::grants::Grants {
        &self.inner.grants
    }

    /// Seals every record of the host with the first key of its ring. Start the host with a new key in
    /// front of the old ones, call this, and leave the old ones away from the next start on
    /// (decision K1). Work goes on meanwhile.
    ///
    /// # Errors
    /// [`HostError::Record`].
    ///
    /// # Cancel safety
    /// It can be dropped and called again: a record that has the first key is only looked at.
    pub async fn reseal(&self) -> Result<Resealed, HostError> {
        Ok(self.inner.records.reseal().await?)
    }

    /// Gives the host's name back, so that the next run of it need not wait. [`run`](Self::run) does
    /// that when it ends.
    ///
    /// # Errors
    /// [`HostError::Record`]; then the next run waits.
    ///
    /// # Cancel safety
    /// Dropping the future gives the name back or not.
    pub async fn close(&self) -> Result<(), HostError> {
        Ok(name::give_back(&self.inner.runs, &self.inner.run).await?)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("name", &self.inner.run.host).finish_non_exhaustive()
    }
}
