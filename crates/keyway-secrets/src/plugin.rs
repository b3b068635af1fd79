//! Defines the contract: a plugin that opens stores, and a store with its operations.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_core::{Clock, Json, NoConfiguration, PluginMetadata, Resources, SystemClock, Table, WrittenBy};
use keyway_seal::KeyRing;

use crate::{
    Capabilities, Count, Cursor, Environment, EnvironmentChange, EnvironmentName, EnvironmentPage, ListQuery,
    NewEnvironment, NewSecret, RotationListener, Secret, SecretAddress, SecretChange, SecretHeader,
    SecretPage, SecretRevision, SecretWrite, StoreError, StoreInfo, StoreName,
};

/// A plugin for secret stores, which `register!` adds to the registry.
pub trait SecretStorePlugin: fmt::Debug + Send + Sync {
    /// Checks a configuration without opening anything. Does no I/O and does not block. The default body accepts only
    /// an empty configuration.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) names the wrong key and the expected value.
    fn check_configuration(&self, configuration: &Json) -> Result<(), StoreError> {
        keyway_core::read_configuration::<NoConfiguration>(configuration)
            .map(drop)
            .map_err(|error| StoreError::invalid("the configuration of the plugin", error.to_string()))
    }

    /// Makes a handle to a store. It does no I/O, does not block, and succeeds whether or not the store exists: only
    /// the first operation looks for it.
    ///
    /// # Errors
    /// As [`check_configuration`](Self::check_configuration), and [`MissingResource`](StoreError::MissingResource) if
    /// the host passed no resource of a kind that the plugin needs.
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError>;
}

