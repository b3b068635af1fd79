//! A store between a client and the plugin: it counts, gives way, makes pages short, and fails
//! when told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use keyway_core::{Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentFilter, EnvironmentName,
    EnvironmentPage, ListQuery, NewEnvironment, NewSecret, RotationListener, Secret, SecretAddress,
    SecretChange, SecretHeader, SecretPage, SecretStore, SecretVersion, StoreError, StoreInfo,
};

use super::lent_storage::let_others_run;

/// A call that a client made of its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Get(SecretAddress),
    List { of: EnvironmentFilter, with_values: bool },
    Write(SecretAddress),
    Environments,
    Other,
}

/// How the store is to fail.
struct Failure {
    /// How many calls still succeed.
    left: usize,
    /// Whether the calls after the first that failed reach the plugin again.
    once: bool,
    error: Arc<dyn Fn() -> StoreError + Send + Sync>,
}

/// What was asked, and what is to happen.
#[derive(Default)]
struct Orders {
    asked: Vec<Asked>,
    failing: Option<Failure>,
}

/// The plugin's store under the kit's control.
pub(super) struct Interposed {
    store: Arc<dyn SecretStore>,
    orders: Mutex<Orders>,
    page: AtomicUsize,
}

impl std::fmt::Debug for Interposed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.store.fmt(f)
    }
}

impl Interposed {
    pub(super) fn new(store: Arc<dyn SecretStore>) -> Arc<Self> {
        Arc::new(Self { store, orders: Mutex::default(), page: AtomicUsize::new(usize::MAX) })
    }

    /// What was asked since this was called last.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.orders().asked)
    }

    /// Makes pages hold so many at most: a store may always give fewer than were asked for.
    pub(super) fn short_pages(&self, page: usize) {
        self.page.store(page, Ordering::SeqCst);
    }

    /// Lets all calls after `left` more answer this.
    pub(super) fn fail_after(&self, left: usize, error: impl Fn() -> StoreError + Send + Sync + 'static) {
        self.orders().failing = Some(Failure { left, once: false, error: Arc::new(error) });
    }

    /// Lets the one call after `left` more answer this.
    pub(super) fn fail_once_after(
        &self,
        left: usize,
        error: impl Fn() -> StoreError + Send + Sync + 'static,
    ) {
        self.orders().failing = Some(Failure { left, once: true, error: Arc::new(error) });
    }

    /// Lets all calls reach the plugin again.
    pub(super) fn recover(&self) {
        self.orders().failing = None;
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call, gives way so that the caller can be dropped or overtaken here, and fails
    /// if that was ordered.
    async fn admit(&self, asked: Asked) -> Result<(), StoreError> {
        let failing = {
            let mut orders = self.orders();
            orders.asked.push(asked);
            match &mut orders.failing {
                Some(failure) if failure.left > 0 => {
                    failure.left -= 1;
                    None
                }
                Some(failure) => {
                    let error = Arc::clone(&failure.error);
                    if failure.once {
                        orders.failing = None;
                    }
                    Some(error)
                }
                None => None,
            }
        };
        let_others_run().await;
        failing.map_or(Ok(()), |error| Err(error()))
    }

    fn limit(&self, limit: usize) -> usize {
        limit.min(self.page.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl SecretStore for Interposed {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        self.store.written_by().await
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        self.store.initialize().await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        self.store.rotate(new, listener).await
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        self.admit(Asked::Write(secret.address.clone())).await?;
        self.store.create(secret).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretVersion>,
    ) -> Result<(), StoreError> {
        self.admit(Asked::Write(address.clone())).await?;
        self.store.destroy(address, expected).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.admit(Asked::Get(address.clone())).await?;
        self.store.get(address).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        self.admit(Asked::Write(address.clone())).await?;
        self.store.modify(address, change).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.admit(Asked::List { of: query.environment.clone(), with_values: query.with_values }).await?;
        self.store.list(&query.clone().limit(self.limit(query.limit))).await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        self.admit(Asked::Other).await?;
        self.store.configure(request).await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.admit(Asked::Other).await?;
        self.store.info().await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        self.store.marked_for_delete().await
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        self.admit(Asked::Environments).await?;
        self.store.list_environments(after, self.limit(limit)).await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        self.admit(Asked::Environments).await?;
        self.store.retrieve_environment(name).await
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        self.admit(Asked::Environments).await?;
        self.store.create_environment(environment).await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        self.admit(Asked::Environments).await?;
        self.store.modify_environment(name, change).await
    }
}
