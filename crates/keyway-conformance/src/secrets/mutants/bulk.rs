//! Breaks bulk writes.

use keyway_secrets::{SecretHeader, SecretStore, SecretWrite, StoreError};

use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    SortsHeaders breaks ["SEC-190"] "answers the headers of a bulk write by name" {
        async fn write_all(&self, writes: Vec<SecretWrite>) -> StoreResult<Vec<SecretHeader>> {
            let mut headers = self.store.write_all(writes).await?;
            headers.sort_by(|one, other| one.address.cmp(&other.address));
            Ok(headers)
        }
    }
    WritesUntilRefused breaks ["SEC-191"] "writes what comes before a write that is refused" {
        async fn write_all(&self, writes: Vec<SecretWrite>) -> StoreResult<Vec<SecretHeader>> {
            match self.store.write_all(writes.clone()).await {
                Err(StoreError::InBatch { at, source }) => {
                    self.store.write_all(writes[..at].to_vec()).await?;
                    Err(StoreError::InBatch { at, source })
                }
                other => other,
            }
        }
    }
    IgnoresBulkLimits breaks ["SEC-192"] "takes a bulk write of any size" {
        async fn write_all(&self, writes: Vec<SecretWrite>) -> StoreResult<Vec<SecretHeader>> {
            self.store.write_each(&writes).await
        }
    }
    CommitsTwice breaks ["SEC-193"] "writes the halves of a bulk write one after the other" {
        async fn write_all(&self, writes: Vec<SecretWrite>) -> StoreResult<Vec<SecretHeader>> {
            let (first, second) = writes.split_at(writes.len() / 2);
            let mut headers = self.store.write_all(first.to_vec()).await?;
            headers.extend(self.store.write_all(second.to_vec()).await?);
            Ok(headers)
        }
    }
    WritesUndeclared of MINIMAL breaks ["SEC-194"] "takes bulk writes although it does not declare them" {
        async fn write_all(&self, writes: Vec<SecretWrite>) -> StoreResult<Vec<SecretHeader>> {
            self.store.write_each(&writes).await
        }
    }
}
