//! Mutants in what is stored beside the secrets: who wrote it, settings, counts.

use async_trait::async_trait;
use keyway_core::{PluginMetadata, SecretValue, Table};
use keyway_secrets::{Configure, NewSecret, Secret, SecretAddress, SecretHeader, SecretStore, StoreError};
use keyway_storage::{Batch, Expectation};

use super::warp::{Warp, Warped, mutants};
use crate::secrets::reference::ReferenceStore;

mutants! {
    DropsUnknownSettings of FULL "drops settings that it does not know";
    ReadsWrite of FULL "writes whenever it reads";
    DiaryInTheClear of FULL "keeps a diary of what it writes";
    ReadsAnyVersion of FULL "reads what any version wrote";
    ReadsAnyName of FULL "reads what a plugin of any name wrote";
    ReadsAnyType of FULL "reads what a plugin of any type wrote";
    ReadingRaises of FULL "raises the version by reading";
    NeverRaises of FULL "leaves the version of the first writer";
    Lowers of FULL "marks data with its own version, though a newer one wrote it";
    RefusedWritesRaise of FULL "raises the version by a write that it refuses";
}

#[async_trait]
impl Warp for DropsUnknownSettings {
    async fn configure(&self, it: &Warped, request: Configure) -> Result<Table, StoreError> {
        let request = match request {
            Configure::Read => Configure::Read,
            Configure::Write(given) => {
                let mut known = Table::new();
                for (name, value) in given.iter().filter(|(name, _)| *name == "note") {
                    known.insert(name, value.clone());
                }
                Configure::Write(known)
            }
        };
        it.store.configure(request).await
    }
}

#[async_trait]
impl Warp for ReadsWrite {
    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        let secret = it.store.get(address).await?;
        it.store.change(|_| Ok(())).await?;
        Ok(secret)
    }
}

#[async_trait]
impl Warp for DiaryInTheClear {
    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let given = secret.value.as_given().and_then(SecretValue::expose_bytes);
        let value = given.unwrap_or_default().to_vec();
        let header = it.store.create(secret).await?;
        let entry = Batch::new().put(format!("diary {}", header.id), value, Expectation::Any);
        it.store
            .storage
            .commit(entry)
            .await
            .map(drop)
            .map_err(|error| StoreError::system("keep a diary", error))?;
        Ok(header)
    }
}

impl Warp for ReadsAnyVersion {
    fn opened(&self, store: &mut ReferenceStore) {
        store.check = |running, written| {
            let mut written = written.clone();
            written.version = running.version().clone();
            running.check(&written)
        };
    }
}

impl Warp for ReadsAnyName {
    fn opened(&self, store: &mut ReferenceStore) {
        store.check = |running, written| {
            let mut written = written.clone();
            running.name().clone_into(&mut written.plugin_name);
            running.check(&written)
        };
    }
}

impl Warp for ReadsAnyType {
    fn opened(&self, store: &mut ReferenceStore) {
        store.check = |running, written| {
            let mut written = written.clone();
            written.kind = running.kind();
            running.check(&written)
        };
    }
}

#[async_trait]
impl Warp for ReadingRaises {
    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        let secret = it.store.get(address).await?;
        if it.store.load().await?.content.written_by.version < *it.store.metadata.version() {
            it.store.change(|_| Ok(())).await?;
        }
        Ok(secret)
    }
}

impl Warp for NeverRaises {
    fn opened(&self, store: &mut ReferenceStore) {
        store.stamp = |_, written| written.clone();
    }
}

impl Warp for Lowers {
    fn opened(&self, store: &mut ReferenceStore) {
        store.stamp = |running, _| PluginMetadata::written_by(running);
    }
}

#[async_trait]
impl Warp for RefusedWritesRaise {
    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let answer = it.store.create(secret).await;
        if let Err(StoreError::SecretExists { .. }) = answer {
            it.store.change(|_| Ok(())).await?;
        }
        answer
    }
}
