//! Defines the trait [`DocumentHooks`]: the protected functions of the Convection seed, the removal of the store, and
//! methods for the metadata, the settings and the values.

use std::fmt;

use async_trait::async_trait;
use keyway_core::{PluginMetadata, Structured, Table};
use keyway_seal::KeyRing;

use crate::{Document, NewValue, Recipe, StoreError};

/// The purpose of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMode {
    /// The caller only looks: no write follows.
    Read,
    /// The caller may write next. Until `close`, other writers are locked out.
    Update,
}

/// The hooks of a plugin whose store is one document: the protected functions `_read`, `_write` and `_close` of the
/// Convection seed, and the removal of the store.
///
/// [`DocumentStore`](crate::DocumentStore) calls them in cycles: one `read`, at most one `write` or
/// `remove`, and then exactly one `close`, even after an error, a panic or a dropped future. Cycles
/// of one handle never overlap (decision C13).
///
/// # Cancel safety
/// The future of a hook may be dropped at any await point. `write` and `remove` must then have
/// taken effect as a whole or not at all; `close` follows in any case.
#[async_trait]
pub trait DocumentHooks: fmt::Debug + Send + Sync {
    /// Returns the metadata under which the plugin is registered.
    fn metadata(&self) -> &PluginMetadata;

    /// Tells whether `read`, `write` and `remove` block the thread, so that a host must poll them
    /// on a separate thread. The default is false (decision R1).
    fn blocking(&self) -> bool {
        false
    }

    /// Returns the settings of a new store.
    fn initial_settings(&self) -> Table {
        Table::new()
    }

    /// Checks settings before they are stored. By default, [`check_stored_settings`](Self::check_stored_settings) calls
    /// this method, too. Does no I/O. The default implementation accepts only an empty table, for a store that has no
    /// settings.
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

    /// Checks the settings of a stored document when it is read. Does no I/O. The default accepts
    /// the same settings as [`check_settings`](Self::check_settings). Override it for a format with
    /// other writers, whose files may hold settings that this plugin never writes.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) says which setting is wrong.
    fn check_stored_settings(&self, settings: &Table) -> Result<(), StoreError> {
        self.check_settings(settings)
    }

    /// Returns the settings that are in force if `settings` is stored: fills in the settings that the format lets a
    /// writer omit. A pure function. The caller has checked `settings`.
    fn settings_in_force(&self, settings: Table) -> Table {
        settings
    }

    /// Tells whether the store generates values on request. The default is false; a plugin that
    /// returns true implements [`generate`](Self::generate) (decision C11).
    fn generates_values(&self) -> bool {
        false
    }

    /// Generates a value from `settings`, which are checked and in force, and from `recipe`, which
    /// is not checked yet. Does no I/O except drawing random bytes.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) for a recipe that cannot be followed. The default returns
    /// [`Unsupported`](StoreError::Unsupported).
    fn generate(&self, settings: &Table, recipe: &Recipe) -> Result<Structured, StoreError> {
        let _ = (settings, recipe);
        Err(NewValue::unsupported())
    }

    /// Checks before a write that the document's format can hold a value. Does no I/O.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) gives the reason, without the value. [`TooLarge`](StoreError::TooLarge).
    fn check_value(&self, value: &Structured) -> Result<(), StoreError> {
        let _ = value;
        Ok(())
    }

    /// Reads the document with any key of `keys`. Returns `None` if there is no document.
    ///
    /// With [`AccessMode::Update`] it first takes a lock that keeps out all other writers, including other processes,
    /// until [`close`](Self::close).
    ///
    /// # Errors
    /// [`WrongKey`](StoreError::WrongKey), [`Corrupt`](StoreError::Corrupt), and errors of the
    /// underlying system.
    async fn read(&self, keys: &KeyRing, access: AccessMode) -> Result<Option<Document>, StoreError>;

    /// Seals the whole document with `keys` and writes it durably, or changes nothing. During a rotation `keys` holds
    /// only the new keys (decision C6).
    ///
    /// # Errors
    /// Errors of the underlying system; the document is then unchanged.
    async fn write(&self, document: &Document, keys: &KeyRing) -> Result<(), StoreError>;

    /// Removes the document; succeeds if there is no document.
    ///
    /// # Errors
    /// Errors of the underlying system.
    async fn remove(&self) -> Result<(), StoreError>;

    /// Ends a cycle: releases the lock and clears the data that was read. It is quick and cannot
    /// fail.
    fn close(&self);
}
