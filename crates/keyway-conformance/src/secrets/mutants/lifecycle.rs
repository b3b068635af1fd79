//! Mutants in making, opening and deleting stores.

use std::fs::File;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};

use async_trait::async_trait;
use keyway_secrets::{ListQuery, SecretPage, SecretStore, StoreError};
use keyway_storage::{Batch, Expectation};
use serde_json::Value;

use super::warp::{Warp, Warped, mutants};
use crate::secrets::lent_storage::let_others_run;
use crate::secrets::reference::{Content, ReferenceStore};
use crate::secrets::samples::new;

mutants! {
    EmptyWhenMissing of FULL "lists nothing where there is no store";
    WelcomeSecret of FULL "puts a secret into a new store";
    Overwrites of FULL "makes the store anew when it is there";
    OneRoom of FULL "keeps all stores in one place";
    EagerOpen of FULL "reads when it is opened";
    AnyConfiguration of FULL "does not check its configuration";
    LooksThenInitializes of FULL "looks whether there is a store, and then writes whatever is there";
    DeletesOnce of FULL "fails when the store is gone already";
    DeletionComesBack of FULL "keeps what was deleted, and brings it back when the store is made anew";
    DeletionNeverResumes of FULL "does not go on with a deletion that did not end";
    KeepsACopy of FULL "leaves a copy of a deleted store";
    DeletesAnything of FULL "deletes data that it may not read";
    KeepsWhatWasLent of FULL "never gives back the storage, and keeps a file open";
}

#[async_trait]
impl Warp for EmptyWhenMissing {
    async fn list(&self, it: &Warped, query: &ListQuery) -> Result<SecretPage, StoreError> {
        match it.store.list(query).await {
            Err(StoreError::NotInitialized) => Ok(SecretPage { secrets: Vec::new(), next: None }),
            other => other,
        }
    }
}

#[async_trait]
impl Warp for WelcomeSecret {
    async fn initialize(&self, it: &Warped) -> Result<(), StoreError> {
        it.store.initialize().await?;
        it.store.create(new("read me first", "welcome")).await.map(drop)
    }
}

#[async_trait]
impl Warp for Overwrites {
    async fn initialize(&self, it: &Warped) -> Result<(), StoreError> {
        match it.store.initialize().await {
            Err(StoreError::AlreadyInitialized) => {
                let content = Content::empty(it.store.metadata.written_by());
                it.store.store(&content, &it.store.keys(), Expectation::Any).await.map(drop)
            }
            other => other,
        }
    }
}

#[async_trait]
impl Warp for OneRoom {
    fn opened(&self, store: &mut ReferenceStore) {
        store.key = b"the one".to_vec();
    }
}

#[async_trait]
impl Warp for EagerOpen {
    fn opened(&self, store: &mut ReferenceStore) {
        let mut read = pin!(store.load_any());
        while read.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
    }
}

#[async_trait]
impl Warp for AnyConfiguration {
    fn check_configuration(&self, _: &Value) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Warp for LooksThenInitializes {
    async fn initialize(&self, it: &Warped) -> Result<(), StoreError> {
        if it.store.load_any().await?.is_some() {
            return Err(StoreError::AlreadyInitialized);
        }
        let_others_run().await;
        let content = Content::empty(it.store.metadata.written_by());
        it.store.store(&content, &it.store.keys(), Expectation::Any).await.map(drop)
    }
}

#[async_trait]
impl Warp for DeletesOnce {
    async fn marked_for_delete(&self, it: &Warped) -> Result<(), StoreError> {
        it.store.load().await?;
        it.store.marked_for_delete().await
    }
}

/// Where mutants put what they should not keep.
fn beside(it: &Warped, what: &str) -> Vec<u8> {
    [it.store.key.as_slice(), what.as_bytes()].concat()
}

async fn copy(it: &Warped, from: Vec<u8>, to: Vec<u8>) -> Result<(), StoreError> {
    if let Ok(Some(record)) = it.store.storage.get(&from).await {
        let batch = Batch::new().put(to, record.value, Expectation::Any);
        it.store.storage.commit(batch).await.map_err(|error| StoreError::system("copy", error)).map(drop)?;
    }
    Ok(())
}

#[async_trait]
impl Warp for DeletionComesBack {
    async fn initialize(&self, it: &Warped) -> Result<(), StoreError> {
        it.store.initialize().await?;
        copy(it, beside(it, " in the bin"), it.store.key.clone()).await
    }

    async fn marked_for_delete(&self, it: &Warped) -> Result<(), StoreError> {
        copy(it, it.store.key.clone(), beside(it, " in the bin")).await?;
        it.store.marked_for_delete().await
    }
}

#[async_trait]
impl Warp for KeepsACopy {
    async fn marked_for_delete(&self, it: &Warped) -> Result<(), StoreError> {
        copy(it, it.store.key.clone(), beside(it, " as it was")).await?;
        it.store.marked_for_delete().await
    }
}

/// Does something between setting a mark and taking it away; refuses when the mark is there.
pub(super) async fn marked<T>(
    it: &Warped,
    work: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    let (mark, failed) = (beside(it, " under way"), |error| StoreError::system("mark its work", error));
    if it.store.storage.get(&mark).await.map_err(failed)?.is_some() {
        return Err(StoreError::corrupt("the store", "another call is under way, for ever"));
    }
    let set = Batch::new().put(mark.clone(), *b"1", Expectation::Any);
    it.store.storage.commit(set).await.map(drop).map_err(failed)?;
    let answer = work.await?;
    let take_away = Batch::new().delete(mark, Expectation::Any);
    it.store.storage.commit(take_away).await.map(drop).map_err(failed)?;
    Ok(answer)
}

#[async_trait]
impl Warp for DeletionNeverResumes {
    async fn marked_for_delete(&self, it: &Warped) -> Result<(), StoreError> {
        marked(it, it.store.marked_for_delete()).await
    }
}

#[async_trait]
impl Warp for DeletesAnything {
    async fn marked_for_delete(&self, it: &Warped) -> Result<(), StoreError> {
        match it.store.marked_for_delete().await {
            Err(StoreError::Incompatible(_)) => it.store.remove().await,
            other => other,
        }
    }
}

#[async_trait]
impl Warp for KeepsWhatWasLent {
    fn opened(&self, store: &mut ReferenceStore) {
        std::mem::forget(Arc::clone(&store.storage));
        std::mem::forget(File::open(std::env::current_exe().unwrap_or_default()));
    }

    async fn initialize(&self, it: &Warped) -> Result<(), StoreError> {
        it.notes.flag.store(true, Ordering::SeqCst);
        it.store.initialize().await
    }
}
