//! The three protected hooks of the Convection seed, and what goes with them.

use std::fmt;

use async_trait::async_trait;
use keyway_core::{PluginMetadata, Structured, Table};
use keyway_seal::KeyRing;

use crate::{Document, NewValue, Recipe, StoreError};

/// What a read is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMode {
    /// Only to look: a write does not follow.
    Read,
    /// To change: a write may follow, and until `close` nobody else may write.
    Update,
}

/// What a plugin implements whose store is one document: the protected functions
/// `_read`, `_write` and `_close` of the Convection seed, and how the store is removed.
///
/// [`DocumentStore`](crate::DocumentStore) calls them in cycles: one `read`, perhaps one
/// `write` or `remove`, and then exactly one `close`, whatever happens in between: an
/// error, a panic, a future that is dropped (decision C13). Cycles of one handle never
/// overlap.
///
/// # Cancel safety
/// The future of a hook may be dropped wherever it waits. `write` and `remove` must then
/// have taken effect as a whole or not at all; `close` follows in any case.
#[async_trait]
pub trait DocumentHooks: fmt::Debug + Send + Sync {
    /// The metadata under which the plugin is registered.
    fn metadata(&self) -> &PluginMetadata;

    /// Whether `read`, `write` and `remove` block the thread, so that a host has to poll
    /// them on a thread of their own (decision R1). They do not, if nothing is said.
    fn blocking(&self) -> bool {
        false
    }

    /// The settings of a new store.
    fn initial_settings(&self) -> Table {
        Table::new()
    }

    /// Checks settings before they are stored, and those that a document holds when it is
    /// read. It does no I/O. As long as hooks do not say otherwise, there are no settings,
    /// and an empty table is all that is accepted.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) says which setting is wrong.
    fn check_settings(&self, settings: &Table) -> Result<(), StoreError> {
        match settings.iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                let reason = format!("there is no setting {name:?}: this store has none");
                Err(StoreError::invalid("the settings", reason))
            }
        }
    }

    /// Checks the settings that a document holds when it is read. It does no I/O. As long as
    /// hooks do not say otherwise, these are the settings that [`check_settings`](Self::check_settings) lets be
    /// stored; a format that others write too may have to read more than it writes.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) says which setting is wrong.
    fn check_stored_settings(&self, settings: &Table) -> Result<(), StoreError> {
        self.check_settings(settings)
    }

    /// The settings that are in force when these are stored: where a format lets settings
    /// be left out, what holds then. Pure; the settings were checked before.
    fn settings_in_force(&self, settings: Table) -> Table {
        settings
    }

    /// Whether the store makes values itself when asked to (decision C11). It does not, if
    /// nothing is said; who says so implements [`generate`](Self::generate).
    fn generates_values(&self) -> bool {
        false
    }

    /// Makes a value by `settings`, which are those in force and were checked, and by `recipe`, which was not. It does no
    /// I/O except asking for randomness.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) for a recipe that cannot be followed, and
    /// [`Unsupported`](StoreError::Unsupported) as long as hooks do not say otherwise.
    fn generate(&self, settings: &Table, recipe: &Recipe) -> Result<Structured, StoreError> {
        let _ = (settings, recipe);
        Err(NewValue::unsupported())
    }

    /// Checks a value before it is stored: whether the document's format can hold it. It
    /// does no I/O.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) says why not, without the value.
    fn check_value(&self, value: &Structured) -> Result<(), StoreError> {
        let _ = value;
        Ok(())
    }

    /// Reads the document with any key of `keys`; `None` if there is none.
    ///
    /// With [`AccessMode::Update`] it first takes a lock that keeps all other writers out, of
    /// other processes too, until [`close`](Self::close).
    ///
    /// # Errors
    /// [`WrongKey`](StoreError::WrongKey), [`Corrupt`](StoreError::Corrupt), and those of
    /// the system underneath.
    async fn read(&self, keys: &KeyRing, access: AccessMode) -> Result<Option<Document>, StoreError>;

    /// Writes the document, sealed by `keys`, as a whole and durably, or not at all
    /// (decision C6). While a rotation is under way `keys` are the new ones only.
    ///
    /// # Errors
    /// Those of the system underneath; the document is then what it was before.
    async fn write(&self, document: &Document, keys: &KeyRing) -> Result<(), StoreError>;

    /// Removes the document; succeeds if there is none.
    ///
    /// # Errors
    /// Those of the system underneath.
    async fn remove(&self) -> Result<(), StoreError>;

    /// Ends a cycle: gives up the lock and clears what was read. Short; does not fail.
    fn close(&self);
}
