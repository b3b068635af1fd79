//! Mutants with faults that need several handles, or a handle that is closed and reopened.

use keyway_storage::Storage;

use super::{StorageSubject, engine_mutant, mutants, operation};
use crate::lock::locked;

mutants! {
    for StorageSubject, by engine_mutant;
    ForgetsTheLastCommit of with_journal breaks ["STO-021"] "the last commit is not there when the engine is opened again"
        (|engine| engine.habits.reopened = |blocks| drop(blocks.pop()))
    StampsAnewOnOpening of with_journal breaks ["STO-021"] "reloaded records have new revisions"
        (|engine| engine.habits.reopened = |blocks| blocks.iter_mut().for_each(|(revision, _)| *revision ^= 1 << 40))
    WritesOnClose of with_journal breaks ["STO-022"] "the journal is written when the handle is dropped"
        (|engine| engine.habits.writes_late = true)
    RemembersReads of with_journal breaks ["STO-025"] "what was read once is remembered"
        (get |mutant, key| {
            let found = mutant.engine.get(key).await?;
            Ok(locked(&mutant.read).entry(key.to_vec()).or_insert(found).clone())
        },
        commit |mutant, batch| {
            // The handle forgets records that it writes itself, but not records that other handles write.
            locked(&mutant.read).retain(|key, _| batch.items().iter().all(|item| item.key() != key));
            mutant.engine.commit(batch).await
        })
    CountsAnew of with_journal breaks ["STO-026"] "the revisions begin anew with every handle"
        (|engine| engine.habits.number = |_| 0)
}
