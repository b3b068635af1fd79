//! Tests the duties of every engine: checks that are written once and run for each engine.
//!
//! A file under `tests/` defines how to make a store (and reopen it), and calls `suite!`.

pub(crate) mod contract;
pub(crate) mod model;

use std::sync::Arc;

use keyway_storage::{Batch, CommitOutcome, Expectation, Record, Revision, Storage, StorageError};
use pollster::block_on;

/// One store under test.
pub(crate) trait Subject {
    /// Returns the open store.
    fn store(&self) -> Arc<dyn Storage>;
    /// Closes and reopens the store, if its data outlives that.
    fn restart(&mut self);
}

/// Writes the tests of the suite for one engine; `$make` gives a new, empty subject.
#[macro_export]
macro_rules! suite {
    ($make:expr) => {
        $crate::suite!(@each $make,
            a_record_has_the_revision_of_its_write,
            expectations_decide_as_they_say,
            the_first_conflict_is_named,
            a_batch_is_all_or_none,
            what_is_refused_writes_nothing,
            a_key_that_cannot_be_is_not_there,
            every_engine_takes_the_minimum,
            a_revision_never_comes_back,
            pages_are_bounded_and_in_order,
            pages_are_stable_while_others_write,
            odd_ranges_give_what_they_hold,
            nobody_loses_an_update,
            dropped_commits_hold_nobody_up,
            a_commit_that_is_not_polled_again_holds_nobody_up,
            large_neighbours_disturb_nobody,
            debug_forms_show_no_value,
        );

        #[test]
        fn agrees_with_a_model() {
            suite::model::agrees_with_a_model(|| $make);
        }
    };
    (@each $make:expr, $($check:ident),+ $(,)?) => {
        $(
            #[test]
            fn $check() {
                suite::contract::$check(&mut $make);
            }
        )+
    };
}

pub(crate) fn commit(store: &dyn Storage, batch: Batch) -> Result<CommitOutcome, StorageError> {
    block_on(store.commit(batch))
}

pub(crate) fn get(store: &dyn Storage, key: impl AsRef<[u8]>) -> Option<Record> {
    block_on(store.get(key.as_ref())).unwrap()
}

/// Writes one record and returns its revision.
pub(crate) fn put(store: &dyn Storage, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Revision {
    committed(commit(store, Batch::new().put(key, value, Expectation::Any)))
}

#[track_caller]
pub(crate) fn committed(outcome: Result<CommitOutcome, StorageError>) -> Revision {
    match outcome {
        Ok(CommitOutcome::Committed(revision)) => revision,
        other => panic!("not committed: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn conflict(outcome: Result<CommitOutcome, StorageError>) -> usize {
    match outcome {
        Ok(CommitOutcome::Conflict { item }) => item,
        other => panic!("no conflict: {other:?}"),
    }
}

/// Lists all records, page by page.
pub(crate) fn everything(store: &dyn Storage) -> Vec<keyway_storage::Entry> {
    let (mut entries, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page =
            block_on(store.scan(&keyway_storage::KeyRange::all(), after.as_deref(), usize::MAX)).unwrap();
        entries.extend(page.entries);
        if !page.more {
            return entries;
        }
        after = entries.last().map(|entry: &keyway_storage::Entry| entry.key.clone());
    }
}
