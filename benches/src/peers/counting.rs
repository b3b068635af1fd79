//! A layer that counts the reads of single secrets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keyway_secrets::{Call, Layered, SecretStore, SecretStoreLayer, StoreError};

/// Counts the reads of single secrets.
#[derive(Debug)]
pub struct Reads {
    inner: Arc<dyn SecretStore>,
    number: AtomicU32,
}

impl Reads {
    /// Wraps a store, and counts its reads.
    pub fn of(inner: Arc<dyn SecretStore>) -> Layered<Self> {
        Layered(Self { inner, number: AtomicU32::new(0) })
    }

    /// Returns the number of reads since this method was last called.
    pub fn take(&self) -> u32 {
        self.number.swap(0, Ordering::Relaxed)
    }
}

impl SecretStoreLayer for Reads {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        if let Call::Get { .. } = call {
            self.number.fetch_add(1, Ordering::Relaxed);
        }
        next.await
    }
}
