//! Mutants in keys and rotation.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use keyway_seal::KeyRing;
use keyway_secrets::{Progress, RotationListener, Secret, SecretAddress, SecretStore, StoreError};

use super::lifecycle::marked;
use super::warp::{Warp, Warped, mutants};
use crate::secrets::lent_storage::let_others_run;
use crate::secrets::reference::ReferenceStore;

mutants! {
    FirstKeyOnly of FULL "uses the first key of a ring only";
    RotatesNothing of FULL "says that it has rotated, and has not";
    RotatesOnce of FULL "refuses a rotation to the keys that it has";
    SilentRotation of FULL "tells nobody how far a rotation has come";
    RotationNeverResumes of FULL "does not go on with a rotation that did not end";
    RotationShutsOut of FULL "refuses to read while it rotates";
}

#[async_trait]
impl Warp for FirstKeyOnly {
    fn opened(&self, store: &mut ReferenceStore) {
        store.set_keys(store.keys().only_primary());
    }
}

#[async_trait]
impl Warp for RotatesNothing {
    async fn rotate(
        &self,
        it: &Warped,
        _: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<(), StoreError> {
        it.store.load().await?;
        listener.progressed(Progress { done: 0, total: 0 });
        Ok(())
    }
}

#[async_trait]
impl Warp for RotatesOnce {
    async fn rotate(
        &self,
        it: &Warped,
        new: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<(), StoreError> {
        if it.store.keys().ids().eq(new.ids()) {
            return Err(StoreError::invalid("the ring", "the store has these keys already"));
        }
        it.store.rotate(new, listener).await
    }
}

#[async_trait]
impl Warp for SilentRotation {
    async fn rotate(&self, it: &Warped, new: &KeyRing, _: &dyn RotationListener) -> Result<(), StoreError> {
        it.store.rotate(new, &|_: Progress| ()).await
    }
}

#[async_trait]
impl Warp for RotationNeverResumes {
    async fn rotate(
        &self,
        it: &Warped,
        new: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<(), StoreError> {
        it.store.load().await?;
        marked(it, it.store.rotate(new, listener)).await
    }
}

/// Sets a flag for as long as it lives.
struct While<'a>(&'a AtomicBool);

impl<'a> While<'a> {
    fn new(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::SeqCst);
        Self(flag)
    }
}

impl Drop for While<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl Warp for RotationShutsOut {
    async fn rotate(
        &self,
        it: &Warped,
        new: &KeyRing,
        listener: &dyn RotationListener,
    ) -> Result<(), StoreError> {
        let _rotating = While::new(&it.notes.flag);
        let_others_run().await;
        it.store.rotate(new, listener).await
    }

    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        if it.notes.flag.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { what: "the store", retry_after: None, source: None });
        }
        it.store.get(address).await
    }
}
