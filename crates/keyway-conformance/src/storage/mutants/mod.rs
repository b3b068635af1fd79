//! Mutants of engines, each of which a rule of the suite must catch, and engines that are unusual but correct.

mod batches;
mod callers;
mod engine;
mod habits;
mod handles;
mod journal;
mod operation;
mod pages;
mod subject;

use std::sync::Arc;

use keyway_storage::{Limits, StorageError};

// Imports for the files of this folder.
use super::StorageSubject;
use crate::Mutant;
use crate::notation::mutants;
use engine::Engine;
use operation::operation;
use subject::engine_mutant;

/// The result of an operation.
type StorageResult<T> = Result<T, StorageError>;

/// Lists the mutants, each with the rules that it breaks. Test them with [`suite`](super::suite).
pub fn all() -> Vec<Mutant<StorageSubject>> {
    [batches::MUTANTS, callers::MUTANTS, handles::MUTANTS, pages::MUTANTS].concat()
}

/// Makes an engine that does the least that the contract allows: the smallest limits, one handle, and no persistence.
/// It passes every rule that applies to it.
pub fn minimal() -> StorageSubject {
    subject::in_memory("minimal", |_| {}, |engine| Arc::new(engine))
}

/// Makes an engine with unusual but allowed behaviour. It needs many polls, returns pages of two records, counts
/// revisions down, reads its journal again for every call, and has unusual limits. It passes every rule.
pub fn strange() -> StorageSubject {
    let change = |engine: &mut Engine| {
        let habits = &mut engine.habits;
        habits.limits =
            Limits { items_per_batch: 131, key_bytes: 1027, page_records: 129, ..Limits::MINIMUM };
        habits.enforced = |limits| Limits { page_records: 2, ..limits };
        habits.stamp = |number, _| u64::MAX - number;
        habits.number = |revision| u64::MAX - revision;
        habits.waits = 3;
    };
    subject::with_journal("Strange", change, |engine| Arc::new(engine))
}

/// Makes an engine without any limit. It passes every rule that applies to it.
pub fn limitless() -> StorageSubject {
    let change = |engine: &mut Engine| {
        engine.habits.limits = Limits {
            items_per_batch: usize::MAX,
            batch_bytes: usize::MAX,
            key_bytes: usize::MAX,
            value_bytes: usize::MAX,
            page_bytes: usize::MAX,
            page_records: usize::MAX,
        };
    };
    subject::in_memory("limitless", change, |engine| Arc::new(engine))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::suite;
    use crate::{Matrix, RunOptions};

    #[test]
    fn odd_engines_that_are_right_pass() {
        for (subject, skipped) in [(minimal(), 4), (strange(), 0), (limitless(), 4)] {
            let report = suite().run(&Arc::new(subject), &RunOptions::default());
            assert!(report.succeeded(), "{}", report.format(crate::Format::Table));
            assert_eq!(report.totals().skipped, skipped);
        }
    }

    #[test]
    fn a_race_that_is_always_lost_ends() {
        let mutant = all().into_iter().find(|mutant| mutant.name == "AlwaysConflicts").unwrap();
        let report = suite().run(&(mutant.subject)(), &RunOptions::default().only("STO-016"));
        assert!(report.outcomes()[0].explanation().contains("one after the other"), "{report:?}");
    }

    #[test]
    fn every_mutant_is_caught_by_the_rule_that_it_breaks() {
        Matrix::assert_caught(&suite(), &all(), &[]);
    }
}
