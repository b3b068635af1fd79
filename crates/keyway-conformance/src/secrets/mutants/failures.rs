//! Mutants under failures, in races and when they are dropped.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use keyway_core::SecretValue;
use keyway_secrets::{
    NewSecret, Secret, SecretAddress, SecretChange, SecretHeader, SecretRevision, SecretStore, StoreError,
};
use keyway_storage::Expectation;

use super::warp::{Warp, Warped, mutants};
use crate::secrets::lent_storage::let_others_run;
use crate::secrets::reference::Loaded;
use crate::secrets::refusal::Refusal;

mutants! {
    ChecksThenWrites of FULL "compares the version first, and changes later";
    LooksThenCreates of FULL "looks whether a secret is there, and then writes whatever is there";
    WritesBlindly of FULL "writes the store without looking whether others did";
    WritesInTwoSteps of FULL "empties a secret before it changes it";
    HoldsItsLock of FULL "holds its lock when a call fails or is dropped";
    AcknowledgesFailures of FULL "says that it destroyed when the storage failed";
    FailureIsMissing of FULL "says that there is nothing when the storage failed";
}

#[async_trait]
impl Warp for ChecksThenWrites {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        mut change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        if let Some(expected) = change.expected.take() {
            it.store.get(address).await?.header.check_unchanged(Some(&expected))?;
            let_others_run().await;
        }
        it.store.modify(address, change).await
    }
}

#[async_trait]
impl Warp for LooksThenCreates {
    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        if it.store.get(&secret.address).await.is_ok() {
            return Err(StoreError::SecretExists { address: secret.address });
        }
        let_others_run().await;
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
impl Warp for WritesBlindly {
    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        let Loaded { content: before, keys, .. } = it.store.load().await?;
        let header = it.store.create(secret).await?;
        let Loaded { mut content, .. } = it.store.load().await?;
        // Only what was there before, and the new one: what others created meanwhile is lost.
        content.secrets.retain(|record| {
            record.address() == header.address
                || before.secrets.iter().any(|before| before.number == record.number)
        });
        it.store.store(&content, &keys, Expectation::Any).await?;
        Ok(header)
    }
}

#[async_trait]
impl Warp for WritesInTwoSteps {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        if change.value.is_some() && change.expected.is_none() {
            it.store
                .change(|content| {
                    let at = content.find(address)?;
                    content.secrets[at].set_value(&SecretValue::text(""));
                    Ok(())
                })
                .await?;
        }
        it.store.modify(address, change).await
    }
}

#[async_trait]
impl Warp for HoldsItsLock {
    async fn modify(
        &self,
        it: &Warped,
        address: &SecretAddress,
        change: SecretChange,
    ) -> Result<SecretHeader, StoreError> {
        it.notes.flag.store(true, Ordering::SeqCst);
        let header = it.store.modify(address, change).await?;
        it.notes.flag.store(false, Ordering::SeqCst);
        Ok(header)
    }

    async fn create(&self, it: &Warped, secret: NewSecret) -> Result<SecretHeader, StoreError> {
        if it.notes.flag.load(Ordering::SeqCst) {
            return Err(StoreError::Conflict { attempts: 1 });
        }
        it.store.create(secret).await
    }
}

#[async_trait]
impl Warp for AcknowledgesFailures {
    async fn destroy(
        &self,
        it: &Warped,
        address: &SecretAddress,
        expected: Option<SecretRevision>,
    ) -> Result<(), StoreError> {
        match it.store.destroy(address, expected).await {
            Err(error) if Refusal::of(&error) == Refusal::System => Ok(()),
            other => other,
        }
    }
}

#[async_trait]
impl Warp for FailureIsMissing {
    async fn get(&self, it: &Warped, address: &SecretAddress) -> Result<Secret, StoreError> {
        match it.store.get(address).await {
            Err(error) if Refusal::of(&error) == Refusal::System => {
                Err(StoreError::SecretNotFound { address: address.clone() })
            }
            other => other,
        }
    }
}
