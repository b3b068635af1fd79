//! Implements the store that the host hands out: guarded, and with its life journalled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use keyway_core::{PluginMetadata, Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentName, EnvironmentPage,
    ListQuery, NewEnvironment, NewSecret, RotationListener, Secret, SecretAddress, SecretChange,
    SecretHeader, SecretPage, SecretRevision, SecretStore, SecretWrite, StoreError, StoreInfo, StoreName,
};

use super::engine::Stores;
use super::error::StoresError;
use super::guard::GuardedStore;
use super::machine::StoreState;

/// A store that is listed with a [`Stores`] engine. Use it as a [`SecretStore`].
///
/// Its plugin is behind a [`GuardedStore`]. A change of its life as a whole (rotation, deletion) is
/// stored before the plugin is asked, so that it can be finished after a crash.
///
/// # Cancel safety
/// That of [`SecretStore`]. A dropped `rotate` or `marked_for_delete` stays listed, and the
/// [host](crate::Host::run) or another call resumes it.
#[derive(Debug)]
pub struct HostedStore {
    stores: Stores,
    name: StoreName,
    guarded: Arc<GuardedStore>,
    /// Set when the store was deleted through this handle. The plugin's handle need not know:
    /// another host may have been faster, and a new store of the name may exist.
    deleted: AtomicBool,
}

impl HostedStore {
    pub(super) fn new(stores: Stores, name: StoreName, guarded: Arc<GuardedStore>) -> Self {
        Self { stores, name, guarded, deleted: AtomicBool::new(false) }
    }

    fn guarded(&self) -> Result<&Arc<GuardedStore>, StoreError> {
        if self.deleted.load(Ordering::Relaxed) { Err(StoreError::Deleted) } else { Ok(&self.guarded) }
    }

    /// Returns the name of the store.
    pub fn name(&self) -> &StoreName {
        &self.name
    }

    /// Returns the metadata of the plugin that runs it.
    pub fn metadata(&self) -> PluginMetadata {
        self.guarded.metadata()
    }

    /// Returns its phase, and the keys that it needs.
    ///
    /// # Errors
    /// [`StoresError::Record`], and [`TransitionError::NoStore`](crate::stores::TransitionError::NoStore)
    /// after its deletion.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn state(&self) -> Result<StoreState, StoresError> {
        self.stores.state(&self.name).await
    }
}

// A method that is forgotten here would silently be the contract's default.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SecretStore for HostedStore {
    fn capabilities(&self) -> Capabilities {
        self.guarded.capabilities()
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        self.guarded()?.written_by().await
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        // The store was initialized before this handle was made.
        self.guarded()?.initialize().await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        if !self.capabilities().rotates {
            return self.guarded()?.rotate(new, listener).await;
        }
        let rotated = self.stores.rotate(&self.name, self.guarded()?, new, listener).await;
        rotated.map_err(StoresError::into_store_error)
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        self.guarded()?.create(secret).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        self.guarded()?.destroy(address, expected).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.guarded()?.get(address).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        self.guarded()?.modify(address, change).await
    }

    async fn write_all(&self, writes: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        self.guarded()?.write_all(writes).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.guarded()?.list(query).await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        self.guarded()?.configure(request).await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.guarded()?.info().await
    }

    async fn exact_info(&self) -> Result<StoreInfo, StoreError> {
        self.guarded()?.exact_info().await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        let Ok(guarded) = self.guarded() else { return Ok(()) };
        if !self.capabilities().deletable {
            return guarded.marked_for_delete().await;
        }
        self.stores.delete(&self.name, guarded).await.map_err(StoresError::into_store_error)?;
        self.deleted.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        self.guarded()?.list_environments(after, limit).await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        self.guarded()?.retrieve_environment(name).await
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        self.guarded()?.create_environment(environment).await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        self.guarded()?.modify_environment(name, change).await
    }
}
