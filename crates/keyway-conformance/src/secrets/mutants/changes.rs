//! Mutants that create, change or destroy secrets wrongly.

use std::sync::Arc;

use keyway_core::{SecretValue, SystemClock};
use keyway_secrets::{
    MAX_DESCRIPTION_BYTES, NewSecret, NewValue, Recipe, SecretAddress, SecretChange, SecretHeader,
    SecretName, SecretStore, StoreError,
};

use super::{SecretStoreSubject, StoreResult, mutants, operation, store_mutant};
use crate::lock::locked;
use crate::secrets::reference::{ReferenceStore, SecretRecord};
use crate::secrets::samples::at;

mutants! {
    for SecretStoreSubject, by store_mutant;
    Forgetful breaks ["SEC-004"] "keeps changed values in the handle only"
        (modify |mutant, address, change| {
            if let Some(value) = change.value.take_if(|value| value.as_given().is_some()) {
                locked(&mutant.notes.values).insert(address.clone(), value.given().ok());
            }
            mutant.store.modify(address, change).await
        },
        get |mutant, address| {
            let mut secret = mutant.store.get(address).await?;
            if let Some(Some(value)) = locked(&mutant.notes.values).get(address) {
                secret.value = value.clone();
            }
            Ok(secret)
        })
    AlwaysLosesTheRace breaks ["SEC-130"] "answers every change under a condition that another caller was faster"
        (modify |mutant, address, change| match change.expected {
            Some(expected) => {
                let (address, actual) = (address.clone(), expected.clone());
                Err(StoreError::VersionConflict { address, expected, actual })
            }
            None => mutant.store.modify(address, change).await,
        })
    CreateOverwrites breaks ["SEC-011"] "creates what is there already"
        (create |mutant, secret| create_or_change(&mutant.store, secret).await)
    ChangesNeighbour breaks ["SEC-013"] "changes another secret too"
        (modify |mutant, address, change| {
            let value = change.value.as_ref().and_then(NewValue::as_given).cloned();
            let header = mutant.store.modify(address, change).await?;
            let neighbour = mutant.store.change(|content| {
                let neighbour = content.secrets.iter_mut().find(|secret| secret.address() != *address);
                if let (Some(neighbour), Some(value)) = (neighbour, &value) {
                    neighbour.set_value(value);
                }
                Ok(())
            });
            neighbour.await.map(|()| header)
        })
    ModifyCreates breaks ["SEC-014"] "creates what it should change"
        (modify |mutant, address, change| {
            match (mutant.store.modify(address, change.clone()).await, change.value) {
                (Err(StoreError::SecretNotFound { .. }), Some(value)) => {
                    let mut secret = NewSecret::generated(address.clone(), Recipe::new());
                    secret.value = value;
                    mutant.store.create(secret).await
                }
                (other, _) => other,
            }
        })
    DestroyHides breaks ["SEC-015"] "destroys for this handle only"
        (destroy |mutant, address, _expected| {
            let found = mutant.store.get(address).await?.header.address;
            let hidden = locked(&mutant.notes.values).insert(found, None);
            hidden.map_or(Ok(()), |_| Err(StoreError::SecretNotFound { address: address.clone() }))
        },
        get |mutant, address| {
            if let Some(None) = locked(&mutant.notes.values).get(address) {
                return Err(StoreError::SecretNotFound { address: address.clone() });
            }
            mutant.store.get(address).await
        })
    KeepsDescriptionOfOld breaks ["SEC-016"] "gives a new secret the description of an old one"
        (destroy |mutant, address, expected| {
            let description = mutant.store.get(address).await.ok().and_then(|secret| secret.header.description);
            locked(&mutant.notes.values).insert(address.clone(), description.map(SecretValue::text));
            mutant.store.destroy(address, expected).await
        },
        create |mutant, secret| {
            if let Some(Some(old)) = locked(&mutant.notes.values).get(&secret.address) {
                secret.description = secret.description.or(old.expose_text().map(str::to_owned));
            }
            mutant.store.create(secret).await
        })
    ChangesIds breaks ["SEC-017"] "gives a changed secret another id"
        (modify |mutant, address, change|
            change_then(&mutant.store, address, change, |record| record.number += 1000).await)
    EmptyChangeClears breaks ["SEC-018"] "takes a change of nothing for an empty value"
        (modify |mutant, address, change| {
            let cleared = change.description.is_none().then(|| SecretValue::text("").into());
            change.value = change.value.or(cleared);
            mutant.store.modify(address, change).await
        })
    ValueClearsDescription breaks ["SEC-020"] "loses the description when the value changes"
        (modify |mutant, address, change| {
            change.description = change.description.or(Some(None));
            mutant.store.modify(address, change).await
        })
    CutsDescriptions breaks ["SEC-021"] "cuts a description that is too long"
        (create |mutant, secret| {
            if let Some(description) = &mut secret.description {
                description.truncate(MAX_DESCRIPTION_BYTES);
            }
            mutant.store.create(secret).await
        })
    SkipsVersions breaks ["SEC-030"] "adds two to the version"
        (modify |mutant, address, change|
            change_then(&mutant.store, address, change, |record| record.version += 1).await)
    LastWriteWins breaks ["SEC-031"] "does not look at the expected version of a change"
        (modify |mutant, address, change| {
            change.expected = None;
            mutant.store.modify(address, change).await
        })
    DestroyIgnoresVersion breaks ["SEC-032"] "does not look at the expected version of a destruction"
        (destroy |mutant, address, _expected| mutant.store.destroy(address, None).await)
    ChangesByNumberAlone breaks ["SEC-033"] "compares versions without ids when it changes a secret"
        (modify |mutant, address, change| {
            if let Some(expected) = &mut change.expected {
                expected.id = mutant.store.get(address).await?.header.id;
            }
            mutant.store.modify(address, change).await
        })
    DestroysByNumberAlone breaks ["SEC-033"] "compares versions without ids when it destroys a secret"
        (destroy |mutant, address, expected| {
            let Some(mut expected) = expected else { return mutant.store.destroy(address, None).await };
            expected.id = mutant.store.get(address).await?.header.id;
            mutant.store.destroy(address, Some(expected)).await
        })
    FollowsClock breaks ["SEC-023"] "believes a clock that went back"
        (modify |mutant, address, change| {
            let now = mutant.store.now();
            change_then(&mutant.store, address, change, |record| record.modified = now).await
        })
    SystemTime breaks ["SEC-022"] "does not use the host's clock" (|store| store.clock = Arc::new(SystemClock))
    FoldsCase breaks ["SEC-050"] "does not tell capital letters from small ones"
        (create |mutant, secret| {
            secret.address = folded(&secret.address);
            mutant.store.create(secret).await
        },
        get |mutant, address| mutant.store.get(&folded(address)).await)
    AnyName breaks ["SEC-051"] "mends names that are not allowed"
        (create |mutant, secret| {
            if !secret.address.name.is_creatable() {
                secret.address = at("mended");
            }
            mutant.store.create(secret).await
        })
    LosesTheFourth breaks ["SEC-170"] "says that it created a fourth secret, and does not"
        (create |mutant, secret| {
            let (address, header) = (secret.address.clone(), mutant.store.create(secret).await?);
            if mutant.store.load().await?.content.secrets.len() == 4 {
                mutant.store.destroy(&address, None).await?;
            }
            Ok(header)
        })
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

/// Changes a secret, and then applies `then` to its record.
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
