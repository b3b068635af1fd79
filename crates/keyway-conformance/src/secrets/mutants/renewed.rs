//! Mutants that take a secret for another one of its name.

use keyway_secrets::SecretStore;

use super::{SecretStoreSubject, mutants, operation, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
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
}
