//! Defines the trait by which a plugin of another contract uses the secret stores of its host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{SecretStore, StoreError, StoreName};

/// The secret stores of a host, by their names. The host passes them to a plugin as `Arc<dyn HostStores>`, so that the
/// plugin can keep its own secrets in any of them.
#[async_trait]
pub trait HostStores: fmt::Debug + Send + Sync {
    /// Opens a store with its keys. The host guards the store: missed deadlines, panics and broken promises become
    /// errors.
    ///
    /// # Errors
    /// [`NotInitialized`](StoreError::NotInitialized) if the host has no store of this name, and the errors of opening
    /// it.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time.
    async fn open(&self, name: &StoreName) -> Result<Arc<dyn SecretStore>, StoreError>;
}

/// Returns stores that are already open, for a test or for a host without an engine.
#[async_trait]
impl HostStores for BTreeMap<StoreName, Arc<dyn SecretStore>> {
    async fn open(&self, name: &StoreName) -> Result<Arc<dyn SecretStore>, StoreError> {
        self.get(name).cloned().ok_or(StoreError::NotInitialized)
    }
}
