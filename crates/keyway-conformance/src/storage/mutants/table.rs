//! Lists the mutants, each with the rule that it breaks. Their code does not know it.

use std::sync::Arc;

use super::defect::Defect;
use super::{memory_subject, subject};
use crate::Mutant;
use crate::notation::mutants;
use crate::storage::StorageSubject;

pub(super) fn mutants() -> Vec<Mutant<StorageSubject>> {
    mutants! {
        CutsLongValues breaks ["STO-001"] "the last byte of a long value is lost" => Arc::new(memory_subject(Defect::CutsLongValues));
        StampsTheOldRevision breaks ["STO-001"] "the records of a batch get the revision of the commit before" => Arc::new(memory_subject(Defect::StampsTheOldRevision));
        KeepsTheFirstValue breaks ["STO-002"] "a put leaves the value that is there" => Arc::new(memory_subject(Defect::KeepsTheFirstValue));
        DeletesLeaveEmptyRecords breaks ["STO-002"] "a delete empties the record and leaves it" => Arc::new(memory_subject(Defect::DeletesLeaveEmptyRecords));
        ChecksWrite breaks ["STO-002"] "a check gives its record a new revision" => Arc::new(memory_subject(Defect::ChecksWrite));
        IgnoresAbsent breaks ["STO-003"] "a put that expects no record overwrites one" => Arc::new(memory_subject(Defect::IgnoresAbsent));
        IgnoresRevisions breaks ["STO-003"] "a put whose record has another revision applies" => Arc::new(memory_subject(Defect::IgnoresRevisions));
        TakesNothingForAnyRevision breaks ["STO-003"] "where no record is, any revision is met" => Arc::new(memory_subject(Defect::TakesNothingForAnyRevision));
        IgnoresChecks breaks ["STO-003"] "a check always holds" => Arc::new(memory_subject(Defect::IgnoresChecks));
        AppliesUpToTheConflict breaks ["STO-004"] "the items before the one in conflict are applied" => Arc::new(memory_subject(Defect::AppliesUpToTheConflict));
        NamesTheLastConflict breaks ["STO-005"] "the last of several conflicts is named" => Arc::new(memory_subject(Defect::NamesTheLastConflict));
        TakesEmptyKeys breaks ["STO-006"] "the empty key is a key like others" => Arc::new(memory_subject(Defect::TakesEmptyKeys));
        TakesKeysTwice breaks ["STO-006"] "the last item of a key wins" => Arc::new(memory_subject(Defect::TakesKeysTwice));
        RefusesTooLate breaks ["STO-006"] "refuses after the first item was applied" => Arc::new(memory_subject(Defect::RefusesTooLate));
        IgnoresItsLimits breaks ["STO-007"] "takes larger values than it says" => Arc::new(memory_subject(Defect::IgnoresItsLimits));
        DropsItemsTooMany breaks ["STO-007"] "applies as many items as it says, and drops the others" => Arc::new(memory_subject(Defect::DropsItemsTooMany));
        IsTooSmall breaks ["STO-008"] "has smaller limits than every engine has" => Arc::new(memory_subject(Defect::IsTooSmall));
        PromisesTooMuch breaks ["STO-008"] "refuses half of what it says that it takes" => Arc::new(memory_subject(Defect::PromisesTooMuch));
        CutsKeysAtZero breaks ["STO-009"] "a key ends before its first zero byte" => Arc::new(memory_subject(Defect::CutsKeysAtZero));
        HalvesRevisions breaks ["STO-010"] "two commits share a revision" => Arc::new(memory_subject(Defect::HalvesRevisions));
        CountsByKey breaks ["STO-011"] "the revision is the number of the write to the key, from 1 on for a new record" => Arc::new(memory_subject(Defect::CountsByKey));
        PagesBackwards breaks ["STO-012"] "pages come backwards" => Arc::new(memory_subject(Defect::PagesBackwards));
        LeavesTheStartOut breaks ["STO-012"] "the first key of a range is left out" => Arc::new(memory_subject(Defect::LeavesTheStartOut));
        IgnoresPageBytes breaks ["STO-013"] "pages are as large as the caller says" => Arc::new(memory_subject(Defect::IgnoresPageBytes));
        IgnoresPageLimits breaks ["STO-013"] "the limit of a page is forgotten" => Arc::new(memory_subject(Defect::IgnoresPageLimits));
        GuessesMore breaks ["STO-013"] "a full page says that there is more" => Arc::new(memory_subject(Defect::GuessesMore));
        PagesByPosition breaks ["STO-014"] "a page begins after as many records as were handed out" => Arc::new(memory_subject(Defect::PagesByPosition));
        TornPages breaks ["STO-015"] "a page is read record by record, while others write" => Arc::new(memory_subject(Defect::TornPages));
        ChecksThenWrites breaks ["STO-016"] "expectations are looked at first, and items applied a little later" => Arc::new(memory_subject(Defect::ChecksThenWrites));
        ServesTheFirst breaks ["STO-017"] "who came first is always served first" => Arc::new(memory_subject(Defect::ServesTheFirst));
        ReadsThroughNeighbours breaks ["STO-018"] "every read passes all values that lie before it" => Arc::new(memory_subject(Defect::ReadsThroughNeighbours));
        TornCommits breaks ["STO-019"] "half of a batch is applied before the future is polled again" => Arc::new(memory_subject(Defect::TornCommits));
        LocksWhileItWaits breaks ["STO-020"] "the engine is locked while a future waits for its next poll" => Arc::new(memory_subject(Defect::LocksWhileItWaits));
        ForgetsTheLastCommit breaks ["STO-021"] "the last commit is not there when the engine is opened again" => Arc::new(subject(Defect::ForgetsTheLastCommit));
        StampsAnewOnOpening breaks ["STO-021"] "records that were read back have new revisions" => Arc::new(subject(Defect::StampsAnewOnOpening));
        WritesOnClose breaks ["STO-022"] "the journal is written when the handle is dropped" => Arc::new(subject(Defect::WritesOnClose));
        LosesTheFifth breaks ["STO-023"] "of the items of a crowded batch, the last is lost" => Arc::new(memory_subject(Defect::LosesTheFifth));
        ShowsValues breaks ["STO-024"] "the debug form shows everything" => Arc::new(memory_subject(Defect::ShowsValues));
        RemembersReads breaks ["STO-025"] "what was read once is remembered" => Arc::new(subject(Defect::RemembersReads));
        CountsAnew breaks ["STO-026"] "the revisions begin anew with every handle" => Arc::new(subject(Defect::CountsAnew));
    }
}
