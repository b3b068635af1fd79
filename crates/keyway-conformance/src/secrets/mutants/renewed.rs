//! Breaks stores that confuse a secret with an earlier one of the same name.

use keyway_secrets::{SecretAddress, SecretChange, SecretHeader, SecretRevision, SecretStore};

use super::{SecretStoreSubject, StoreResult, mutants, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    ChangesByNumberAlone breaks ["SEC-033"] "compares versions without ids when it changes a secret" {
        async fn modify(&self, address: &SecretAddress, mut change: SecretChange) -> StoreResult<SecretHeader> {
            if let Some(expected) = &mut change.expected {
                expected.id = self.store.get(address).await?.header.id;
            }
            self.store.modify(address, change).await
        }
    }
    DestroysByNumberAlone breaks ["SEC-033"] "compares versions without ids when it destroys a secret" {
        async fn destroy(&self, address: &SecretAddress, expected: Option<SecretRevision>) -> StoreResult<()> {
            let Some(mut expected) = expected else { return self.store.destroy(address, None).await };
            expected.id = self.store.get(address).await?.header.id;
            self.store.destroy(address, Some(expected)).await
        }
    }
}
