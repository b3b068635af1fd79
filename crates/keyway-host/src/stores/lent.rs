//! Gives plugins and the engine for orders access to the secret stores of this host.

use std::sync::Arc;

use keyway_secrets::{HostStores, SecretStore, StoreError, StoreName, async_trait};

use super::engine::Stores;
use super::error::StoresError;

#[async_trait]
impl HostStores for Stores {
    async fn open(&self, name: &StoreName) -> Result<Arc<dyn SecretStore>, StoreError> {
        let store = Self::open(self, name).await.map_err(StoresError::into_store_error)?;
        Ok(Arc::new(store))
    }
}
