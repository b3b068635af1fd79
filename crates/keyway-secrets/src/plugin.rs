//! The contract: a plugin that opens stores, and a store with its ten operations.

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

/// A plugin for secret stores: what `register!` puts into the registry.
pub trait SecretStorePlugin: fmt::Debug + Send + Sync {
    /// Checks a configuration without opening anything. It does no I/O and does not
    /// block. As long as a plugin does not say otherwise, it has no configuration, and an
    /// empty one is all that is accepted.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) says which key is wrong and what was expected.
    fn check_configuration(&self, configuration: &Json) -> Result<(), StoreError> {
        keyway_core::read_configuration::<NoConfiguration>(configuration)
            .map(drop)
            .map_err(|error| StoreError::invalid("the configuration of the plugin", error.to_string()))
    }

    /// Makes a handle to a store. It does no I/O, does not block, and succeeds whether
    /// or not the store exists: that shows in the first operation.
    ///
    /// # Errors
    /// As [`check_configuration`](Self::check_configuration), and
    /// [`MissingResource`](StoreError::MissingResource) when the host did not lend what
    /// the plugin needs.
    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError>;
}

/// What a host gives a plugin to open a store with.
#[non_exhaustive]
pub struct OpenContext {
    /// The name of the store.
    pub store: StoreName,
    /// The metadata under which the plugin is registered.
    pub metadata: PluginMetadata,
    /// The keys: the first seals, all open.
    pub keys: KeyRing,
    /// The plugin's configuration.
    pub configuration: Json,
    /// What the host lends.
    pub resources: Resources,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for OpenContext {
    /// Leaves the configuration out: it may hold a password.
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
    /// A context with an empty configuration, nothing lent, and the system's clock.
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

    /// Sets what the host lends.
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

/// What is asked of [`SecretStore::configure`].
#[derive(Clone, Debug)]
pub enum Configure {
    /// Read the settings.
    Read,
    /// Replace the settings.
    Write(Table),
}

/// A secret store: the ten operations of the Convection seed ("Functions / Methods") and,
/// behind capabilities, the four environment operations of the Locker seed and a bulk write.
///
/// A store is used through `&self` by many callers at once. It is written either record
/// by record, by implementing this trait, or as a whole document, by implementing
/// [`DocumentHooks`](crate::DocumentHooks) and using
/// [`DocumentStore`](crate::DocumentStore).
///
/// # What holds for every operation
/// * On a store that was not initialized it answers
///   [`NotInitialized`](StoreError::NotInitialized), after `marked_for_delete`
///   [`Deleted`](StoreError::Deleted).
/// * Data that another plugin or an unfit version wrote is refused with
///   [`Incompatible`](StoreError::Incompatible) before anything is read or written
///   (decision C4), damaged data with [`Corrupt`](StoreError::Corrupt), data under other
///   keys with [`WrongKey`](StoreError::WrongKey).
/// * Without the capability for an operation it answers [`Unsupported`](StoreError::Unsupported) and changes
///   nothing (decision C16).
/// * It either takes effect as a whole, durably, before it answers `Ok`, or not at all
///   (decision C6). A write that lost a race is an error, never a lost update.
/// * Cancel safety: a dropped future leaves the store whole. Whether a write that was
///   under way took effect is not known; read to find out.
/// * It blocks the thread only if [`Capabilities::blocking`] is declared.
#[async_trait]
pub trait SecretStore: fmt::Debug + Send + Sync {
    /// What the store can do. The same for the life of the handle; does not block.
    fn capabilities(&self) -> Capabilities;

    /// Who wrote the data last; `None` if there is none. A host asks this first on every
    /// open, and checks the answer (decision C4).
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `tracks_writer`.
    /// [`Deleted`](StoreError::Deleted), [`WrongKey`](StoreError::WrongKey),
    /// [`Corrupt`](StoreError::Corrupt); never `Incompatible`.
    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError>;

    /// Makes the store. It never overwrites.
    ///
    /// # Errors
    /// [`AlreadyInitialized`](StoreError::AlreadyInitialized).
    async fn initialize(&self) -> Result<(), StoreError>;

    /// Moves everything to the keys `new` (decision C7). Afterwards everything reads
    /// with `new` alone. Reads and writes through this handle go on meanwhile, and
    /// writes already use the new keys.
    ///
    /// It is resumable: after a crash or a dropped future, open the store with a ring
    /// that holds the new and the old keys, and call it again with the same `new`.
    /// Calling it once more when it is done changes nothing that a reader sees.
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `rotates`.
    /// [`WrongKey`](StoreError::WrongKey) when a record opens with neither the handle's
    /// keys nor `new`.
    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError>;

    /// Adds a secret; answers its header, and not the value, even if the store has made it:
    /// [`get`](Self::get) gives that, as for any secret.
    ///
    /// A value that the store makes uses the settings that are in force when the secret is
    /// stored, whichever handle has set them, and from the first one on (decision C11).
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) for a value that the store shall make, without
    /// the capability `generates_values`; [`Invalid`](StoreError::Invalid) for a recipe that it
    /// cannot follow, before anything is stored.
    /// [`SecretExists`](StoreError::SecretExists),
    /// [`EnvironmentNotFound`](StoreError::EnvironmentNotFound),
    /// [`UnsupportedValue`](StoreError::UnsupportedValue),
    /// [`InvalidName`](StoreError::InvalidName), [`TooLarge`](StoreError::TooLarge).
    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError>;

    /// Removes a secret; with `expected` only if it still has that
    /// [revision](SecretHeader::revision).
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

    /// Reads a secret at exactly this address: no fall back to another layer. Without the capability
    /// [`immediate`](Capabilities::immediate), what another handle wrote may show only after the declared bound;
    /// what this handle wrote shows at once. That holds for lists too.
    ///
    /// # Errors
    /// [`SecretNotFound`](StoreError::SecretNotFound),
    /// [`EnvironmentNotFound`](StoreError::EnvironmentNotFound).
    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError>;

    /// Changes a secret that exists; answers its new header. It never creates, and never
    /// changes a secret of another layer (decision L4). A value that the store shall make is
    /// made anew, as in [`create`](Self::create), and replaces the old one.
    ///
    /// # Errors
    /// As [`create`](Self::create) for a value that the store shall make;
    /// [`SecretNotFound`](StoreError::SecretNotFound),
    /// [`EnvironmentNotFound`](StoreError::EnvironmentNotFound),
    /// [`VersionConflict`](StoreError::VersionConflict),
    /// [`UnsupportedValue`](StoreError::UnsupportedValue).
    async fn modify(&self, address: &SecretAddress, change: SecretChange)
    -> Result<SecretHeader, StoreError>;

    /// Creates and changes many secrets in one commit: all of them or none. Answers the headers in the order of
    /// the writes. Each write is as [`create`](Self::create) and [`modify`](Self::modify) do it; no two of them are to one
    /// address. A batch of nothing does nothing. [`SecretWrite::batches`] makes batches that fit.
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `bulk`; [`Invalid`](StoreError::Invalid) and
    /// [`TooLarge`](StoreError::TooLarge) for a batch that passes its limits. The refusal of one write is
    /// [`InBatch`](StoreError::InBatch), which names it. Before anything is written, in each case.
    ///
    /// # Cancel safety
    /// A dropped future wrote all of them or none.
    async fn write_all(&self, writes: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        let _ = writes;
        Err(StoreError::Unsupported { what: "bulk writes" })
    }

    /// Lists secrets, a page at a time. Pages are stable while other callers write: what
    /// is there from the first page to the last is in exactly one of them.
    ///
    /// # Errors
    /// [`EnvironmentNotFound`](StoreError::EnvironmentNotFound),
    /// [`Invalid`](StoreError::Invalid) for a cursor that is not this store's.
    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError>;

    /// Reads or replaces the settings of the store; answers those now in force, which
    /// they are at once and after a restart (decision C10).
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `configures`.
    /// [`Invalid`](StoreError::Invalid) says which setting is wrong; nothing is stored.
    async fn configure(&self, request: Configure) -> Result<Table, StoreError>;

    /// What the store says about itself (decision C12). It is quick, however many secrets there are: where
    /// counting them is not, their number is estimated, and says so.
    ///
    /// # Errors
    /// Those of every operation.
    async fn info(&self) -> Result<StoreInfo, StoreError>;

    /// As [`info`](Self::info), with the secrets counted, which takes as long as a list of all. A secret that
    /// others create or destroy meanwhile may be counted or not. Unless a store does otherwise, they are listed.
    ///
    /// # Errors
    /// Those of every operation.
    ///
    /// # Cancel safety
    /// May be dropped at any time.
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

    /// Deletes the store and all that is in it (decision C13). Idempotent and resumable:
    /// calling it on what is gone already succeeds.
    ///
    /// # Errors
    /// [`Unsupported`](StoreError::Unsupported) without the capability `deletable`.
    /// [`Incompatible`](StoreError::Incompatible): another version's data is not deleted.
    async fn marked_for_delete(&self) -> Result<(), StoreError>;

    /// Lists environments, a page of at most `limit` at a time, after `after`.
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
