//! Mutants that create, change and destroy the wrong thing.

use async_trait::async_trait;
use keyway_core::SecretValue;
use keyway_secrets::{
    NewSecret, NewValue, Recipe, Secret, SecretAddress, SecretChange, SecretHeader, SecretName,
    SecretRevision, SecretStore, StoreError,
};

use super::warp::{Warp, Warped, mutants};
use crate::secrets::samples::at;

mutants! {
    Forgetful of FULL "keeps changed values in the handle only";
    CreateOverwrites of FULL "creates what is there already";
    ChangesNeighbour of FULL "changes another secret too";
    ModifyCreates of FULL "creates what it should change";
    DestroyHides of FULL "destroys for this handle only";
    KeepsDescriptionOfOld of FULL "gives a new secret the description of an old one";
    ChangesIds of FULL "gives a changed secret another id";
    EmptyChangeClears of FULL "takes a change of nothing for an empty value";
    ValueClearsDescription of FULL "loses the description when the value changes";
    CutsDescriptions of FULL "cuts a description that is too long";
    SkipsVersions of FULL "adds two to the version";
    LastWriteWins of FULL "does not look at the expected version of a change";
    DestroyIgnoresVersion of FULL "does not look at the expected version of a destruction";
    FollowsClock of FULL "believes a clock that went back";
    SystemTime of FULL "does not use the host's clock";
    FoldsCase of FULL "does not tell capital letters from small ones";
    AnyName of FULL "mends names that are not allowed";
    LosesTheFourth of FULL "says that it created a fourth secret, and does not";
}

#[async_trait]
impl Warp for Forgetful {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        mut change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        if let Some(value) = change.value.take_if(|value| value.as_given().is_some()) {
            it.notes.values().insert(address.clone(), value.given().ok());
        }
        it.store.modify(address, change).await
    }

    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        let mut secret = it.store.get(address).await?;
        if let Some(Some(value)) = it.notes.values().get(address) {
            secret.value = value.clone();
        }
        Ok(secret)
    }
}

#[async_trait]
impl Warp for CreateOverwrites {
    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        match it.store.create(secret.clone()).await {
            Err(StoreError::SecretExists { address }) => {
                let mut change = SecretChange::default();
                change.value = Some(secret.value);
                it.store.modify(&address, change).await
            }
            other => other,
        }
    }
}

#[async_trait]
impl Warp for ChangesNeighbour {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        let value = change.value.as_ref().and_then(NewValue::as_given).cloned();
        let header = it.store.modify(address, change).await?;
        it.store
            .change(|content| {
                let neighbour = content.secrets.iter_mut().find(|secret| secret.address() != *address);
                if let (Some(neighbour), Some(value)) = (neighbour, &value) {
                    neighbour.set_value(value);
                }
                Ok(())
            })
            .await?;
        Ok(header)
    }
}

#[async_trait]
impl Warp for ModifyCreates {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        match (it.store.modify(address, change.clone()).await, change.value) {
            (Err(StoreError::SecretNotFound { .. }), Some(value)) => {
                let mut secret = NewSecret::generated(address.clone(), Recipe::new());
                secret.value = value;
                it.store.create(secret).await
            }
            (other, _) => other,
        }
    }
}

#[async_trait]
impl Warp for DestroyHides {
    async fn destroy(
        &self,
        it: &Warped,
        address: &SecretAddress,
        _: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        self.get(it, address).await?;
        it.notes.values().insert(address.clone(), None);
        Ok(())
    }

    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        if let Some(None) = it.notes.values().get(address) {
            return Err(StoreError::SecretNotFound { address: address.clone() });
        }
        it.store.get(address).await
    }
}

#[async_trait]
impl Warp for KeepsDescriptionOfOld {
    async fn destroy(
        &self,
        it: &Warped,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        let description = it.store.get(address).await.ok().and_then(|secret| secret.header.description);
        it.notes.values().insert(address.clone(), description.map(SecretValue::text));
        it.store.destroy(address, expected).await
    }

    async fn create(&self, it: &Warped, mut secret: NewSecret) -> Result<SecretHeader, StoreError> {
        if let Some(Some(old)) = it.notes.values().get(&secret.address) {
            secret.description = secret.description.or(old.expose_text().map(str::to_owned));
        }
        it.store.create(secret).await
    }
}

/// Changes, and then does something to the record.
async fn change_then(
    it: &Warped,
    address: &SecretAddress,
    change: SecretChange,
    then: impl Fn(&mut crate::secrets::reference::SecretRecord) + Send + Sync,
) -> Result<SecretHeader, StoreError> {
    it.store.modify(address, change).await?;
    it.store
        .change(|content| {
            let at = content.find(address)?;
            let record = &mut content.secrets[at];
            then(record);
            Ok(record.header(&it.store.habits))
        })
        .await
}

#[async_trait]
impl Warp for ChangesIds {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        change_then(it, address, change, |record| record.number += 1000).await
    }
}

#[async_trait]
impl Warp for EmptyChangeClears {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        mut change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        change.value =
            change.value.or_else(|| change.description.is_none().then(|| SecretValue::text("").into()));
        it.store.modify(address, change).await
    }
}

#[async_trait]
impl Warp for ValueClearsDescription {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        mut change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        change.description = change.description.or(Some(None));
        it.store.modify(address, change).await
    }
}

#[async_trait]
impl Warp for CutsDescriptions {
    async fn create(&self, it: &Warped, mut secret: NewSecret) -> Result<SecretHeader, StoreError> {
        if let Some(description) = &mut secret.description {
            description.truncate(keyway_secrets::MAX_DESCRIPTION_BYTES);
        }
        it.store.create(secret).await
    }
}

#[async_trait]
impl Warp for SkipsVersions {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        change_then(it, address, change, |record| record.version += 1).await
    }
}

#[async_trait]
impl Warp for LastWriteWins {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        mut change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        change.expected = None;
        it.store.modify(address, change).await
    }
}

#[async_trait]
impl Warp for DestroyIgnoresVersion {
    async fn destroy(
        &self,
        it: &Warped,
        address: &SecretAddress,
        _: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        it.store.destroy(address, None).await
    }
}

#[async_trait]
impl Warp for FollowsClock {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        let now = it.store.now();
        change_then(it, address, change, |record| record.modified = now).await
    }
}

#[async_trait]
impl Warp for SystemTime {
    fn opened(&self, store: &mut crate::secrets::reference::ReferenceStore) {
        store.clock = std::sync::Arc::new(keyway_core::SystemClock);
    }
}

fn folded(address: &SecretAddress) -> SecretAddress {
    let name = SecretName::of_existing(address.name.as_str().to_lowercase());
    SecretAddress { name, environment: address.environment.clone() }
}

#[async_trait]
impl Warp for FoldsCase {
    async fn create(&self, it: &Warped, mut secret: NewSecret) -> Result<SecretHeader, StoreError> {
        secret.address = folded(&secret.address);
        it.store.create(secret).await
    }

    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        it.store.get(&folded(address)).await
    }
}

#[async_trait]
impl Warp for AnyName {
    async fn create(&self, it: &Warped, mut secret: NewSecret) -> Result<SecretHeader, StoreError> {
        if !secret.address.name.is_creatable() {
            secret.address = at("mended");
        }
        it.store.create(secret).await
    }
}

#[async_trait]
impl Warp for LosesTheFourth {
    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let (address, header) = (secret.address.clone(), it.store.create(secret).await?);
        if it.store.load().await?.content.secrets.len() == 4 {
            it.store.destroy(&address, None).await?;
        }
        Ok(header)
    }
}
