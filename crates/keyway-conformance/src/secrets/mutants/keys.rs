//! Mutants in keys and rotation.

use std::sync::atomic::{AtomicBool, Ordering};

use keyway_seal::KeyRing;
use keyway_secrets::{Progress, RotationListener, Secret, SecretAddress, SecretStore, StoreError};
use tokio::task::yield_now;

use super::lifecycle::marked;
use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    FirstKeyOnly breaks ["SEC-091"] "uses the first key of a ring only"
        (|store| store.set_keys(store.keys().only_primary()))
    RotatesNothing breaks ["SEC-092"] "says that it has rotated, and has not" {
        async fn rotate(&self, _: &KeyRing, listener: &dyn RotationListener) -> StoreResult<()> {
            self.store.load().await?;
            listener.progressed(Progress { done: 0, total: 0 });
            Ok(())
        }
    }
    RotatesOnce breaks ["SEC-093"] "refuses a rotation to the keys that it has" {
        async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> StoreResult<()> {
            if self.store.keys().ids().eq(new.ids()) {
                return Err(StoreError::invalid("the ring", "the store has these keys already"));
            }
            self.store.rotate(new, listener).await
        }
    }
    SilentRotation breaks ["SEC-094"] "tells nobody how far a rotation has come" {
        async fn rotate(&self, new: &KeyRing, _: &dyn RotationListener) -> StoreResult<()> {
            self.store.rotate(new, &|_: Progress| ()).await
        }
    }
    RotationNeverResumes breaks ["SEC-095", "SEC-096"] "does not go on with a rotation that did not end" {
        async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> StoreResult<()> {
            self.store.load().await?;
            marked(&self.store, self.store.rotate(new, listener)).await
        }
    }
    RotationShutsOut breaks ["SEC-097"] "refuses to read while it rotates" {
        async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> StoreResult<()> {
            let _rotating = While::new(&self.notes.flag);
            yield_now().await;
            self.store.rotate(new, listener).await
        }

        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            if self.notes.flag.load(Ordering::SeqCst) {
                return Err(StoreError::Unavailable { what: "the store", retry_after: None, source: None });
            }
            self.store.get(address).await
        }
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
