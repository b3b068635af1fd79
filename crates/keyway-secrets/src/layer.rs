//! Wraps a store in another store.

use std::any::Any;
use std::fmt;
use std::ops::Deref;

use async_trait::async_trait;
use keyway_core::{Table, WrittenBy};
use keyway_seal::KeyRing;

use crate::{
    Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentName, EnvironmentPage,
    ListQuery, NewEnvironment, NewSecret, NewValue, RotationListener, Secret, SecretAddress, SecretChange,
    SecretHeader, SecretPage, SecretRevision, SecretStore, SecretWrite, StoreError, StoreInfo,
};

mod call;

pub use call::Call;

/// A layer around another store. It forwards every operation that it does not override.
///
/// Implement this trait instead of [`SecretStore`], and put the value into [`Layered`] to get a store. Operations that
/// the contract gains later are then forwarded, too. A wrapper that implements [`SecretStore`] directly would run the
/// contract's default bodies instead, which often return `Unsupported`.
///
/// * Override one operation to change it, and call the store below through [`inner`](Self::inner).
/// * Override [`around`](Self::around) to see, delay or refuse every operation in one place.
/// * Override [`capabilities`](Self::capabilities) if the layer offers less than the store below, or if the layer
///   itself blocks.
///
/// A layer must keep the promises of the contract: see "What holds for every operation" of [`SecretStore`]. A forwarded
/// operation has the errors, blocking and cancel safety of the store below.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use keyway_secrets::{Call, Layered, SecretStore, SecretStoreLayer, StoreError};
///
/// /// Counts the reads of single secrets.
/// #[derive(Debug)]
/// struct Counting {
///     inner: Arc<dyn SecretStore>,
///     reads: AtomicU32,
/// }
///
/// impl SecretStoreLayer for Counting {
///     type Inner = dyn SecretStore;
///
///     fn inner(&self) -> &Self::Inner {
///         &*self.inner
///     }
///
///     async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, StoreError>
///     where
///         T: Send + 'static,
///         F: Future<Output = Result<T, StoreError>> + Send,
///     {
///         if let Call::Get { .. } = call {
///             self.reads.fetch_add(1, Ordering::Relaxed);
///         }
///         next.await
///     }
/// }
///
/// fn counted(inner: Arc<dyn SecretStore>) -> Layered<Counting> {
///     Layered(Counting { inner, reads: AtomicU32::new(0) })
/// }
/// ```
pub trait SecretStoreLayer: fmt::Debug + Send + Sync {
    /// The store below: a type, or `dyn SecretStore`.
    type Inner: SecretStore + ?Sized;

    /// Returns the store below. Does not block.
    fn inner(&self) -> &Self::Inner;

