//! What the suite is proved with: engines that are broken on purpose, and two that are odd
//! and yet right.

mod defect;
mod engine;
mod journal;
mod table;

use std::sync::Arc;

use defect::Defect;
use engine::Engine;

use super::StorageSubject;
use crate::Mutant;

/// Every mutant, with the id of the rule that it breaks.
pub fn all() -> Vec<Mutant<StorageSubject>> {
    table::mutants()
}

/// The least that an engine has to do: the smallest limits, one handle, nothing kept.
/// It passes every rule that applies.
pub fn minimal() -> StorageSubject {
    StorageSubject::new("minimal", |_| Ok(Arc::new(Engine::in_memory(Defect::None))))
}

/// An engine that does what an engine may do and hardly any does: it needs many polls, gives
/// pages of two records, counts revisions down, keeps a journal that it reads anew for every
/// call, and has odd limits. It passes every rule.
pub fn strange() -> StorageSubject {
    subject(Defect::Strange)
}

/// An engine with a journal in the folder.
fn subject(defect: Defect) -> StorageSubject {
    StorageSubject::new(format!("{defect:?}"), move |folder| Ok(Arc::new(Engine::open(folder, defect)?)))
        .persistent()
        .shared()
        .copyable()
}

/// An engine with nothing but memory.
fn memory_subject(defect: Defect) -> StorageSubject {
    StorageSubject::new(format!("{defect:?}"), move |_| Ok(Arc::new(Engine::in_memory(defect))))
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
