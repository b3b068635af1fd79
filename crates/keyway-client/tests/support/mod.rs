//! Provides stores for the tests of the client.
#![allow(dead_code, missing_docs, unreachable_pub)] // Each test file uses a part of it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use keyway_generic::GenericPlugin;
use keyway_secrets::core::{PluginMetadata, Resources};
use keyway_secrets::seal::{Key, KeyRing};
use keyway_secrets::{
    Call, Layered, ListQuery, OpenContext, SecretPage, SecretStore, SecretStoreLayer, SecretStorePlugin,
    StoreError, StoreName,
};
use keyway_storage::{Memory, Storage};
use tokio::runtime::Builder;

/// Makes a store of the plugin `generic` in memory.
pub async fn store() -> Arc<dyn SecretStore> {
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let store = store_on(&(Arc::new(Memory::new()) as Arc<dyn Storage>), keys);
    store.initialize().await.unwrap();
    store
}

/// Opens a handle to a store of the plugin `generic`.
pub fn store_on(storage: &Arc<dyn Storage>, keys: KeyRing) -> Arc<dyn SecretStore> {
    let metadata = PluginMetadata::from_json(
        r#"{"version": "1.0.0", "author": "A <a@example.org>", "updated": 20261121,
            "compatibility": ">=:1.0,<:2.0",
            "plugin": {"name": "Keyway Generic", "type": "Secret", "description": "d"}}"#,
    )
    .unwrap();
    let opening = OpenContext::new(StoreName::new("s").unwrap(), metadata, keys)
        .with_resources(Resources::new().with(Arc::clone(storage)));
    GenericPlugin.open(&opening).unwrap()
}

pub fn wait<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// The action of a [`Spy`] instead of the next read of a single secret.
pub enum Trick {
    /// Returns this error.
    Fail(StoreError),
    /// Never answers.
    Hang,
    /// Panics, as a plugin without a guard may.
    Panic,
}

/// Counts reads, and makes the store fail and hang.
pub struct Tricks {
    inner: Arc<dyn SecretStore>,
    pub reads: AtomicU32,
    pub pages: AtomicU32,
    /// Whether lists omit the values.
    pub forgets_values: AtomicBool,
    next: Mutex<Option<Trick>>,
}

/// A store that counts reads, and can fail or hang on request.
pub type Spy = Layered<Tricks>;

pub async fn spy() -> Arc<Spy> {
    Arc::new(Layered(Tricks {
        inner: store().await,
        reads: AtomicU32::new(0),
        pages: AtomicU32::new(0),
        forgets_values: AtomicBool::new(false),
        next: Mutex::default(),
    }))
}

impl Tricks {
    pub fn next(&self, trick: Trick) {
        *self.next.lock().unwrap() = Some(trick);
    }

    async fn play(&self) -> Result<(), StoreError> {
        let trick = self.next.lock().unwrap().take();
        match trick {
            Some(Trick::Fail(error)) => Err(error),
            Some(Trick::Hang) => std::future::pending().await,
            Some(Trick::Panic) => panic!("a store that panics, as the test wants"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Tricks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tricks")
    }
}

impl SecretStoreLayer for Tricks {
    type Inner = dyn SecretStore;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        match call {
            Call::Get { .. } => {
                self.reads.fetch_add(1, Ordering::Relaxed);
                self.play().await?;
            }
            Call::Create { .. } | Call::Modify { .. } | Call::WriteAll { .. } => self.play().await?,
            Call::List { .. } => {
                self.pages.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        next.await
    }

    async fn list(&self, query: &ListQuery) -> Result<SecretPage, StoreError> {
        let mut page = self.inner.list(query).await?;
        if self.forgets_values.load(Ordering::Relaxed) {
            page.secrets.iter_mut().for_each(|listed| listed.value = None);
        }
        Ok(page)
    }
}
