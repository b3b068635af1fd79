//! The store that the host hands out. Its plugin is guarded, and each step of its life is stored before it is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyway_core::PluginMetadata;
use keyway_seal::KeyRing;
use keyway_secrets::{
    Call, Layered, Progress, RotationListener, SecretStore, SecretStoreLayer, StoreError, StoreName,
};
use tokio::sync::watch;

use super::engine::Stores;
use super::error::StoresError;
use super::guard::GuardedStore;
use super::machine::{Event, Phase, StoreState, TransitionError};
use super::workflow::Live;

/// A store that is listed with a [`Stores`] engine. Use it as a [`SecretStore`]. Its additional methods are those of
/// [`HostedLayer`].
///
/// Its plugin is behind a [`GuardedStore`]. A change of the whole store (rotation, deletion) is stored before the
/// plugin is asked, so that it can be finished after a crash.
///
/// # Cancel safety
/// That of [`SecretStore`]. The work of a dropped `rotate` or `marked_for_delete` stays recorded, and the
/// [host](crate::Host::run) or another call resumes it.
pub type HostedStore = Layered<HostedLayer>;

/// The layer that a [`HostedStore`] puts over its [`GuardedStore`].
#[derive(Debug)]
pub struct HostedLayer {
    stores: Stores,
    name: StoreName,
    guarded: Arc<GuardedStore>,
    /// Whether the store was deleted through this handle. The plugin's handle may not know of the deletion, because
    /// another host may have deleted the store, and a new store of the same name may exist.
    deleted: AtomicBool,
}

impl HostedLayer {
    pub(super) fn new(stores: &Stores, name: &StoreName, guarded: Arc<GuardedStore>) -> HostedStore {
        let (stores, name) = (stores.clone(), name.clone());
        Layered(Self { stores, name, guarded, deleted: AtomicBool::new(false) })
    }

    /// Returns the name of the store.
    pub fn name(&self) -> &StoreName {
        &self.name
    }

    /// Returns the metadata of the plugin that runs the store.
    pub fn metadata(&self) -> PluginMetadata {
        self.guarded.metadata()
    }

    /// Returns the phase of the store, and the keys that it needs.
    ///
    /// # Errors
    /// [`StoresError::Record`], and [`TransitionError::NoStore`] after the deletion of the store.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn state(&self) -> Result<StoreState, StoresError> {
        let entry = self.stores.entry(&self.name).await?;
        entry.and_then(|entry| entry.state).ok_or_else(|| TransitionError::NoStore.of(&self.name))
    }

    async fn move_to(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoresError> {
        let entry =
            self.stores.entry(&self.name).await?.ok_or_else(|| TransitionError::NoStore.of(&self.name))?;
        let event = Event::Rotate { now: self.stores.worker.clock.now(), new_keys: new.ids().collect() };
        let (sender, mut progress) = watch::channel(Progress { done: 0, total: 0 });
        let live = Live { new: Some(new.clone()), progress: Some(sender), ..Live::new(&self.guarded) };
        let rotation = async move { self.stores.submit(entry, event, &live).await };
        // The loop ends when the rotation has dropped the sender.
        let telling = async {
            while progress.changed().await.is_ok() {
                let latest = *progress.borrow_and_update();
                listener.progressed(latest);
            }
        };
        tokio::join!(rotation, telling).0
    }

    async fn delete(&self) -> Result<(), StoresError> {
        let entry = self.stores.entry(&self.name).await?;
        let phase = entry.as_ref().and_then(|entry| entry.state.as_ref()).map(|state| state.phase);
        // Data of another version must not be deleted, so the check comes before the deletion is
        // stored (decision C13).
        match self.guarded.check_written_by().await {
            // A deletion was stored before and has not ended, so it continues.
            Err(StoreError::Deleted) if phase == Some(Phase::Deleting) => {}
            // Another host has finished the deletion.
            Err(StoreError::Deleted) => return Ok(()),
            checked => drop(checked?),
        }
        let event = Event::Delete { now: self.stores.worker.clock.now() };
        self.stores
            .submit(
                entry.ok_or_else(|| TransitionError::NoStore.of(&self.name))?,
                event,
                &Live::new(&self.guarded),
            )
            .await
    }
}

impl SecretStoreLayer for HostedLayer {
    type Inner = GuardedStore;

    fn inner(&self) -> &GuardedStore {
        &self.guarded
    }

    async fn around<T, F>(&self, call: Call<'_>, next: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        if self.deleted.load(Ordering::Relaxed) && !matches!(call, Call::MarkedForDelete) {
            return Err(StoreError::Deleted);
        }
        next.await
    }

    async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> Result<(), StoreError> {
        if !self.guarded.capabilities().rotates {
            return self.guarded.rotate(new, listener).await;
        }
        self.move_to(new, listener).await.map_err(StoresError::into_store_error)
    }

    async fn marked_for_delete(&self) -> Result<(), StoreError> {
        if self.deleted.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !self.guarded.capabilities().deletable {
            return self.guarded.marked_for_delete().await;
        }
        self.delete().await.map_err(StoresError::into_store_error)?;
        self.deleted.store(true, Ordering::Relaxed);
        Ok(())
    }
}
