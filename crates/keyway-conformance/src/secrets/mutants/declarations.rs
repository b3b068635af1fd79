//! Mutants that accept operations that they do not declare.

use std::time::Duration;

use keyway_core::Timestamp;
use keyway_secrets::{Configure, EnvironmentPage, SecretStore, StoreError};

use super::{SecretStoreSubject, mutants, operation, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    HalfEnvironments of MINIMAL breaks ["SEC-120"] "lists no environments where it has none to list"
        (list_environments |_mutant, _after, _limit|
            Ok(EnvironmentPage { environments: Vec::new(), next: None }))
    IgnoresDescriptions of MINIMAL breaks ["SEC-121"] "drops a description"
        (create |mutant, secret| {
            secret.description = None;
            mutant.store.create(secret).await
        })
    IgnoresVersions of MINIMAL breaks ["SEC-122"] "drops an expected version"
        (modify |mutant, address, change| {
            change.expected = None;
            mutant.store.modify(address, change).await
        })
    ForgetsItsBound of CACHED breaks ["SEC-009"] "declares that reads are stale for a shorter time than they are"
        (capabilities |mutant| mutant.store.capabilities().stale_for(Duration::from_secs(59)))
    DestroysUndeclared of FOREIGN breaks ["SEC-125"] "destroys although it does not declare that"
        (destroy |mutant, address, _expected| {
            let removed = mutant.store.change(|content| {
                let at = content.find(address)?;
                content.secrets.remove(at);
                Ok(())
            });
            removed.await.and(Err(StoreError::Unsupported { what: "destruction of secrets" }))
        })
    RotatesNothing of FOREIGN breaks ["SEC-126"] "says that it rotated although it cannot"
        (rotate |_mutant, _new, _listener| Ok(()))
    TakesSettings of FOREIGN breaks ["SEC-127"] "takes settings that have no effect"
        (configure |mutant, request| match request {
            Configure::Read => mutant.store.configure(request).await,
            Configure::Write(settings) => Ok(settings),
        })
    DeletesUndeclared of FOREIGN breaks ["SEC-128"] "deletes the store although it does not declare that"
        (marked_for_delete |mutant| {
            mutant.store.remove().await?;
            Err(StoreError::Unsupported { what: "deletion of the store" })
        })
    GuessesTheWriter of FOREIGN breaks ["SEC-129"] "takes the running plugin for the writer that it does not know"
        (info |mutant| {
            let mut info = mutant.store.info().await?;
            info.written_by = Some(info.plugin.written_by());
            Ok(info)
        })
    UndeclaredDates of MINIMAL breaks ["SEC-123"] "answers dates that it does not declare"
        (get |mutant, address| {
            let mut secret = mutant.store.get(address).await?;
            let now = Timestamp::from_milliseconds(mutant.store.now());
            secret.header = secret.header.with_dates(now, now);
            Ok(secret)
        })
}
