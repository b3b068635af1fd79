//! Breaks keys and rotation.

use std::sync::atomic::{AtomicBool, Ordering};

use keyway_seal::KeyRing;
use keyway_secrets::{Progress, RotationListener, Secret, SecretAddress, SecretStore, StoreError};

use super::lifecycle::marked;
use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};
use crate::secrets::lent_storage::let_others_run;

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
    SilentRotation breaks ["SEC-094"] "never reports the progress of a rotation" {
        async fn rotate(&self, new: &KeyRing, _: &dyn RotationListener) -> StoreResult<()> {
            self.store.rotate(new, &|_: Progress| ()).await
        }
    }
    RotationNeverResumes breaks ["SEC-095", "SEC-096"] "does not resume an interrupted rotation" {
        async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> StoreResult<()> {
            self.store.load().await?;
            marked(&self.store, self.store.rotate(new, listener)).await
        }
    }
    RotationShutsOut breaks ["SEC-097"] "refuses to read while it rotates" {
        async fn rotate(&self, new: &KeyRing, listener: &dyn RotationListener) -> StoreResult<()> {
            let _rotating = While::new(&self.notes.flag);
            let_others_run().await;
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

/// Sets a flag until it is dropped.
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
