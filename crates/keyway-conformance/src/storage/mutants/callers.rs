//! Mutants with faults for concurrent callers, or with large values.

use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use keyway_storage::{Call, CommitOutcome, Expectation, Item, Storage};

use super::habits::first_items;
use super::{StorageResult, StorageSubject, engine_mutant, mutants, operation};

mutants! {
    for StorageSubject, by engine_mutant;
    ChecksThenWrites breaks ["STO-016"] "expectations are looked at first, and items applied a little later"
        (commit |mutant, batch| {
            if let Some(conflict) = mutant.engine.refusal(&batch)? {
                return Ok(conflict);
            }
            thread::sleep(Duration::from_millis(1));
            mutant.engine.apply(batch).map(CommitOutcome::Committed)
        })
    AlwaysConflicts breaks ["STO-016"] "answers that another caller was faster, although there was none"
        (commit |mutant, batch| {
            let guarded = |item: &Item| matches!(item.expectation(), Expectation::Revision(_));
            match batch.items().iter().position(guarded) {
                Some(item) => Ok(CommitOutcome::Conflict { item }),
                None => mutant.engine.commit(batch).await,
            }
        })
    ServesTheFirst breaks ["STO-017"] "who came first is always served first"
        (commit |mutant, batch| {
            let key = batch.items().first().map(|item| item.key().to_vec()).unwrap_or_default();
            if *mutant.first.get_or_init(|| key.clone()) != key {
                thread::sleep(Duration::from_millis(30));
            }
            mutant.engine.commit(batch).await
        })
    ReadsThroughNeighbours breaks ["STO-018"] "every read passes all values that lie before it"
        (get |mutant, key| {
            mutant.engine.with(|state| {
                for (_, passed) in state.records.range(..key.to_vec()) {
                    // Copies each value several times, so that the delay is clear even on a busy machine.
                    (0..8).for_each(|_| drop(black_box(passed.value.clone())));
                }
            })?;
            mutant.engine.get(key).await
        })
    TornCommits breaks ["STO-019"] "half of a batch is applied before the future is polled again"
        (commit |mutant, batch| {
            if let Some(conflict) = mutant.engine.refusal(&batch)? {
                return Ok(conflict);
            }
            mutant.engine.apply(first_items(batch.clone(), batch.items().len() / 2))?;
            tokio::task::yield_now().await;
            mutant.engine.apply(batch).map(CommitOutcome::Committed)
        })
    LocksWhileItWaits breaks ["STO-020"] "the engine is locked while a future waits for its next poll" {
        async fn around<T: Send, F>(&self, _: Call<'_>, next: F) -> StorageResult<T>
        where
            F: Future<Output = StorageResult<T>> + Send,
        {
            while self.0.busy.swap(true, Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await;
            let result = next.await;
            self.0.busy.store(false, Ordering::SeqCst);
            result
        }
    }
}