    /// Runs `next`, and returns its result. `next` is the future of the layer's own method for the operation `call`.
    ///
    /// An override may await `next` or drop it. If it drops `next` before the first poll, the
    /// operation is not carried out. The result has one of the types that the contract's operations
    /// return; a layer that needs to inspect it can downcast it by [`Any`].
    ///
    /// # Errors
    /// Those of `next`.
    ///
    /// # Cancel safety
    /// That of the operation.
    fn around<T: Any + Send, F>(
        &self,
        call: Call<'_>,
        next: F,
    ) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let _ = call;
        next
    }

    /// Forwards [`SecretStore::capabilities`]. Does not block.
    fn capabilities(&self) -> Capabilities {
        self.inner().capabilities()
    }

    /// Forwards [`SecretStore::written_by`].
    ///
    /// # Errors
    /// Those of the store below.
    fn written_by(&self) -> impl Future<Output = Result<Option<WrittenBy>, StoreError>> + Send {
        async move { self.inner().written_by().await }
    }

    /// Forwards [`SecretStore::initialize`].
    ///
    /// # Errors
    /// Those of the store below.
    fn initialize(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move { self.inner().initialize().await }
    }

    /// Forwards [`SecretStore::rotate`].
    ///
    /// # Errors
    /// Those of the store below.
    fn rotate(
        &self,
        new: &KeyRing,
        listener: &dyn RotationListener,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move { self.inner().rotate(new, listener).await }
    }

    /// Forwards [`SecretStore::create`].
    ///
    /// # Errors
    /// Those of the store below.
    fn create(&self, secret: NewSecret) -> impl Future<Output = Result<SecretHeader, StoreError>> + Send {
        async move { self.inner().create(secret).await }
    }

    /// Forwards [`SecretStore::destroy`].
    ///
    /// # Errors
    /// Those of the store below.
    fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move { self.inner().destroy(address, expected).await }
    }

    /// Forwards [`SecretStore::get`].
    ///
    /// # Errors
    /// Those of the store below.
    fn get(&self, address: &SecretAddress) -> impl Future<Output = Result<Secret, StoreError>> + Send {
        async move { self.inner().get(address).await }
    }

    /// Forwards [`SecretStore::modify`].
    ///
    /// # Errors
    /// Those of the store below.
    fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> impl Future<Output = Result<SecretHeader, StoreError>> + Send {
        async move { self.inner().modify(address, change).await }
    }

    /// Forwards [`SecretStore::write_all`].
    ///
    /// # Errors
    /// Those of the store below.
    fn write_all(
        &self,
        writes: Vec<SecretWrite>,
    ) -> impl Future<Output = Result<Vec<SecretHeader>, StoreError>> + Send {
        async move { self.inner().write_all(writes).await }
    }

    /// Forwards [`SecretStore::list`].
    ///
    /// # Errors
    /// Those of the store below.
    fn list(&self, query: &ListQuery) -> impl Future<Output = Result<SecretPage, StoreError>> + Send {
        async move { self.inner().list(query).await }
    }

    /// Forwards [`SecretStore::configure`].
    ///
    /// # Errors
    /// Those of the store below.
    fn configure(&self, request: Configure) -> impl Future<Output = Result<Table, StoreError>> + Send {
        async move { self.inner().configure(request).await }
    }

    /// Forwards [`SecretStore::info`].
    ///
    /// # Errors
    /// Those of the store below.
    fn info(&self) -> impl Future<Output = Result<StoreInfo, StoreError>> + Send {
        async move { self.inner().info().await }
    }

    /// Forwards [`SecretStore::exact_info`].
    ///
    /// # Errors
    /// Those of the store below.
    fn exact_info(&self) -> impl Future<Output = Result<StoreInfo, StoreError>> + Send {
        async move { self.inner().exact_info().await }
    }

    /// Forwards [`SecretStore::marked_for_delete`].
    ///
    /// # Errors
    /// Those of the store below.
    fn marked_for_delete(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move { self.inner().marked_for_delete().await }
    }

    /// Forwards [`SecretStore::list_environments`].
    ///
    /// # Errors
    /// Those of the store below.
    fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> impl Future<Output = Result<EnvironmentPage, StoreError>> + Send {
        async move { self.inner().list_environments(after, limit).await }
    }

    /// Forwards [`SecretStore::retrieve_environment`].
    ///
    /// # Errors
    /// Those of the store below.
    fn retrieve_environment(
        &self,
        name: &EnvironmentName,
    ) -> impl Future<Output = Result<Environment, StoreError>> + Send {
        async move { self.inner().retrieve_environment(name).await }
    }

    /// Forwards [`SecretStore::create_environment`].
    ///
    /// # Errors
    /// Those of the store below.
    fn create_environment(
        &self,
        environment: NewEnvironment,
    ) -> impl Future<Output = Result<Environment, StoreError>> + Send {
        async move { self.inner().create_environment(environment).await }
    }

    /// Forwards [`SecretStore::modify_environment`].
    ///
    /// # Errors
    /// Those of the store below.
    fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> impl Future<Output = Result<Environment, StoreError>> + Send {
        async move { self.inner().modify_environment(name, change).await }
    }
}

/// A [`SecretStoreLayer`] as a [`SecretStore`].
///
/// The field holds the layer. The layer's own methods can be called on this type, too. If the layer and the contract
/// have a method of the same name, the contract's method is called.
#[derive(Clone, Debug)]
pub struct Layered<L>(pub L);

impl<L> Deref for Layered<L> {
    type Target = L;

    fn deref(&self) -> &L {
        &self.0
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: SecretStoreLayer> SecretStore for Layered<L> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        self.0.around(Call::WrittenBy, self.0.written_by()).await
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        self.0.around(Call::Initialize, self.0.initialize()).await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        self.0.around(Call::Rotate { new }, self.0.rotate(new, listener)).await
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let (address, kind) = (secret.address.clone(), secret.value.kind());
        self.0.around(Call::Create { address: &address, kind }, self.0.create(secret)).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        let condition = expected.clone();
        let call = Call::Destroy { address, expected: condition.as_ref() };
        self.0.around(call, self.0.destroy(address, expected)).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.0.around(Call::Get { address }, self.0.get(address)).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        let (kind, describes) = (change.value.as_ref().map(NewValue::kind), change.description.is_some());
        let condition = change.expected.clone();
        let call = Call::Modify { address, kind, describes, expected: condition.as_ref() };
        self.0.around(call, self.0.modify(address, change)).await
    }

    async fn write_all(&self, writes: Vec<SecretWrite>) -> Result<Vec<SecretHeader>, StoreError> {
        self.0.around(Call::WriteAll { writes: writes.len() }, self.0.write_all(writes)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.0.around(Call::List { query }, self.0.list(query)).await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        let written = match &request {
            Configure::Read => None,
            Configure::Write(settings) => Some(settings.len()),
        };
        self.0.around(Call::Configure { written }, self.0.configure(request)).await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.0.around(Call::Info, self.0.info()).await
    }

    async fn exact_info(&self) -> Result<StoreInfo, StoreError> {
        self.0.around(Call::ExactInfo, self.0.exact_info()).await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        self.0.around(Call::MarkedForDelete, self.0.marked_for_delete()).await
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        let call = Call::ListEnvironments { after, limit };
        self.0.around(call, self.0.list_environments(after, limit)).await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        self.0.around(Call::RetrieveEnvironment { name }, self.0.retrieve_environment(name)).await
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        let name = environment.name.clone();
        self.0.around(Call::CreateEnvironment { name: &name }, self.0.create_environment(environment)).await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        self.0.around(Call::ModifyEnvironment { name }, self.0.modify_environment(name, change)).await
    }
}

#[cfg(test)]
mod tests;
