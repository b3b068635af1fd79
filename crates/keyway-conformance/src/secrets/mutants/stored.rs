//! Mutants with faults in stored data other than secrets: the writer, settings and counts.

use keyway_core::{PluginMetadata, SecretValue, Table};
use keyway_secrets::{Configure, SecretStore, StoreError};
use keyway_storage::{Batch, Expectation};

use super::{SecretStoreSubject, mutants, operation, store_mutant};

mutants! {
    for SecretStoreSubject, by store_mutant;
    DropsUnknownSettings breaks ["SEC-082"] "drops settings that it does not know"
        (configure |mutant, request| {
            if let Configure::Write(given) = &mut request {
                let mut known = Table::new();
                for (name, value) in given.iter().filter(|(name, _)| *name == "note") {
                    known.insert(name, value.clone());
                }
                *given = known;
            }
            mutant.store.configure(request).await
        })
    ReadsWrite breaks ["SEC-087"] "writes whenever it reads"
        (get |mutant, address| {
            let secret = mutant.store.get(address).await?;
            mutant.store.change(|_| Ok(())).await?;
            Ok(secret)
        })
    DiaryInTheClear breaks ["SEC-098"] "keeps a diary of what it writes"
        (create |mutant, secret| {
            let given = secret.value.as_given().and_then(SecretValue::expose_bytes);
            let value = given.unwrap_or_default().to_vec();
            let header = mutant.store.create(secret).await?;
            let entry = Batch::new().put(format!("diary {}", header.id), value, Expectation::Any);
            let kept = mutant.store.storage.commit(entry).await;
            kept.map(|_| header).map_err(|error| StoreError::system("keep a diary", error))
        })
    ReadsAnyVersion breaks ["SEC-100"] "reads what any version wrote" (|store| store.check = |running, written| {
        let mut written = written.clone();
        written.version = running.version().clone();
        running.check(&written)
    })
    ReadsAnyName breaks ["SEC-101"] "reads the data of a plugin of any name" (|store| store.check = |running, written| {
        let mut written = written.clone();
        running.name().clone_into(&mut written.plugin_name);
        running.check(&written)
    })
    ReadsAnyType breaks ["SEC-102"] "reads the data of a plugin of any type" (|store| store.check = |running, written| {
        let mut written = written.clone();
        written.kind = running.kind();
        running.check(&written)
    })
    ReadingRaises breaks ["SEC-103"] "raises the version by reading"
        (get |mutant, address| {
            let secret = mutant.store.get(address).await?;
            if mutant.store.load().await?.content.written_by.version < *mutant.store.metadata.version() {
                mutant.store.change(|_| Ok(())).await?;
            }
            Ok(secret)
        })
    NeverRaises breaks ["SEC-104"] "leaves the version of the first writer"
        (|store| store.stamp = |_, written| written.clone())
    Lowers breaks ["SEC-104"] "marks data with its own version, though a newer one wrote it"
        (|store| store.stamp = |running, _| PluginMetadata::written_by(running))
    RefusedWritesRaise breaks ["SEC-105"] "raises the version by a write that it refuses"
        (create |mutant, secret| {
            let answer = mutant.store.create(secret).await;
            if let Err(StoreError::SecretExists { .. }) = answer {
                mutant.store.change(|_| Ok(())).await?;
            }
            answer
        })
}
