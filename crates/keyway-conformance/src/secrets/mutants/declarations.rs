//! Mutants that take what they do not declare.

use keyway_core::Timestamp;
use keyway_secrets::{
    Cursor, EnvironmentPage, NewSecret, Secret, SecretAddress, SecretChange, SecretHeader, SecretStore,
};

use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    HalfEnvironments of MINIMAL breaks ["SEC-120"] "lists no environments where it has none to list" {
        async fn list_environments(&self, _: Option<&Cursor>, _: usize) -> StoreResult<EnvironmentPage> {
            Ok(EnvironmentPage { environments: Vec::new(), next: None })
        }
    }
    IgnoresDescriptions of MINIMAL breaks ["SEC-121"] "drops a description" {
        async fn create(&self, mut secret: NewSecret) -> StoreResult<SecretHeader> {
            secret.description = None;
            self.store.create(secret).await
        }
    }
    IgnoresVersions of MINIMAL breaks ["SEC-122"] "drops an expected version" {
        async fn modify(&self, address: &SecretAddress, mut change: SecretChange) -> StoreResult<SecretHeader> {
            change.expected = None;
            self.store.modify(address, change).await
        }
    }
    UndeclaredDates of MINIMAL breaks ["SEC-123"] "answers dates that it does not declare" {
        async fn get(&self, address: &SecretAddress) -> StoreResult<Secret> {
            let mut secret = self.store.get(address).await?;
            let now = Timestamp::from_milliseconds(self.store.now());
            secret.header = secret.header.with_dates(now, now);
            Ok(secret)
        }
    }
}
