//! Opens secret stores of the host, which the engine for orders does not know otherwise.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use keyway_secrets::{SecretStore, StoreError, StoreName};

/// The opened store, soon.
pub(crate) type OpenedStore = Pin<Box<dyn Future<Output = Result<Arc<dyn SecretStore>, StoreError>> + Send>>;

/// Opens the stores of the host by their names.
#[derive(Clone)]
pub(crate) struct SecretStores(Arc<dyn Fn(StoreName) -> OpenedStore + Send + Sync>);

impl SecretStores {
    pub(crate) fn new(open: impl Fn(StoreName) -> OpenedStore + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    pub(super) async fn open(&self, name: &StoreName) -> Result<Arc<dyn SecretStore>, StoreError> {
        (self.0)(name.clone()).await
    }
}

impl fmt::Debug for SecretStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretStores")
    }
}
