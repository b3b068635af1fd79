//! Mutants with faults in keys and rotation.

use std::sync::atomic::{AtomicBool, Ordering};

use keyway_secrets::{Progress, SecretStore, StoreError};
use tokio::task::yield_now;

use super::lifecycle::marked;
use super::{SecretStoreSubject, mutants, operation, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    FirstKeyOnly breaks ["SEC-091"] "uses the first key of a ring only"
        (|store| store.set_keys(store.keys().only_primary()))
    RotatesNothing breaks ["SEC-092"] "says that it has rotated, and has not"
        (rotate |mutant, _new, listener| {
            mutant.store.load().await?;
            listener.progressed(Progress { done: 0, total: 0 });
            Ok(())
        })
    RotatesOnce breaks ["SEC-093"] "refuses a rotation to the keys that it has"
        (rotate |mutant, new, listener| {
            if mutant.store.keys().ids().eq(new.ids()) {
                return Err(StoreError::invalid("the ring", "the store has these keys already"));
            }
            mutant.store.rotate(new, listener).await
        })
    SilentRotation breaks ["SEC-094"] "tells nobody how far a rotation has come"
        (rotate |mutant, new, _listener| mutant.store.rotate(new, &|_: Progress| ()).await)
    RotationNeverResumes breaks ["SEC-095", "SEC-096"] "does not go on with a rotation that did not end"
        (rotate |mutant, new, listener| {
            mutant.store.load().await?;
            marked(&mutant.store, mutant.store.rotate(new, listener)).await
        })
    RotationShutsOut breaks ["SEC-097"] "refuses to read while it rotates"
        (rotate |mutant, new, listener| {
            let _rotating = While::new(&mutant.notes.flag);
            yield_now().await;
            mutant.store.rotate(new, listener).await
        },
        get |mutant, address| {
            if mutant.notes.flag.load(Ordering::SeqCst) {
                return Err(StoreError::Unavailable { what: "the store", retry_after: None, source: None });
            }
            mutant.store.get(address).await
        })
}

/// A guard that sets a flag, and clears it on drop.
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
