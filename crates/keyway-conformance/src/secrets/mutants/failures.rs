//! Breaks stores under failures, in races and in dropped calls.

use std::sync::atomic::Ordering;

use keyway_core::SecretValue;
use keyway_secrets::{
    NewSecret, Secret, SecretAddress, SecretChange, SecretHeader, SecretRevision, SecretStore, StoreError,
};
use keyway_storage::Expectation;

use super::changes::create_or_change;
use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};
use crate::secrets::expected_error::ExpectedError;
use crate::secrets::lent_storage::let_others_run;
use crate::secrets::reference::Loaded;

mutants! {
    for SecretStoreSubject, by store_mutant;
    ChecksThenWrites breaks ["SEC-130"] "compares the version first, and changes later" {
        async fn modify(&self, address: &SecretAddress, mut change: SecretChange) -> StoreResult<SecretHeader> {
            if let Some(expected) = change.expected.take() {
                self.store.get(address).await?.header.check_unchanged(Some(&expected))?;
                let_others_run().await;
            }
            self.store.modify(address, change).await
        }
    }
    LooksThenCreates breaks ["SEC-131"] "checks whether a secret exists, and then writes without a condition" {
        async fn create(&self, secret: NewSecret) -> StoreResult<SecretHeader> {
            if self.store.get(&secret.address).await.is_ok() {
                return Err(StoreError::SecretExists { address: secret.address });
            }
            let_others_run().await;
            create_or_change(&self.store, secret).await
        }
    }
    WritesBlindly breaks ["SEC-132"] "writes the store without checking whether others wrote" {
        async fn create(&self, secret: NewSecret) -> StoreResult<SecretHeader> {
            let Loaded { content: before, keys, .. } = self.store.load().await?;
            let header = self.store.create(secret).await?;
            let Loaded { mut content, .. } = self.store.load().await?;
            // Keeps only the earlier secrets and the new one; concurrently created ones are lost.
            content.secrets.retain(|record| {
                record.address() == header.address
                    || before.secrets.iter().any(|before| before.number == record.number)
            });
            self.store.store(&content, &keys, Expectation::Any).await?;
            Ok(header)
        }
    }
    WritesInTwoSteps breaks ["SEC-140", "SEC-145"] "empties a secret before it changes it" {
        async fn modify(&self, address: &SecretAddress, change: SecretChange) -> StoreResult<SecretHeader> {
            if change.value.is_some() && change.expected.is_none() {
                let emptied = self.store.change(|content| {
                    let at = content.find(address)?;
                    content.secrets[at].set_value(&SecretValue::text(""));
                    Ok(())
                });
                emptied.await?;
            }
            self.store.modify(address, change).await
        }
    }
    Blocks breaks ["SEC-134"] "sleeps in an operation, and does not declare that it blocks" {
        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            std::thread::sleep(std::time::Duration::from_millis(80));
            self.store.get(address).await
        }
    }
    HoldsItsLock breaks ["SEC-141"] "holds its lock when a call fails or is dropped" {
        async fn modify(&self, address: &SecretAddress, change: SecretChange) -> StoreResult<SecretHeader> {
            self.notes.flag.store(true, Ordering::SeqCst);
            let header = self.store.modify(address, change).await?;
            self.notes.flag.store(false, Ordering::SeqCst);
            Ok(header)
        }

        async fn create(&self, secret: NewSecret) -> StoreResult<SecretHeader> {
            if self.notes.flag.load(Ordering::SeqCst) {
                return Err(StoreError::Conflict { attempts: 1 });
            }
            self.store.create(secret).await
        }
    }
    AcknowledgesFailures breaks ["SEC-145"] "says that it destroyed when the storage failed" {
        async fn destroy(&self, address: &SecretAddress, expected: Option<SecretRevision>) -> StoreResult<()> {
            match self.store.destroy(address, expected).await {
                Err(error) if ExpectedError::of(&error) == ExpectedError::System => Ok(()),
                other => other,
            }
        }
    }
    FailureIsMissing breaks ["SEC-146"] "says that there is nothing when the storage failed" {
        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            match self.store.get(address).await {
                Err(error) if ExpectedError::of(&error) == ExpectedError::System => {
                    Err(StoreError::SecretNotFound { address: address.clone() })
                }
                other => other,
            }
        }
    }
}
