//! Mutants that make, open or delete stores wrongly.

use std::fs::File;
use std::pin::pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Waker};

use keyway_secrets::{SecretPage, SecretStore, StoreError};
use keyway_storage::{Batch, Expectation, Storage};
use tokio::task::yield_now;

use super::{SecretStoreSubject, StoreResult, mutants, operation, store_mutant};
use crate::lock::locked;
use crate::secrets::reference::{Content, ReferenceStore};
use crate::secrets::samples::new;

mutants! {
    for SecretStoreSubject, by store_mutant;
    EmptyWhenMissing breaks ["SEC-001"] "lists nothing where there is no store"
        (list |mutant, query| match mutant.store.list(query).await {
            Err(StoreError::NotInitialized) => Ok(SecretPage { secrets: Vec::new(), next: None }),
            other => other,
        })
    WelcomeSecret breaks ["SEC-002"] "puts a secret into a new store"
        (initialize |mutant| {
            mutant.store.initialize().await?;
            mutant.store.create(new("read me first", "welcome")).await.map(drop)
        })
    Overwrites breaks ["SEC-003"] "makes the store anew when it is there"
        (initialize |mutant| match mutant.store.initialize().await {
            Err(StoreError::AlreadyInitialized) => write_empty(&mutant.store).await,
            other => other,
        })
    OneRoom breaks ["SEC-005"] "keeps all stores in one place" (|store| store.key = b"the one".to_vec())
    EagerOpen breaks ["SEC-006"] "reads when it is opened" (|store| {
        let mut read = pin!(store.load_any());
        while read.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
    })
    AnyConfiguration breaks ["SEC-007"] "does not check its configuration" unchecked
    LooksThenInitializes breaks ["SEC-133"] "looks whether there is a store, and then writes whatever is there"
        (initialize |mutant| {
            if mutant.store.load_any().await?.is_some() {
                return Err(StoreError::AlreadyInitialized);
            }
            yield_now().await;
            write_empty(&mutant.store).await
        })
    DeletesOnce breaks ["SEC-111"] "fails when the store is gone already"
        (marked_for_delete |mutant| {
            mutant.store.load().await?;
            mutant.store.marked_for_delete().await
        })
    DeletionComesBack breaks ["SEC-112"] "keeps what was deleted, and brings it back when the store is made anew"
        (initialize |mutant| {
            mutant.store.initialize().await?;
            copy(&mutant.store, beside(&mutant.store, " in the bin"), mutant.store.key.clone()).await
        },
        marked_for_delete |mutant| {
            copy(&mutant.store, mutant.store.key.clone(), beside(&mutant.store, " in the bin")).await?;
            mutant.store.marked_for_delete().await
        })
    DeletionNeverResumes breaks ["SEC-113", "SEC-114"] "does not go on with a deletion that did not end"
        (marked_for_delete |mutant| marked(&mutant.store, mutant.store.marked_for_delete()).await)
    KeepsACopy breaks ["SEC-115"] "leaves a copy of a deleted store"
        (marked_for_delete |mutant| {
            copy(&mutant.store, mutant.store.key.clone(), beside(&mutant.store, " as it was")).await?;
            mutant.store.marked_for_delete().await
        })
    DeletesAnything breaks ["SEC-106"] "deletes data that it may not read"
        (marked_for_delete |mutant| match mutant.store.marked_for_delete().await {
            Err(StoreError::Incompatible(_)) => mutant.store.remove().await,
            other => other,
        })
    KeepsWhatWasLent breaks ["SEC-165"] "never gives back the storage"
        (|store| std::mem::forget(Arc::clone(&store.storage)))
    KeepsFilesOpen breaks ["SEC-165"] "never closes a file" (|store| {
        let mut kept = locked(&KEPT);
        kept.retain(|(storage, _)| storage.strong_count() > 0);
        if let Ok(file) = std::env::current_exe().and_then(File::open) {
            kept.push((Arc::downgrade(&store.storage), file));
        }
    })
}

/// The files that a mutant keeps open. They are closed when the storage of their store is gone, so that the kit's
/// process does not run out of files.
static KEPT: Mutex<Vec<(Weak<dyn Storage>, File)>> = Mutex::new(Vec::new());

/// Replaces the store with an empty one.
async fn write_empty(store: &ReferenceStore) -> StoreResult<()> {
    let content = Content::empty(store.metadata.written_by());
    store.store(&content, &store.keys(), Expectation::Any).await.map(drop)
}

/// Returns the key of an additional record of the store, in which a mutant keeps data that it should not keep.
fn beside(store: &ReferenceStore, what: &str) -> Vec<u8> {
    [store.key.as_slice(), what.as_bytes()].concat()
}

async fn copy(store: &ReferenceStore, from: Vec<u8>, to: Vec<u8>) -> StoreResult<()> {
    if let Ok(Some(record)) = store.storage.get(&from).await {
        let batch = Batch::new().put(to, record.value, Expectation::Any);
        store.storage.commit(batch).await.map(drop).map_err(|error| StoreError::system("copy", error))?;
    }
    Ok(())
}

/// Sets a mark in the storage during `work`. Refuses the call if the mark is already set. If `work` fails or is
/// dropped, the mark stays.
pub(super) async fn marked<T>(
    store: &ReferenceStore,
    work: impl Future<Output = StoreResult<T>> + Send,
) -> StoreResult<T> {
    let (mark, failed) = (beside(store, " under way"), |error| StoreError::system("mark its work", error));
    if store.storage.get(&mark).await.map_err(failed)?.is_some() {
        return Err(StoreError::corrupt("the store", "another call never ends"));
    }
    let set = Batch::new().put(mark.clone(), *b"1", Expectation::Any);
    store.storage.commit(set).await.map(drop).map_err(failed)?;
    let answer = work.await?;
    let take_away = Batch::new().delete(mark, Expectation::Any);
    store.storage.commit(take_away).await.map(drop).map_err(failed)?;
    Ok(answer)
}