/// The host's input for opening a store.
#[non_exhaustive]
pub struct OpenContext {
    /// The name of the store.
    pub store: StoreName,
    /// The metadata under which the plugin is registered.
    pub metadata: PluginMetadata,
    /// The keys: the first key seals, and every key opens.
    pub keys: KeyRing,
    /// The plugin's configuration.
    pub configuration: Json,
    /// The resources that the host passes to the plugin.
    pub resources: Resources,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for OpenContext {
    /// Omits the configuration, since it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenContext")
            .field("store", &self.store)
            .field("metadata", &self.metadata)
            .field("keys", &self.keys)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

impl OpenContext {
    /// Makes a context with an empty configuration, no resources, and the system's clock.
    pub fn new(store: StoreName, metadata: PluginMetadata, keys: KeyRing) -> Self {
        Self {
            store,
            metadata,
            keys,
            configuration: Json::default(),
            resources: Resources::new(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the plugin's configuration.
    #[must_use]
    pub fn with_configuration(mut self, configuration: impl Into<Json>) -> Self {
        self.configuration = configuration.into();
        self
    }

    /// Sets the resources that the host passes to the plugin.
    #[must_use]
    pub fn with_resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

/// The argument of [`SecretStore::configure`].
#[derive(Clone, Debug)]
pub enum Configure {
    /// Reads the settings.
    Read,
    /// Replaces the settings.
    Write(Table),
}

/// A secret store: the ten operations of the Convection seed ("Functions / Methods") and, behind capabilities, a bulk
/// write and the four environment operations of the Locker seed.
///
/// Many callers may use a store through `&self` at once. Implement this trait for a store of
/// separate records, or [`DocumentHooks`](crate::DocumentHooks) with
/// [`DocumentStore`](crate::DocumentStore) for a store that is one document.
///
/// # What holds for every operation
/// * On a store that was not initialized, the operation returns [`NotInitialized`](StoreError::NotInitialized). After
///   `marked_for_delete`, it returns [`Deleted`](StoreError::Deleted). Three operations differ: `initialize` makes the
///   store, `written_by` returns `None` where there is no data, and a repeated `marked_for_delete` succeeds.
/// * Before reading or writing anything it refuses data of another plugin or an unsupported version with
///   [`Incompatible`](StoreError::Incompatible), damaged data with [`Corrupt`](StoreError::Corrupt), and data under
///   other keys with [`WrongKey`](StoreError::WrongKey) (decision C4).
/// * Without the capability for an operation it returns [`Unsupported`](StoreError::Unsupported)
///   and changes nothing (decision C16).
/// * It takes effect as a whole and durably before it returns `Ok`, or not at all. A write that loses a race returns an
///   error, so no update is lost (decision C6).
/// * Cancel safety: a dropped future leaves the store consistent. A write in progress may or may not have taken effect;
///   the caller can read to find out.
/// * It blocks the thread only if [`Capabilities::blocking`] is declared.
#[async_trait]
pub trait SecretStore: fmt::Debug + Send + Sync {
    /// Returns the store's capabilities. They never change during the life of the handle. Does not block.
    fn capabilities(&self) -> Capabilities;

    /// Returns the last writer of the data; `None` if there is no data. A host calls this first whenever it opens a
    /// store, and checks the answer (decision C4).
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `tracks_writer`.
    /// [`Deleted`](StoreError::Deleted), [`WrongKey`](StoreError::WrongKey), [`Corrupt`](StoreError::Corrupt); never
    /// `Incompatible`.
    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError>;

    /// Makes the store. It never overwrites.
    ///
    /// # Errors
    /// [`AlreadyInitialized`](StoreError::AlreadyInitialized).
    async fn initialize(&self) -> Result<(), StoreError>;

    /// Moves all data to the keys `new`. Afterwards `new` alone reads everything. Reads and writes through this handle
    /// continue during the rotation, and writes already use the new keys (decision C7).
    ///
    /// A rotation is resumable: after a crash or a dropped future, open the store with a ring of the new and the old
    /// keys, and call `rotate` again with the same `new`. A call after the rotation is done changes nothing that a
    /// reader sees.
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `rotates`.
    /// [`WrongKey`](StoreError::WrongKey) if neither the handle's keys nor `new` open a record.
    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError>;

    /// Adds a secret and returns its header. The value is not returned even if the store generated
    /// it; read it with [`get`](Self::get).
    ///
    /// Every character of a generated value follows the settings that are in force when the secret is stored, whichever
    /// handle set them (decision C11).
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) for a generated value without the capability
    /// `generates_values`; [`Invalid`](StoreError::Invalid) for a recipe that the store cannot
    /// follow, before anything is stored.
    /// [`SecretExists`](StoreError::SecretExists),
    /// [`EnvironmentNotFound`](StoreError::EnvironmentNotFound),
    /// [`UnsupportedValue`](StoreError::UnsupportedValue),
    /// [`InvalidName`](StoreError::InvalidName), [`TooLarge`](StoreError::TooLarge).
    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError>;

    /// Removes a secret. With `expected`, removes it only if it still has that [revision](SecretHeader::revision).
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `destroys`.
    /// [`SecretNotFound`](StoreError::SecretNotFound),
    /// [`EnvironmentNotFound`](StoreError::EnvironmentNotFound),
    /// [`VersionConflict`](StoreError::VersionConflict).
    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError>;

    /// Reads the secret at exactly this address. Never falls back to a secret in another environment or without one. In
    /// a store that is not [`immediate`](Capabilities::immediate), a write through another handle may become visible
    /// only after the declared staleness. Writes through this handle are visible at once. These rules of visibility
    /// hold for lists, too.
    ///
    /// # Errors
    /// [`SecretNotFound`](StoreError::SecretNotFound), [`EnvironmentNotFound`](StoreError::EnvironmentNotFound).
    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError>;

    /// Changes an existing secret and returns its new header. It never creates a secret. It changes only the secret at
    /// exactly this address, never a secret of the same name in another environment or outside of environments. If the
    /// change asks for a generated value, the store generates that value as in [`create`](Self::create), and replaces
    /// the old value by it (decision L4).
    ///
    /// # Errors
    /// As [`create`](Self::create) for a generated value; [`SecretNotFound`](StoreError::SecretNotFound),
    /// [`EnvironmentNotFound`](StoreError::EnvironmentNotFound), [`VersionConflict`](StoreError::VersionConflict),
    /// [`UnsupportedValue`](StoreError::UnsupportedValue).
    async fn modify(&self, address: &SecretAddress, change: SecretChange)
    -> Result<SecretHeader, StoreError>;

    /// Creates and changes many secrets in one commit: all of them or none. Returns the headers in the order of the
    /// writes. Each write acts as [`create`](Self::create) or [`modify`](Self::modify); no two writes may have the same
    /// address. An empty batch does nothing. [`SecretWrite::batches`] makes batches within the limits
    /// of the store.
    ///
    /// # Errors
    /// All errors come before anything is written. [`Unsupported`](StoreError::Unsupported) without the capability
    /// `bulk`; [`Invalid`](StoreError::Invalid) and [`TooLarge`](StoreError::TooLarge) for a batch that exceeds the
    /// limits of the store, and `TooLarge` also for one whose stored form is too large (H96);
    /// [`InBatch`](StoreError::InBatch), with the position, if one write is refused.
    ///
    /// # Cancel safety
    /// A future that is dropped has written the whole batch or nothing.
    async fn write_all(&self, writes: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        let _ = writes;
        Err(StoreError::Unsupported { what: "bulk writes" })
    }

    /// Lists secrets page by page. Pages are stable while other callers write: a secret that exists
    /// from the first page to the last is in exactly one of them.
    ///
    /// # Errors
    /// [`EnvironmentNotFound`](StoreError::EnvironmentNotFound),
    /// [`Invalid`](StoreError::Invalid) for a cursor of another store.
    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError>;

    /// Reads or replaces the settings of the store, and returns the settings that are then in force. These settings
    /// apply at once, and stay in force after a restart (decision C10).
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `configures`.
    /// [`Invalid`](StoreError::Invalid) names the wrong setting; nothing is stored.
    async fn configure(&self, request: Configure) -> Result<Table, StoreError>;

    /// Describes the store. The call is quick, however many secrets there are: if counting them takes long, their
    /// number is an estimate and is marked as an estimate (decision C12).
    ///
    /// # Errors
    /// Those of every operation.
    async fn info(&self) -> Result<StoreInfo, StoreError>;

    /// Describes the store as [`info`](Self::info) does, but counts the secrets, which takes as long as listing all. A
    /// secret that is created or destroyed during the count may be counted or not. The default implementation lists the
    /// secrets.
    ///
    /// # Errors
    /// Those of every operation.
    ///
    /// # Cancel safety
    /// The future may be dropped at any time.
    async fn exact_info(&self) -> Result<StoreInfo, StoreError> {
        let mut info = self.info().await?;
        let (mut query, mut number) = (ListQuery::all(), 0);
        while !info.secrets.exact {
            let page = self.list(&query).await?;
            number += page.secrets.len() as u64;
            match page.next {
                Some(next) => query = query.after(next),
                None => info.secrets = Count::exact(number),
            }
        }
        Ok(info)
    }

    /// Deletes the store and all its content. The operation is idempotent and resumable: calling it on a deleted store
    /// succeeds (decision C13).
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `deletable`.
    /// [`Incompatible`](StoreError::Incompatible), because data of another version is not deleted.
    async fn marked_for_delete(&self) -> Result<(), StoreError>;

    /// Lists the environments after `after`, at most `limit` in a page.
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `environments`.
    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        let _ = (after, limit);
        Err(StoreError::Unsupported { what: "environments" })
    }

    /// Reads an environment.
    ///
    /// # Errors
    /// [`EnvironmentNotFound`](StoreError::EnvironmentNotFound),
    /// [`Unsupported`](StoreError::Unsupported) without the capability `environments`.
    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        let _ = name;
        Err(StoreError::Unsupported { what: "environments" })
    }

    /// Adds an environment.
    ///
    /// # Errors
    /// [`EnvironmentExists`](StoreError::EnvironmentExists),
    /// [`Unsupported`](StoreError::Unsupported) without the capability `environments`.
    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        let _ = environment;
        Err(StoreError::Unsupported { what: "environments" })
    }

    /// Changes an environment.
    ///
    /// # Errors
    /// [`EnvironmentNotFound`](StoreError::EnvironmentNotFound),
    /// [`Unsupported`](StoreError::Unsupported) without the capability `environments`.
    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        let _ = (name, change);
        Err(StoreError::Unsupported { what: "environments" })
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::PluginMetadata;
    use keyway_seal::{Key, KeyRing};

    use super::OpenContext;
    use crate::StoreName;

    #[test]
    fn the_debugging_text_of_an_opening_shows_no_configuration() {
        let metadata = PluginMetadata::from_json(
            r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
                "compatibility": ">=:1.0,<:2.0",
                "plugin": {"name": "Vault", "type": "Secret", "description": "d"}}"#,
        )
        .unwrap();
        let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
        let context = OpenContext::new(StoreName::new("mine").unwrap(), metadata, keys)
            .with_configuration(serde_json::json!({ "password": "n33dle" }));
        assert!(!format!("{context:?}").contains("n33dle"));
    }
}
