//! Guards the instance of a secret store, by the guard that all engines share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::CallError;
use keyway_seal::KeyRing;
use keyway_secrets::{OpenContext, SecretStore, SecretStorePlugin, StoreError};

use crate::plugin::{self, CallPolicy, Calls, Factory, Isolation, Pace, Panicked};
use crate::work::Retries;

pub(super) use crate::plugin::Running;

/// Limits the calls of a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLimits {
    /// How long a call may take, 30 s by default.
    pub deadline: Duration,
    /// How long a rotation may go without progress, 60 s by default.
    pub rotation_stall: Duration,
    /// How a call is kept away from the caller's task.
    pub isolation: Isolation,
    /// How long after its deadline a call still counts as running, so that no other host takes it
    /// over; 30 s by default.
    ///
    /// See decision R5.
    pub lease_grace: Duration,
    /// How long to wait before interrupted work is retried.
    pub retries: Retries,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            rotation_stall: Duration::from_secs(60),
            isolation: Isolation::Declared,
            lease_grace: Duration::from_secs(30),
            retries: Retries::default(),
        }
    }
}

impl StoreLimits {
    /// Sets how long a call may take.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how long a rotation may go without progress.
    #[must_use]
    pub fn with_rotation_stall(mut self, stall: Duration) -> Self {
        self.rotation_stall = stall;
        self
    }

    /// Sets how a call is kept away from the caller's task.
    #[must_use]
    pub fn with_isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Sets how long after its deadline a call still counts as running.
    #[must_use]
    pub fn with_lease_grace(mut self, grace: Duration) -> Self {
        self.lease_grace = grace;
        self
    }

    /// Sets how long to wait before interrupted work is retried.
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }
}

/// A plugin's instance and the limits of its calls.
pub(crate) struct Guard {
    guard: plugin::Guard<Maker>,
    pub(super) limits: StoreLimits,
}

struct Maker {
    plugin: &'static dyn SecretStorePlugin,
    opening: OpenContext,
}

impl Factory for Maker {
    type Instance = dyn SecretStore;
    type Error = StoreError;

    fn make(&self) -> Result<Arc<dyn SecretStore>, StoreError> {
        self.plugin.open(&self.opening)
    }
}

impl Guard {
    /// Opens an instance.
    pub(crate) fn open(
        plugin: &'static dyn SecretStorePlugin,
        opening: OpenContext,
        limits: StoreLimits,
        calls: Arc<Calls>,
    ) -> Result<Self, StoreError> {
        let opened = plugin::Guard::open(Maker { plugin, opening }, calls);
        let guard =
            opened.unwrap_or_else(|Panicked| Err(CallError::Panicked { operation: "open" }.into()))?;
        Ok(Self { guard, limits })
    }

    pub(crate) fn metadata(&self) -> keyway_core::PluginMetadata {
        self.guard.with_maker(|maker| maker.opening.metadata.clone())
    }

    /// Returns the keys with which a new instance would be opened.
    pub(crate) fn keys(&self) -> KeyRing {
        self.guard.with_maker(|maker| maker.opening.keys.clone())
    }

    pub(crate) fn set_keys(&self, keys: KeyRing) {
        self.guard.with_maker(|maker| maker.opening.keys = keys);
    }

    /// Calls a function of the plugin that does no work and does not block.
    pub(super) fn look<T>(
        &self,
        operation: &'static str,
        look: impl FnOnce(&dyn SecretStore) -> T,
    ) -> Result<T, StoreError> {
        Ok(self.guard.look(operation, |store| look(store))?)
    }

    /// Calls an operation of the plugin with the ordinary deadline.
    pub(super) async fn call<T, F>(
        &self,
        operation: &'static str,
        pace: Pace,
        work: impl FnOnce(Arc<dyn SecretStore>) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let StoreLimits { deadline, isolation, .. } = self.limits;
        let allowed = CallPolicy { deadline, isolation, pace };
        self.guard.call(operation, allowed, work).await?
    }

    /// Returns the instance, unless a call of it hangs.
    pub(super) fn instance(&self, operation: &'static str) -> Result<Arc<dyn SecretStore>, StoreError> {
        Ok(self.guard.instance(operation)?)
    }

    /// Starts an operation of the plugin without the ordinary deadline.
    pub(super) fn start<T: Send + 'static>(
        &self,
        operation: &'static str,
        deadline: Duration,
        pace: Pace,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Running<T>, StoreError> {
        Ok(self.guard.start(operation, deadline, pace, work)?)
    }

    /// Makes another instance.
    pub(super) fn after_panic(&self, operation: &'static str, cause: Panicked) -> StoreError {
        self.guard.after_panic(operation, cause).into()
    }

    /// Ends a call that took too long.
    pub(super) async fn give_up<T: Send + 'static>(&self, operation: &'static str, running: Running<T>) {
        self.guard.give_up(operation, running).await;
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (store, plugin) = self
            .guard
            .with_maker(|maker| (maker.opening.store.clone(), maker.opening.metadata.name().to_owned()));
        f.debug_struct("Guard")
            .field("store", &store)
            .field("plugin", &plugin)
            .field("quarantined", &self.guard.is_quarantined())
            .finish_non_exhaustive()
    }
}
