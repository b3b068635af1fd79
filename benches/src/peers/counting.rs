//! How often a single secret is read from a store.

use std::sync::atomic::{AtomicU32, Ordering};

use keyway_conformance::secrets::{Call, Interposition};
use keyway_secrets::{StoreError, async_trait};

/// Counts the reads of single secrets.
#[derive(Debug, Default)]
pub struct Reads(AtomicU32);

impl Reads {
    /// How many there were since the last time that this was asked.
    pub fn take(&self) -> u32 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

#[async_trait]
impl Interposition for Reads {
    async fn before(&self, call: Call<'_>) -> Result<(), StoreError> {
        if let Call::Get(_) = call {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
