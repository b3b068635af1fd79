//! The data that a plugin keeps with an order.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use keyway_core::json::SharedObject;

use crate::{CertificateError, JsonObject};

/// The metadata that a plugin keeps with an order: a handle to a JSON object (seed, `plugin_meta`).
///
/// The object is empty at the first [`issue`](crate::CertificateAuthority::issue), and every later call finds it as the
/// plugin left it. All clones are handles to the same values. The host keeps a handle too, and stores the values after
/// every call, even if the call failed, panicked, passed its deadline or was dropped. Removals are stored as well. A
/// [`checkpoint`](Self::checkpoint) also survives a killed process (decision B9).
///
/// The values may be secret, so they are wiped when dropped, and `Debug` shows names only. Names are shown, and
/// are not wiped, so they must hold no secret.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use keyway_certificates::{JsonObject, PluginMeta};
///
/// let saved = Arc::new(Mutex::new(JsonObject::new()));
/// let meta = PluginMeta::new(JsonObject::new(), saved.clone());
/// let plugins = meta.clone();
///
/// # pollster::block_on(async {
/// plugins.set("order", "ca-7")?;
/// assert!(saved.lock().unwrap().is_empty());
/// plugins.checkpoint().await?;
/// assert_eq!(*saved.lock().unwrap(), meta.snapshot());
/// assert_eq!(meta.text("order").unwrap().expose(), "ca-7");
/// # Ok::<(), keyway_certificates::CertificateError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct PluginMeta(Arc<Shared>);

struct Shared {
    values: SharedObject<{ PluginMeta::MAX_BYTES }>,
    /// Locked while a checkpoint is saved, so that older values never replace newer ones.
    saving: async_lock::Mutex<()>,
    checkpoint: Arc<dyn Checkpoint>,
}

/// The storage behind the checkpoints of one order. The host implements it.
#[async_trait]
pub trait Checkpoint: fmt::Debug + Send + Sync {
    /// Stores the values. They are durable when this method returns.
    ///
    /// [`PluginMeta::checkpoint`] calls it. For one handle and its clones, the calls run one at a time, in the order of
    /// the snapshots. The host refuses a call for an order that it has given to another worker.
    ///
    /// # Errors
    /// When it is not certain that the values are stored.
    async fn save(&self, values: &JsonObject) -> Result<(), CertificateError>;
}

/// Keeps the values of the last checkpoint in memory, for tests.
#[async_trait]
impl Checkpoint for Mutex<JsonObject> {
    async fn save(&self, values: &JsonObject) -> Result<(), CertificateError> {
        self.lock().unwrap_or_else(PoisonError::into_inner).clone_from(values);
        Ok(())
    }
}

impl PluginMeta {
    /// The largest size in bytes, as JSON in ASCII.
    pub const MAX_BYTES: usize = 128 << 10;
    /// The deepest nesting of arrays and objects, the outermost object included.
    pub const MAX_DEPTH: usize = SharedObject::<{ Self::MAX_BYTES }>::MAX_DEPTH;

    /// Creates a handle to the stored values of an order.
    pub fn new(values: JsonObject, checkpoint: Arc<dyn Checkpoint>) -> Self {
        let values = SharedObject::new(values);
        Self(Arc::new(Shared { values, saving: async_lock::Mutex::new(()), checkpoint }))
    }

    /// Stores the current values. They are durable when this method returns.
    ///
    /// Call it before an effect that must not be repeated: after a crash, the host then
    /// [checks](crate::CertificateAuthority::check) the order instead of issuing it again (decision B6).
    ///
    /// # Errors
    /// Those of the host's storage. The plugin must then leave out the effect, and return the error.
    ///
    /// # Cancel safety
    /// A dropped call may have stored the values. The values of the handle are unchanged.
    pub async fn checkpoint(&self) -> Result<(), CertificateError> {
        let _saving = self.0.saving.lock().await;
        let values = self.snapshot();
        self.0.checkpoint.save(&values).await
    }
}

/// Gives access to the values.
impl Deref for PluginMeta {
    type Target = SharedObject<{ Self::MAX_BYTES }>;

    fn deref(&self) -> &Self::Target {
        &self.0.values
    }
}

impl fmt::Debug for PluginMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.values.fmt(f)
    }
}

#[cfg(test)]
mod tests;
