//! Which rule each mutant breaks. The mutants do not know.

use std::sync::Arc;

use super::defect::Defect;
use super::{memory_subject, subject};
use crate::Mutant;
use crate::storage::StorageSubject;

/// Rows of the table: the rule, then the mutant, in memory or with a journal.
macro_rules! table {
    ($($rule:literal $make:ident $defect:ident),* $(,)?) => {
        vec![$(
            ($rule, Mutant { name: stringify!($defect), subject: || Arc::new($make(Defect::$defect)) }),
        )*]
    };
}

#[rustfmt::skip]
pub(super) fn mutants() -> Vec<(&'static str, Mutant<StorageSubject>)> {
    table![
        "STO-001" memory_subject CutsLongValues,
        "STO-001" memory_subject StampsTheOldRevision,
        "STO-002" memory_subject KeepsTheFirstValue,
        "STO-002" memory_subject DeletesLeaveEmptyRecords,
        "STO-002" memory_subject ChecksWrite,
        "STO-003" memory_subject IgnoresAbsent,
        "STO-003" memory_subject IgnoresRevisions,
        "STO-003" memory_subject TakesNothingForAnyRevision,
        "STO-003" memory_subject IgnoresChecks,
        "STO-004" memory_subject AppliesUpToTheConflict,
        "STO-005" memory_subject NamesTheLastConflict,
        "STO-006" memory_subject TakesEmptyKeys,
        "STO-006" memory_subject TakesKeysTwice,
        "STO-006" memory_subject RefusesTooLate,
        "STO-007" memory_subject IgnoresItsLimits,
        "STO-007" memory_subject DropsItemsTooMany,
        "STO-008" memory_subject IsTooSmall,
        "STO-008" memory_subject PromisesTooMuch,
        "STO-009" memory_subject CutsKeysAtZero,
        "STO-010" memory_subject HalvesRevisions,
        "STO-011" memory_subject CountsByKey,
        "STO-012" memory_subject PagesBackwards,
        "STO-012" memory_subject LeavesTheStartOut,
        "STO-013" memory_subject IgnoresPageBytes,
        "STO-013" memory_subject IgnoresPageLimits,
        "STO-013" memory_subject GuessesMore,
        "STO-014" memory_subject PagesByPosition,
        "STO-015" memory_subject TornPages,
        "STO-016" memory_subject ChecksThenWrites,
        "STO-017" memory_subject ServesTheFirst,
        "STO-018" memory_subject ReadsThroughNeighbours,
        "STO-019" memory_subject TornCommits,
        "STO-020" memory_subject LocksWhileItWaits,
        "STO-021" subject ForgetsTheLastCommit,
        "STO-021" subject StampsAnewOnOpening,
        "STO-022" subject WritesOnClose,
        "STO-023" memory_subject LosesTheFifth,
        "STO-024" memory_subject ShowsValues,
        "STO-025" subject RemembersReads,
        "STO-026" subject CountsAnew,
    ]
}
