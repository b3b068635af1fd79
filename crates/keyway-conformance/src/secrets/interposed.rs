//! A store in front of another store.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use keyway_core::{Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentName, EnvironmentPage,
    ListQuery, NewEnvironment, NewSecret, RotationListener, Secret, SecretAddress, SecretChange,
    SecretHeader, SecretPage, SecretRevision, SecretStore, StoreError, StoreInfo,
};

/// What is asked of a store, as far as who stands in front of it may know. It never holds a value.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Call<'a> {
    /// [`SecretStore::written_by`].
    WrittenBy,
    /// [`SecretStore::initialize`].
    Initialize,
    /// [`SecretStore::rotate`].
    Rotate,
    /// [`SecretStore::create`].
    Create(&'a SecretAddress),
    /// [`SecretStore::destroy`].
    Destroy(&'a SecretAddress),
    /// [`SecretStore::get`].
    Get(&'a SecretAddress),
    /// [`SecretStore::modify`].
    Modify(&'a SecretAddress),
    /// [`SecretStore::list`].
    List(&'a ListQuery),
    /// [`SecretStore::configure`].
    Configure,
    /// [`SecretStore::info`].
    Info,
    /// [`SecretStore::marked_for_delete`].
    MarkedForDelete,
    /// [`SecretStore::list_environments`].
    ListEnvironments,
    /// [`SecretStore::retrieve_environment`].
    RetrieveEnvironment(&'a EnvironmentName),
    /// [`SecretStore::create_environment`].
    CreateEnvironment(&'a EnvironmentName),
    /// [`SecretStore::modify_environment`].
    ModifyEnvironment(&'a EnvironmentName),
}

/// What stands in front of a store: it sees every call, and may count it, delay it, or fail it.
#[async_trait]
pub trait Interposition: fmt::Debug + Send + Sync {
    /// Is asked before the store is. To make the store late or hang, it waits.
    ///
    /// # Errors
    /// What the caller gets in place of the store's answer; the store is not asked then.
    ///
    /// # Cancel safety
    /// It is dropped with the call that it precedes.
    async fn before(&self, call: Call<'_>) -> Result<(), StoreError>;

    /// How many entries a page may have of which a caller asked for `limit`: a store may always
    /// give fewer.
    fn page_limit(&self, limit: usize) -> usize {
        limit
    }

    /// A page of secrets on its way from the store to the caller.
    fn listed(&self, page: SecretPage) -> SecretPage {
        page
    }
}

/// A store with an [`Interposition`] in front of it; for tests of what uses stores. It
/// dereferences to the interposition.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use keyway_conformance::secrets::{Call, Interposed, Interposition};
/// use keyway_secrets::{SecretStore, StoreError, async_trait};
///
/// /// Counts the reads of single secrets.
/// #[derive(Debug, Default)]
/// struct Reads(AtomicU32);
///
/// #[async_trait]
/// impl Interposition for Reads {
///     async fn before(&self, call: Call<'_>) -> Result<(), StoreError> {
///         if let Call::Get(_) = call {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///         Ok(())
///     }
/// }
///
/// fn counted(store: Arc<dyn SecretStore>) -> Arc<Interposed<Reads>> {
///     Arc::new(Interposed::new(store, Reads::default()))
/// }
/// ```
#[derive(Debug)]
pub struct Interposed<I> {
    store: Arc<dyn SecretStore>,
    interposition: I,
}

impl<I: Interposition> Interposed<I> {
    /// Puts an interposition in front of a store.
    pub fn new(store: Arc<dyn SecretStore>, interposition: I) -> Self {
        Self { store, interposition }
    }
}

impl<I> Deref for Interposed<I> {
    type Target = I;

    fn deref(&self) -> &I {
        &self.interposition
    }
}

#[async_trait]
impl<I: Interposition> SecretStore for Interposed<I> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        self.before(Call::WrittenBy).await?;
        self.store.written_by().await
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        self.before(Call::Initialize).await?;
        self.store.initialize().await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        self.before(Call::Rotate).await?;
        self.store.rotate(new, listener).await
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        self.before(Call::Create(&secret.address)).await?;
        self.store.create(secret).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        self.before(Call::Destroy(address)).await?;
        self.store.destroy(address, expected).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.before(Call::Get(address)).await?;
        self.store.get(address).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        self.before(Call::Modify(address)).await?;
        self.store.modify(address, change).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.before(Call::List(query)).await?;
        let page = self.store.list(&query.clone().limit(self.page_limit(query.limit))).await?;
        Ok(self.listed(page))
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        self.before(Call::Configure).await?;
        self.store.configure(request).await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.before(Call::Info).await?;
        self.store.info().await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        self.before(Call::MarkedForDelete).await?;
        self.store.marked_for_delete().await
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        self.before(Call::ListEnvironments).await?;
        self.store.list_environments(after, self.page_limit(limit)).await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        self.before(Call::RetrieveEnvironment(name)).await?;
        self.store.retrieve_environment(name).await
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        self.before(Call::CreateEnvironment(&environment.name)).await?;
        self.store.create_environment(environment).await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        self.before(Call::ModifyEnvironment(name)).await?;
        self.store.modify_environment(name, change).await
    }
}
