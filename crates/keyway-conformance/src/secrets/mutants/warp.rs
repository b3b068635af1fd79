//! How a mutant is made: the reference store, with some of its operations replaced.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use keyway_core::{SecretValue, Table, WrittenBy};
use keyway_seal::KeyRing;
use keyway_secrets::{
    Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentName, EnvironmentPage,
    ListQuery, NewEnvironment, NewSecret, OpenContext, RotationListener, Secret, SecretAddress, SecretChange,
    SecretHeader, SecretPage, SecretRevision, SecretStore, SecretStorePlugin, StoreError, StoreInfo,
};
use serde_json::Value;

use super::client::Twist;
use crate::secrets::reference::{Habits, ReferencePlugin, ReferenceStore};

/// A mutant: its name, and what is broken in it.
pub(super) struct Mutant {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) plugin: &'static MutantPlugin,
    /// What is broken in the client over it, where the store is sound.
    pub(super) client: Option<&'static dyn Twist>,
}

/// Lists the mutants of a file as `MUTANTS`: type, what it is made of, and what it does.
macro_rules! mutants {
    ($($type:ident of $habits:ident $what:literal;)+) => {
        $(#[derive(Debug)] struct $type;)+
        pub(super) static MUTANTS: &[crate::secrets::mutants::warp::Mutant] = &[
            $(crate::secrets::mutants::warp::Mutant {
                name: stringify!($type),
                what: $what,
                plugin: {
                    static PLUGIN: crate::secrets::mutants::warp::MutantPlugin =
                        crate::secrets::mutants::warp::MutantPlugin {
                            habits: crate::secrets::reference::Habits::$habits,
                            warp: &$type,
                        };
                    &PLUGIN
                },
                client: None,
            }),+
        ];
    };
}
pub(super) use mutants;

/// The plugin of a mutant.
#[derive(Debug)]
pub(super) struct MutantPlugin {
    pub(super) habits: Habits,
    pub(super) warp: &'static dyn Warp,
}

impl SecretStorePlugin for MutantPlugin {
    fn check_configuration(&self, configuration: &Value) -> Result<(), StoreError> {
        self.warp.check_configuration(configuration)
    }

    fn open(&self, context: &OpenContext) -> Result<Arc<dyn SecretStore>, StoreError> {
        self.check_configuration(&context.configuration)?;
        let mut store = ReferenceStore::new(self.habits, context)?;
        self.warp.opened(&mut store);
        Ok(Arc::new(Warped { store, warp: self.warp, notes: Notes::default() }))
    }
}

/// What a handle of a mutant remembers.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) flag: AtomicBool,
    pub(super) values: Mutex<BTreeMap<SecretAddress, Option<SecretValue>>>,
    pub(super) settings: Mutex<Option<Table>>,
}

impl Notes {
    pub(super) fn values(&self) -> MutexGuard<'_, BTreeMap<SecretAddress, Option<SecretValue>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Option<Table>> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle of a mutant.
pub(super) struct Warped {
    pub(super) store: ReferenceStore,
    pub(super) notes: Notes,
    warp: &'static dyn Warp,
}

impl fmt::Debug for Warped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.warp.debug(self, f)
    }
}

/// What is broken. Everything that a mutant does not replace is the reference store's.
#[async_trait]
pub(super) trait Warp: fmt::Debug + Send + Sync {
    fn check_configuration(&self, configuration: &Value) -> Result<(), StoreError> {
        ReferencePlugin(Habits::FULL).check_configuration(configuration)
    }

    fn opened(&self, store: &mut ReferenceStore) {
        let _ = store;
    }

    fn debug(&self, it: &Warped, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&it.store, f)
    }

    fn capabilities(&self, it: &Warped) -> Capabilities {
        it.store.capabilities()
    }

    async fn initialize(&self, it: &Warped) -> Result<(), StoreError> {
        it.store.initialize().await
    }

    async fn rotate(
        &self,
        it: &Warped,
        new: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<(), StoreError> {
        it.store.rotate(new, listener).await
    }

    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        it.store.create(secret).await
    }

    async fn destroy(
        &self,
        it: &Warped,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        it.store.destroy(address, expected).await
    }

    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        it.store.get(address).await
    }

    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        it.store.modify(address, change).await
    }

    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        it.store.list(query).await
    }

    async fn configure(&self, it: &Warped, request: Configure) -> Result<Table, StoreError> {
        it.store.configure(request).await
    }

    async fn info(&self, it: &Warped) -> Result<StoreInfo, StoreError> {
        it.store.info().await
    }

    async fn marked_for_delete(&self, it: &Warped) -> Result<(), StoreError> {
        it.store.marked_for_delete().await
    }

    async fn list_environments(
        &self,
        it: &Warped,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        it.store.list_environments(after, limit).await
    }

    async fn create_environment(&self, it: &Warped, new: NewEnvironment) -> Result<Environment, StoreError> {
        it.store.create_environment(new).await
    }

    async fn modify_environment(
        &self,
        it: &Warped,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        it.store.modify_environment(name, change).await
    }

    async fn retrieve_environment(
        &self,
        it: &Warped,
        name: &EnvironmentName,
    ) -> Result<Environment, StoreError> {
        it.store.retrieve_environment(name).await
    }
}

#[async_trait]
impl SecretStore for Warped {
    fn capabilities(&self) -> Capabilities {
        self.warp.capabilities(self)
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        self.store.written_by().await
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        self.warp.initialize(self).await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        self.warp.rotate(self, new, listener).await
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        self.warp.create(self, secret).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        self.warp.destroy(self, address, expected).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.warp.get(self, address).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        self.warp.modify(self, address, change).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.warp.list(self, query).await
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        self.warp.configure(self, request).await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.warp.info(self).await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        self.warp.marked_for_delete(self).await
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        self.warp.list_environments(self, after, limit).await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        self.warp.retrieve_environment(self, name).await
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        self.warp.create_environment(self, environment).await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        self.warp.modify_environment(self, name, change).await
    }
}
