//! Mutants with faults in calls that fail, race or are dropped.

use std::sync::atomic::Ordering;

use keyway_core::SecretValue;
use keyway_secrets::{SecretStore, StoreError};
use keyway_storage::Expectation;
use tokio::task::yield_now;

use super::changes::create_or_change;
use super::{SecretStoreSubject, mutants, operation, store_mutant};
use crate::secrets::expected_error::ExpectedError;
use crate::secrets::reference::Loaded;

mutants! {
    for SecretStoreSubject, by store_mutant;
    ChecksThenWrites breaks ["SEC-130"] "compares the version first, and changes later"
        (modify |mutant, address, change| {
            if let Some(expected) = change.expected.take() {
                mutant.store.get(address).await?.header.check_unchanged(Some(&expected))?;
                yield_now().await;
            }
            mutant.store.modify(address, change).await
        })
    LooksThenCreates breaks ["SEC-131"] "looks whether a secret is there, and then writes whatever is there"
        (create |mutant, secret| {
            if mutant.store.get(&secret.address).await.is_ok() {
                return Err(StoreError::SecretExists { address: secret.address });
            }
            yield_now().await;
            create_or_change(&mutant.store, secret).await
        })
    WritesBlindly breaks ["SEC-132"] "writes the store without looking whether others did"
        (create |mutant, secret| {
            let Loaded { content: before, keys, .. } = mutant.store.load().await?;
            let header = mutant.store.create(secret).await?;
            let Loaded { mut content, .. } = mutant.store.load().await?;
            // Keeps only the new secret and those from before the creation, so that secrets of concurrent creations are
            // lost.
            content.secrets.retain(|record| {
                record.address() == header.address
                    || before.secrets.iter().any(|before| before.number == record.number)
            });
            mutant.store.store(&content, &keys, Expectation::Any).await?;
            Ok(header)
        })
    WritesInTwoSteps breaks ["SEC-140", "SEC-145"] "empties a secret before it changes it"
        (modify |mutant, address, change| {
            if change.value.is_some() && change.expected.is_none() {
                let emptied = mutant.store.change(|content| {
                    let at = content.find(address)?;
                    content.secrets[at].set_value(&SecretValue::text(""));
                    Ok(())
                });
                emptied.await?;
            }
            mutant.store.modify(address, change).await
        })
    Blocks breaks ["SEC-134"] "sleeps in an operation, and does not declare that it blocks"
        // The mutant sleeps only in `destroy`. Other rules rarely call `destroy`, so the sleep hardly delays them.
        (destroy |mutant, address, expected| {
            std::thread::sleep(std::time::Duration::from_millis(80));
            mutant.store.destroy(address, expected).await
        })
    BlocksOnlyForNewNames breaks ["SEC-134"] "sleeps when it creates a secret, but not when the name is taken"
        (create |mutant, secret| {
            let there = mutant.store.get(&secret.address).await.is_ok();
            std::thread::sleep(std::time::Duration::from_millis(if there { 0 } else { 80 }));
            mutant.store.create(secret).await
        })
    IsNotPrompt of PROMPT breaks ["SEC-135", "SEC-136"] "declares `prompt` and `prompt_reads`, and holds the thread for 20 ms when it reads"
        (get |mutant, address| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            mutant.store.get(address).await
        })
    HoldsItsLock breaks ["SEC-141"] "holds its lock when a call fails or is dropped"
        (modify |mutant, address, change| {
            mutant.notes.flag.store(true, Ordering::SeqCst);
            let header = mutant.store.modify(address, change).await?;
            mutant.notes.flag.store(false, Ordering::SeqCst);
            Ok(header)
        },
        create |mutant, secret| {
            if mutant.notes.flag.load(Ordering::SeqCst) {
                return Err(StoreError::Conflict { attempts: 1 });
            }
            mutant.store.create(secret).await
        })
    AcknowledgesFailures breaks ["SEC-145"] "says that it destroyed when the storage failed"
        (destroy |mutant, address, expected| match mutant.store.destroy(address, expected).await {
            Err(error) if ExpectedError::of(&error) == ExpectedError::System => Ok(()),
            other => other,
        })
    FailureIsMissing breaks ["SEC-146"] "says that there is nothing when the storage failed"
        (get |mutant, address| match mutant.store.get(address).await {
            Err(error) if ExpectedError::of(&error) == ExpectedError::System => {
                Err(StoreError::SecretNotFound { address: address.clone() })
            }
            other => other,
        })
}
