//! Breaks creating, changing and destroying secrets.

use std::sync::Arc;

use keyway_core::{SecretValue, SystemClock};
use keyway_secrets::{
    MAX_DESCRIPTION_BYTES, NewSecret, NewValue, Recipe, Secret, SecretAddress, SecretChange, SecretHeader,
    SecretName, SecretRevision, SecretStore, StoreError,
};

use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};
use crate::secrets::reference::{ReferenceStore, SecretRecord};
use crate::secrets::samples::at;

mutants! {
    for SecretStoreSubject, by store_mutant;
    Forgetful breaks ["SEC-004"] "keeps changed values in the handle only" {
        async fn modify(&self, address: &SecretAddress, mut change: SecretChange) -> StoreResult<SecretHeader> {
            if let Some(value) = change.value.take_if(|value| value.as_given().is_some()) {
                self.notes.values().insert(address.clone(), value.given().ok());
            }
            self.store.modify(address, change).await
        }

        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            let mut secret = self.store.get(address).await?;
            if let Some(Some(value)) = self.notes.values().get(address) {
                secret.value = value.clone();
            }
            Ok(secret)
        }
    }
    CreateOverwrites breaks ["SEC-011"] "creates what is there already" {
        async fn create(&self, secret: NewSecret) -> StoreResult<SecretHeader> {
            create_or_change(&self.store, secret).await
        }
    }
    ChangesNeighbour breaks ["SEC-013"] "changes another secret too" {
        async fn modify(&self, address: &SecretAddress, change: SecretChange) -> StoreResult<SecretHeader> {
            let value = change.value.as_ref().and_then(NewValue::as_given).cloned();
            let header = self.store.modify(address, change).await?;
            let neighbour = self.store.change(|content| {
                let neighbour = content.secrets.iter_mut().find(|secret| secret.address() != *address);
                if let (Some(neighbour), Some(value)) = (neighbour, &value) {
                    neighbour.set_value(value);
                }
                Ok(())
            });
            neighbour.await.map(|()| header)
        }
    }
    ModifyCreates breaks ["SEC-014"] "creates what it should change" {
        async fn modify(&self, address: &SecretAddress, change: SecretChange) -> StoreResult<SecretHeader> {
            match (self.store.modify(address, change.clone()).await, change.value) {
                (Err(StoreError::SecretNotFound { .. }), Some(value)) => {
                    let mut secret = NewSecret::generated(address.clone(), Recipe::new());
                    secret.value = value;
                    self.store.create(secret).await
                }
                (other, _) => other,
            }
        }
    }
    DestroyHides breaks ["SEC-015"] "destroys for this handle only" {
        async fn destroy(&self, address: &SecretAddress, _: Option<SecretRevision>) -> StoreResult<()> {
            self.get(address).await?;
            self.notes.values().insert(address.clone(), None);
            Ok(())
        }

        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            if let Some(None) = self.notes.values().get(address) {
                return Err(StoreError::SecretNotFound { address: address.clone() });
            }
            self.store.get(address).await
        }
    }
    KeepsDescriptionOfOld breaks ["SEC-016"] "gives a new secret the description of an old one" {
        async fn destroy(&self, address: &SecretAddress, expected: Option<SecretRevision>) -> StoreResult<()> {
            let description = self.store.get(address).await.ok().and_then(|secret| secret.header.description);
            self.notes.values().insert(address.clone(), description.map(SecretValue::text));
            self.store.destroy(address, expected).await
        }

        async fn create(&self, mut secret: NewSecret) -> StoreResult<SecretHeader> {
            if let Some(Some(old)) = self.notes.values().get(&secret.address) {
                secret.description = secret.description.or(old.expose_text().map(str::to_owned));
            }
            self.store.create(secret).await
        }
    }
    ChangesIds breaks ["SEC-017"] "gives a changed secret another id" {
        async fn modify(&self, address: &SecretAddress, change: SecretChange) -> StoreResult<SecretHeader> {
            change_then(&self.store, address, change, |record| record.number += 1000).await
        }
    }
    EmptyChangeClears breaks ["SEC-018"] "takes a change of nothing for an empty value" {
        async fn modify(&self, address: &SecretAddress, mut change: SecretChange) -> StoreResult<SecretHeader> {
            let cleared = change.description.is_none().then(|| SecretValue::text("").into());
            change.value = change.value.or(cleared);
            self.store.modify(address, change).await
        }
    }
    ValueClearsDescription breaks ["SEC-020"] "loses the description when the value changes" {
        async fn modify(&self, address: &SecretAddress, mut change: SecretChange) -> StoreResult<SecretHeader> {
            change.description = change.description.or(Some(None));
            self.store.modify(address, change).await
        }
    }
    CutsDescriptions breaks ["SEC-021"] "cuts a description that is too long" {
        async fn create(&self, mut secret: NewSecret) -> StoreResult<SecretHeader> {
            if let Some(description) = &mut secret.description {
                description.truncate(MAX_DESCRIPTION_BYTES);
            }
            self.store.create(secret).await
        }
    }
    SkipsVersions breaks ["SEC-030"] "adds two to the version" {
        async fn modify(&self, address: &SecretAddress, change: SecretChange) -> StoreResult<SecretHeader> {
            change_then(&self.store, address, change, |record| record.version += 1).await
        }
    }
    LastWriteWins breaks ["SEC-031"] "does not look at the expected version of a change" {
        async fn modify(&self, address: &SecretAddress, mut change: SecretChange) -> StoreResult<SecretHeader> {
            change.expected = None;
            self.store.modify(address, change).await
        }
    }
    DestroyIgnoresVersion breaks ["SEC-032"] "does not look at the expected version of a destruction" {
        async fn destroy(&self, address: &SecretAddress, _: Option<SecretRevision>) -> StoreResult<()> {
            self.store.destroy(address, None).await
        }
    }
    FollowsClock breaks ["SEC-023"] "believes a clock that went back" {
        async fn modify(&self, address: &SecretAddress, change: SecretChange) -> StoreResult<SecretHeader> {
            let now = self.store.now();
            change_then(&self.store, address, change, |record| record.modified = now).await
        }
    }
    SystemTime breaks ["SEC-022"] "does not use the host's clock" (|store| store.clock = Arc::new(SystemClock))
    FoldsCase breaks ["SEC-050"] "does not tell capital letters from small ones" {
        async fn create(&self, mut secret: NewSecret) -> StoreResult<SecretHeader> {
            secret.address = folded(&secret.address);
            self.store.create(secret).await
        }

        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            self.store.get(&folded(address)).await
        }
    }
    AnyName breaks ["SEC-051"] "mends names that are not allowed" {
        async fn create(&self, mut secret: NewSecret) -> StoreResult<SecretHeader> {
            if !secret.address.name.is_creatable() {
                secret.address = at("mended");
            }
            self.store.create(secret).await
        }
    }
    LosesTheFourth breaks ["SEC-170"] "says that it created a fourth secret, and does not" {
        async fn create(&self, secret: NewSecret) -> StoreResult<SecretHeader> {
            let (address, header) = (secret.address.clone(), self.store.create(secret).await?);
            if self.store.load().await?.content.secrets.len() == 4 {
                self.store.destroy(&address, None).await?;
            }
            Ok(header)
        }
    }
}

/// Creates a secret, or changes an existing one to the new value.
pub(super) async fn create_or_change(store: &ReferenceStore, secret: NewSecret) -> StoreResult<SecretHeader> {
    match store.create(secret.clone()).await {
        Err(StoreError::SecretExists { address }) => {
            let mut change = SecretChange::default();
            change.value = Some(secret.value);
            store.modify(&address, change).await
        }
        other => other,
    }
}

/// Changes a secret, and then its record.
async fn change_then(
    store: &ReferenceStore,
    address: &SecretAddress,
    change: SecretChange,
    then: impl Fn(&mut SecretRecord) + Send + Sync,
) -> StoreResult<SecretHeader> {
    store.modify(address, change).await?;
    let changed = store.change(|content| {
        let at = content.find(address)?;
        then(&mut content.secrets[at]);
        Ok(content.secrets[at].header(&store.habits))
    });
    changed.await
}

fn folded(address: &SecretAddress) -> SecretAddress {
    let name = SecretName::of_existing(address.name.as_str().to_lowercase());
    SecretAddress { name, environment: address.environment.clone() }
}
