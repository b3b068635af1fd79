//! An order under test. The kit keeps it as a host would.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use keyway_certificates::{
    CertificateError, CertificateOrder, Checkpoint, JsonObject, PluginMeta, async_trait,
};

use super::subject::Listing;
use crate::Broken;
use crate::lock::locked;
use crate::stored_object::stored_object;

/// An order, and the checkpoints that its plugin made.
#[derive(Clone, Debug)]
pub(super) struct TestedOrder {
    pub(super) order: CertificateOrder,
    pub(super) checkpoints: Arc<Checkpoints>,
}

/// Stores the checkpoints of one order.
pub(super) struct Checkpoints {
    saved: Mutex<Option<JsonObject>>,
    /// The number of effects at the first checkpoint, if the kit sees effects.
    effects: Mutex<Option<usize>>,
    refuses: AtomicBool,
    was_refused: AtomicBool,
    listing: Option<Arc<Listing>>,
    scratch: PathBuf,
}

impl std::fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoints").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}

impl Checkpoints {
    pub(super) fn new(listing: Option<Arc<Listing>>, scratch: PathBuf) -> Self {
        let (saved, effects) = (Mutex::default(), Mutex::default());
        let (refuses, was_refused) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { saved, effects, refuses, was_refused, listing, scratch }
    }

    /// Makes every later checkpoint fail.
    pub(super) fn refuse(&self) {
        self.refuses.store(true, Ordering::SeqCst);
    }

    /// Tells whether a checkpoint failed.
    pub(super) fn was_refused(&self) -> bool {
        self.was_refused.load(Ordering::SeqCst)
    }

    /// Returns the values of the last checkpoint, or `None` if there was no checkpoint.
    pub(super) fn saved(&self) -> Option<JsonObject> {
        locked(&self.saved).clone()
    }

    /// Returns the number of effects at the first checkpoint, or `None` if there was no checkpoint or the kit cannot
    /// see effects.
    pub(super) fn effects_before(&self) -> Option<usize> {
        *locked(&self.effects)
    }
}

#[async_trait]
impl Checkpoint for Checkpoints {
    async fn save(&self, values: &JsonObject) -> Result<(), CertificateError> {
        // Yields once, as real storage does.
        tokio::task::yield_now().await;
        if self.refuses.load(Ordering::SeqCst) {
            self.was_refused.store(true, Ordering::SeqCst);
            return Err(CertificateError::system("store the order", "the kit lets this checkpoint fail"));
        }
        if let Some(listing) = &self.listing {
            locked(&self.effects).get_or_insert_with(|| listing(&self.scratch).len());
        }
        *locked(&self.saved) = Some(values.clone());
        Ok(())
    }
}

impl TestedOrder {
    /// Returns the order with its plugin metadata read from the text that a host stores.
    pub(super) fn stored(&self) -> Result<Self, Broken> {
        let text = self.order.plugin_meta.to_ascii();
        let (bytes, depth) = (PluginMeta::MAX_BYTES, PluginMeta::MAX_DEPTH);
        Ok(self.with_values(stored_object(text.as_bytes(), bytes, depth, "plugin metadata")?))
    }

    /// Returns the order as a host finds it after a kill: with the last checkpoint only.
    pub(super) fn after_kill(&self) -> Self {
        self.with_values(self.checkpoints.saved().unwrap_or_default())
    }

    fn with_values(&self, values: JsonObject) -> Self {
        let mut order = self.order.clone();
        order.plugin_meta = PluginMeta::new(values, Arc::clone(&self.checkpoints) as Arc<dyn Checkpoint>);
        Self { order, checkpoints: Arc::clone(&self.checkpoints) }
    }
}
