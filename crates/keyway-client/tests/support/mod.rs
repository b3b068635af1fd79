//! What the tests share: stores to put a client on.
#![allow(dead_code, missing_docs, unreachable_pub)] // Each test file uses a part of it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use keyway_generic::GenericPlugin;
use keyway_secrets::core::{PluginMetadata, Resources, Table, WrittenBy};
use keyway_secrets::seal::{Key, KeyRing};
use keyway_secrets::{
    Capabilities, Configure, Cursor, Environment, EnvironmentChange, EnvironmentName, EnvironmentPage,
    ListQuery, NewEnvironment, NewSecret, Opening, RotationListener, Secret, SecretAddress, SecretChange,
    SecretHeader, SecretPage, SecretStore, SecretStorePlugin, SecretVersion, StoreError, StoreInfo,
    StoreName, async_trait,
};
use keyway_storage::{Memory, Storage};
use tokio::runtime::Builder;

/// A store of the plugin `generic` in memory.
pub async fn store() -> Arc<dyn SecretStore> {
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let store = store_on(&(Arc::new(Memory::new()) as Arc<dyn Storage>), keys);
    store.initialize().await.unwrap();
    store
}

/// A handle to a store of the plugin `generic`.
pub fn store_on(storage: &Arc<dyn Storage>, keys: KeyRing) -> Arc<dyn SecretStore> {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "Keyway Generic", "type": "Secret", "description": "d"}}"#,
    )
    .unwrap();
    let opening = Opening::new(StoreName::new("s").unwrap(), metadata, keys)
        .with_resources(Resources::new().with(Arc::clone(storage)));
    GenericPlugin.open(&opening).unwrap()
}

pub fn wait<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// What a [`Spy`] does in the place of the next read of a single secret.
pub enum Trick {
    /// Answers this.
    Fail(StoreError),
    /// Never answers.
    Hang,
    /// Panics, as a plugin without a guard may.
    Panic,
}

/// A store that counts reads, and can fail and hang.
pub struct Spy {
    store: Arc<dyn SecretStore>,
    pub reads: AtomicU32,
    pub pages: AtomicU32,
    /// Lists leave values out.
    pub forgets_values: AtomicBool,
    pub trick: Mutex<Option<Trick>>,
}

impl Spy {
    pub async fn new() -> Arc<Self> {
        Arc::new(Self {
            store: store().await,
            reads: AtomicU32::new(0),
            pages: AtomicU32::new(0),
            forgets_values: AtomicBool::new(false),
            trick: Mutex::new(None),
        })
    }

    pub fn next(&self, trick: Trick) {
        *self.trick.lock().unwrap() = Some(trick);
    }

    async fn play(&self) -> Result<(), StoreError> {
        let trick = self.trick.lock().unwrap().take();
        match trick {
            Some(Trick::Fail(error)) => Err(error),
            Some(Trick::Hang) => std::future::pending().await,
            Some(Trick::Panic) => panic!("a store that panics, as the test wants"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Spy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spy")
    }
}

#[async_trait]
impl SecretStore for Spy {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn written_by(&self) -> Result<Option<WrittenBy>, StoreError> {
        self.store.written_by().await
    }

    async fn initialize(&self) -> Result<(), StoreError> {
        self.store.initialize().await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        self.store.rotate(new, listener).await
    }

    async fn create(&self, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        self.play().await?;
        self.store.create(secret).await
    }

    async fn destroy(
        &self,
        address: &SecretAddress,
        expected: Option<SecretVersion>,
    ) -> Result<(), StoreError> {
        self.store.destroy(address, expected).await
    }

    async fn get(&self, address: &SecretAddress) -> Result<Secret, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.play().await?;
        self.store.get(address).await
    }

    async fn modify(
        &self,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        self.play().await?;
        self.store.modify(address, change).await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        let mut page = self.store.list(query).await?;
        if self.forgets_values.load(Ordering::Relaxed) {
            page.secrets.iter_mut().for_each(|listed| listed.value = None);
        }
        Ok(page)
    }

    async fn configure(&self, request: Configure) -> Result<Table, StoreError> {
        self.store.configure(request).await
    }

    async fn info(&self) -> Result<StoreInfo, StoreError> {
        self.store.info().await
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        self.store.marked_for_delete().await
    }

    async fn list_environments(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<EnvironmentPage, StoreError> {
        self.store.list_environments(after, limit).await
    }

    async fn retrieve_environment(&self, name: &EnvironmentName) -> Result<Environment, StoreError> {
        self.store.retrieve_environment(name).await
    }

    async fn create_environment(&self, environment: NewEnvironment) -> Result<Environment, StoreError> {
        self.store.create_environment(environment).await
    }

    async fn modify_environment(
        &self,
        name: &EnvironmentName,
        change: EnvironmentChange,
    ) -> Result<Environment, StoreError> {
        self.store.modify_environment(name, change).await
    }
}
