//! The data that a plugin keeps with an order.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use keyway_core::Wiped;

use crate::limits::{self, MAX_DEPTH, OPENING_BRACE, entry_bytes, fits_in_depth};
use crate::{CertificateError, Json, JsonObject, SecretText};

/// The metadata that a plugin keeps with an order: a handle to a JSON object (seed, `plugin_meta`).
///
/// It is empty at the first [`issue`](crate::CertificateAuthority::issue), and as the plugin left it at
/// every later call. All clones are handles to the same values. The host keeps one, and stores the values
/// after every call, also after one that failed, panicked, passed its deadline or was dropped; a removed
/// entry stays removed. A [`checkpoint`](Self::checkpoint) also survives a killed process
/// (decision B9).
///
/// The values may be secret: they are wiped, and `Debug` shows names only. Names are stored as they are
/// and shown: they hold no secret.
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
    state: Mutex<State>,
    /// Held while a checkpoint is saved, so that an older one never follows a newer one.
    saving: async_lock::Mutex<()>,
    checkpoint: Arc<dyn Checkpoint>,
}

struct State {
    values: JsonObject,
    /// The size of the values, as JSON in ASCII.
    bytes: usize,
}

/// The storage behind the checkpoints of one order. The host implements it.
#[async_trait]
pub trait Checkpoint: fmt::Debug + Send + Sync {
    /// Stores the values, durably when it returns.
    ///
    /// [`PluginMeta::checkpoint`] calls it, for one handle and its clones once at a time and in the
    /// order of the snapshots. The host refuses a call for an order that it has given to another worker.
    ///
    /// # Errors
    /// When the values may not be stored.
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
    pub const MAX_DEPTH: usize = MAX_DEPTH;

    /// Creates a handle to the stored values of an order.
    pub fn new(values: JsonObject, checkpoint: Arc<dyn Checkpoint>) -> Self {
        let bytes =
            OPENING_BRACE + values.iter().map(|(name, value)| entry_bytes(name, value)).sum::<usize>();
        let state = Mutex::new(State { values, bytes });
        Self(Arc::new(Shared { state, saving: async_lock::Mutex::new(()), checkpoint }))
    }

    /// Returns the value of an entry.
    pub fn get(&self, name: &str) -> Option<Json> {
        self.state().values.get(name).cloned()
    }

    /// Returns the text of an entry, if it is one.
    pub fn text(&self, name: &str) -> Option<SecretText> {
        match self.get(name)? {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Sets an entry, replacing an earlier one.
    ///
    /// # Errors
    /// [`PluginMetaError`] when the values would be too large or nest too deep; then nothing is changed.
    pub fn set(&self, name: impl Into<String>, value: impl Into<Json>) -> Result<(), PluginMetaError> {
        let (name, value) = (name.into(), value.into());
        if !fits_in_depth(&value) {
            return Err(PluginMetaError::TooDeep { limit: Self::MAX_DEPTH });
        }
        let added = entry_bytes(&name, &value);
        let mut state = self.state();
        let replaced = state.values.get(&name).map_or(0, |earlier| entry_bytes(&name, earlier));
        let bytes = state.bytes - replaced + added;
        if bytes > Self::MAX_BYTES {
            return Err(PluginMetaError::TooLarge { bytes, limit: Self::MAX_BYTES });
        }
        state.values.insert(name, value);
        state.bytes = bytes;
        Ok(())
    }

    /// Removes an entry, and returns its value if there was one.
    pub fn remove(&self, name: &str) -> Option<Json> {
        let mut state = self.state();
        let removed = state.values.remove(name)?;
        state.bytes -= entry_bytes(name, &removed);
        Some(removed)
    }

    /// Returns all values as they are now.
    pub fn snapshot(&self) -> JsonObject {
        self.state().values.clone()
    }

    /// Writes all values as they are now as one JSON object in ASCII.
    pub fn to_ascii(&self) -> Wiped<String> {
        limits::to_ascii(&self.state().values)
    }

    /// Stores all values as they are now, durably when it returns.
    ///
    /// Call it before an effect that must not be repeated: after a crash, the host then
    /// [checks](crate::CertificateAuthority::check) the order instead of issuing it again
    /// (decision B6).
    ///
    /// # Errors
    /// Those of the host's storage. Then leave out the effect, and return the error.
    ///
    /// # Cancel safety
    /// A dropped call may have stored the values. The values of the handle are unchanged.
    pub async fn checkpoint(&self) -> Result<(), CertificateError> {
        let _saving = self.0.saving.lock().await;
        let values = self.snapshot();
        self.0.checkpoint.save(&values).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PluginMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.state().values.keys()).finish()
    }
}

/// The error for an entry that [`PluginMeta::set`] does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PluginMetaError {
    /// The values would be too large.
    #[error("the plugin keeps {bytes} bytes with the order, and at most {limit} are allowed: keep less")]
    TooLarge {
        /// The number of bytes with the entry.
        bytes: usize,
        /// The allowed number of bytes.
        limit: usize,
    },
    /// The value nests too deep.
    #[error("the plugin keeps a value that nests more than {limit} levels deep: keep it as a text")]
    TooDeep {
        /// The allowed depth.
        limit: usize,
    },
}

#[cfg(test)]
mod tests;
