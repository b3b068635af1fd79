//! A secret store that counts how often a single secret is read from the one under it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use keyway_core::{Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentName, EnvironmentPage,
    ListQuery, NewEnvironment, NewSecret, RotationListener, Secret, SecretAddress, SecretChange,
    SecretHeader, SecretPage, SecretStore, SecretVersion, StoreError, StoreInfo, async_trait,
};

/// See the module.
#[derive(Debug)]
pub struct CountingStore {
    store: Arc<dyn SecretStore>,
    reads: AtomicU32,
}

impl CountingStore {
    /// Counts the reads of a store.
    pub fn new(store: Arc<dyn SecretStore>) -> Self {
        Self { store, reads: AtomicU32::new(0) }
    }

    /// How many reads there were since the last time that this was asked.
    pub fn take(&self) -> u32 {
        self.reads.swap(0, Ordering::Relaxed)
    }
}

#[async_trait]
impl SecretStore for CountingStore {
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
        self.store.create(secret).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretVersion>,
    ) -> Result<(), StoreError> {
        self.store.destroy(address, expected).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.store.get(address).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        self.store.modify(address, change).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.store.list(query).await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        self.store.configure(request).await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
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
        self.store.list_environments(after, limit).await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        self.store.retrieve_environment(name).await
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        self.store.create_environment(environment).await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        self.store.modify_environment(name, change).await
    }
}
