//! Mutants with faults in bulk writes.

use keyway_secrets::{SecretStore, StoreError};

use super::{SecretStoreSubject, mutants, operation, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    SortsHeaders breaks ["SEC-190"] "answers the headers of a bulk write by name"
        (write_all |mutant, writes| {
            let mut headers = mutant.store.write_all(writes).await?;
            headers.sort_by(|one, other| one.address.cmp(&other.address));
            Ok(headers)
        })
    WritesUntilRefused breaks ["SEC-191"] "writes what comes before a write that is refused"
        (write_all |mutant, writes| match mutant.store.write_all(writes.clone()).await {
            Err(StoreError::InBatch { at, source }) => {
                mutant.store.write_all(writes[..at].to_vec()).await?;
                Err(StoreError::InBatch { at, source })
            }
            other => other,
        })
    IgnoresBulkLimits breaks ["SEC-192"] "takes a bulk write of any size"
        (write_all |mutant, writes| mutant.store.write_each(&writes).await)
    CommitsTwice breaks ["SEC-193"] "writes the halves of a bulk write one after the other"
        (write_all |mutant, writes| {
            let (first, second) = writes.split_at(writes.len() / 2);
            let mut headers = mutant.store.write_all(first.to_vec()).await?;
            headers.extend(mutant.store.write_all(second.to_vec()).await?);
            Ok(headers)
        })
    WritesUndeclared of MINIMAL breaks ["SEC-194"] "takes bulk writes although it does not declare them"
        (write_all |mutant, writes| mutant.store.write_each(&writes).await)
}
