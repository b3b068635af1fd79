//! Engines that are broken on purpose, which prove the suite, and two that are odd and yet right.

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

// Shared by the files of this folder.
use super::StorageSubject;
use crate::Mutant;
use crate::notation::mutants;
use engine::Engine;
use operation::operation;
use subject::engine_mutant;

/// Is the result of an operation.
type StorageResult<T> = Result<T, StorageError>;

/// Lists the mutants, with the rules that they break. Try them with [`suite`](super::suite).
pub fn all() -> Vec<Mutant<StorageSubject>> {
    [batches::MUTANTS, callers::MUTANTS, handles::MUTANTS, pages::MUTANTS].concat()
}

/// Makes an engine that does the least that it has to do: the smallest limits, one handle, nothing kept. It
/// passes every rule that applies.
pub fn minimal() -> StorageSubject {
    subject::in_memory("minimal", |_| {}, |engine| Arc::new(engine))
}

/// Makes an engine that does unusual things that it may do: it needs many polls, gives pages of two records,
/// counts revisions down, keeps a journal that it reads anew for every call, and has odd limits. It passes every
/// rule.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::suite;
    use crate::{Matrix, RunOptions};

    #[test]
    fn odd_engines_that_are_right_pass() {
        for (subject, skipped) in [(minimal(), 4), (strange(), 0)] {
            let report = suite().run(&Arc::new(subject), &RunOptions::default());
            assert!(report.succeeded(), "{}", report.format(crate::Format::Table));
            assert_eq!(report.totals().skipped, skipped);
        }
    }

    #[test]
    fn every_mutant_is_caught_by_the_rule_that_it_breaks() {
        // Each with its own rule: the whole matrix takes a minute, and is run by `xtask`.
        let matrix = Matrix::run(&suite(), &all(), false, &RunOptions::default(), &|_| {});
        assert!(matrix.faults().is_empty(), "{}", matrix.format());
        for row in &matrix.rows {
            assert!(row.explanation.contains("expected"), "{}: {}", row.mutant, row.explanation);
        }
    }
}
