//! Mutants with faults in the effects of batches.

use keyway_storage::{CommitOutcome, Expectation, ItemAction, Limits, Revision, Storage, StorageError};

use super::habits::first_items;
use super::{StorageSubject, engine_mutant, mutants, operation};
use crate::lock::locked;

mutants! {
    for StorageSubject, by engine_mutant;
    CutsLongValues breaks ["STO-001"] "the last byte of a long value is lost"
        (|engine| engine.habits.item = |_, _, item| match &mut item.action {
            ItemAction::Put { value } if value.len() > 4096 => drop(value.pop()),
            _ => {}
        })
    StampsTheOldRevision breaks ["STO-001"] "the records of a batch get the revision of the commit before"
        (commit |mutant, batch| {
            Ok(match mutant.engine.commit(batch).await? {
                CommitOutcome::Committed(of) => CommitOutcome::Committed(Revision::from_bits(of.to_bits() + 1)),
                conflict @ CommitOutcome::Conflict { .. } => conflict,
            })
        })
    KeepsTheFirstValue breaks ["STO-002"] "a put leaves the value that is there"
        (|engine| engine.habits.item = |there, _, item| if let (ItemAction::Put { value }, Some(record)) =
            (&mut item.action, there)
        {
            value.clone_from(&record.value);
        })
    DeletesLeaveEmptyRecords breaks ["STO-002"] "a delete empties the record and leaves it"
        (|engine| engine.habits.item = |_, _, item| if item.action == ItemAction::Delete {
            item.action = ItemAction::Put { value: Vec::new() };
        })
    ChecksWrite breaks ["STO-002"] "a check gives its record a new revision"
        (|engine| engine.habits.item = |there, _, item| if let (ItemAction::Check, Some(record)) =
            (&item.action, there)
        {
            item.action = ItemAction::Put { value: record.value.clone() };
        })
    IgnoresAbsent breaks ["STO-003"] "a put that expects no record overwrites one"
        (|engine| engine.habits.item = |_, _, item| if item.expectation == Expectation::Absent {
            item.expectation = Expectation::Any;
        })
    IgnoresRevisions breaks ["STO-003"] "a put whose record has another revision applies"
        (|engine| engine.habits.item = |_, _, item| if let (ItemAction::Put { .. }, Expectation::Revision(_)) =
            (&item.action, item.expectation)
        {
            item.expectation = Expectation::Any;
        })
    TakesNothingForAnyRevision breaks ["STO-003"] "a missing record meets every expected revision"
        (|engine| engine.habits.item = |there, _, item| if there.is_none() {
            item.expectation = Expectation::Any;
        })
    IgnoresChecks breaks ["STO-003"] "a check always holds"
        (|engine| engine.habits.item = |there, _, item| if item.action == ItemAction::Check {
            item.expectation = there.map_or(Expectation::Any, |record| Expectation::Revision(record.revision));
        })
    AppliesUpToTheConflict breaks ["STO-004"] "the items before the one in conflict are applied"
        (commit |mutant, batch| {
            let outcome = mutant.engine.commit(batch.clone()).await?;
            if let CommitOutcome::Conflict { item } = outcome {
                mutant.engine.apply(first_items(batch, item))?;
            }
            Ok(outcome)
        })
    NamesTheLastConflict breaks ["STO-005"] "the last of several conflicts is named"
        (commit |mutant, batch| {
            let last = mutant.engine.with(|state| state.conflicts(&batch).last())?;
            match mutant.engine.commit(batch).await? {
                CommitOutcome::Conflict { item } => Ok(CommitOutcome::Conflict { item: last.unwrap_or(item) }),
                committed @ CommitOutcome::Committed(_) => Ok(committed),
            }
        })
    TakesEmptyKeys breaks ["STO-006"] "the empty key is a key like others"
        (|engine| engine.habits.ignored = |error| matches!(error, StorageError::EmptyKey { .. }))
    TakesKeysTwice breaks ["STO-006"] "the last item of a key wins"
        (|engine| engine.habits.ignored = |error| matches!(error, StorageError::DuplicateKey { .. }))
    RefusesTooLate breaks ["STO-006"] "refuses after the first item was applied"
        (commit |mutant, batch| {
            if batch.validate(&Limits::MINIMUM).is_err() {
                mutant.engine.apply(first_items(batch.clone(), 1))?;
            }
            mutant.engine.commit(batch).await
        })
    IgnoresItsLimits breaks ["STO-007"] "takes larger values than it says"
        (|engine| engine.habits.enforced = |limits| Limits { value_bytes: usize::MAX, ..limits })
    DropsItemsTooMany breaks ["STO-007"] "applies as many items as it says, and drops the others"
        (commit |mutant, batch|
            mutant.engine.commit(first_items(batch, Limits::MINIMUM.items_per_batch)).await)
    IsTooSmall breaks ["STO-008"] "has smaller limits than every engine has"
        (|engine| engine.habits.limits.items_per_batch = 64)
    PromisesTooMuch breaks ["STO-008"] "refuses half of the sizes that it declares"
        (|engine| engine.habits.enforced = |limits| Limits { value_bytes: limits.value_bytes / 2, ..limits })
    CutsKeysAtZero breaks ["STO-009"] "a key ends before its first zero byte"
        (|engine| engine.habits.key = |key| key.split(|byte| *byte == 0).next().unwrap_or_default())
    HalvesRevisions breaks ["STO-010"] "two commits share a revision"
        (|engine| engine.habits.stamp = |number, _| number / 2)
    CountsByKey breaks ["STO-011"] "the revision is the number of the write to the key, from 1 on for a new record"
        (|engine| engine.habits.stamp = |_, first| first.map_or(1, |record| record.revision.to_bits() + 1))
    LosesTheFifth breaks ["STO-023"] "of the items of a crowded batch, the last is lost"
        (|engine| engine.habits.item = |_, place, item| if place == 4 {
            item.action = ItemAction::Check;
        })
    ShowsValues breaks ["STO-024"] "the debug form shows everything"
        (commit |mutant, batch| {
            for item in batch.items() {
                if let ItemAction::Put { value } = item.action() {
                    locked(&mutant.text).push_str(&String::from_utf8_lossy(value));
                }
            }
            mutant.engine.commit(batch).await
        })
}
