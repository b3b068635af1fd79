//! Breaks engines that have several callers, or large values.

use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use keyway_storage::{Batch, Call, CommitOutcome, Record, Storage};

use super::habits::first_items;
use super::{StorageResult, StorageSubject, engine_mutant, mutants};

mutants! {
    for StorageSubject, by engine_mutant;
    ChecksThenWrites breaks ["STO-016"] "expectations are looked at first, and items applied a little later" {
        async fn commit(&self, batch: Batch) -> StorageResult<CommitOutcome> {
            if let Some(conflict) = self.engine.refusal(&batch)? {
                return Ok(conflict);
            }
            thread::sleep(Duration::from_millis(1));
            self.engine.apply(batch).map(CommitOutcome::Committed)
        }
    }
    ServesTheFirst breaks ["STO-017"] "the first caller is always served first" {
        async fn commit(&self, batch: Batch) -> StorageResult<CommitOutcome> {
            let key = batch.items().first().map(|item| item.key().to_vec()).unwrap_or_default();
            if *self.first.get_or_init(|| key.clone()) != key {
                thread::sleep(Duration::from_millis(30));
            }
            self.engine.commit(batch).await
        }
    }
    ReadsThroughNeighbours breaks ["STO-018"] "every read passes all values that lie before it" {
        async fn get(&self, key: &[u8]) -> StorageResult<Option<Record>> {
            self.engine.with(|state| {
                for (_, passed) in state.records.range(..key.to_vec()) {
                    // Copies each value several times, so that a busy machine does not hide the
                    // delay.
                    (0..8).for_each(|_| drop(black_box(passed.value.clone())));
                }
            })?;
            self.engine.get(key).await
        }
    }
    TornCommits breaks ["STO-019"] "half of a batch is applied before the future is polled again" {
        async fn commit(&self, batch: Batch) -> StorageResult<CommitOutcome> {
            if let Some(conflict) = self.engine.refusal(&batch)? {
                return Ok(conflict);
            }
            self.engine.apply(first_items(batch.clone(), batch.items().len() / 2))?;
            tokio::task::yield_now().await;
            self.engine.apply(batch).map(CommitOutcome::Committed)
        }
    }
    LocksWhileItWaits breaks ["STO-020"] "the engine is locked while a future waits for its next poll" {
        async fn around<T: Send, F>(&self, _: Call<'_>, next: F) -> StorageResult<T>
        where
            F: Future<Output = StorageResult<T>> + Send,
        {
            while self.busy.swap(true, Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await;
            let result = next.await;
            self.busy.store(false, Ordering::SeqCst);
            result
        }
    }
}
