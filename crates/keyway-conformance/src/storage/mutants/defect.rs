//! The ways in which the engine of the mutants is broken.

/// One thing that an engine does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// Nothing is wrong.
    None,
    /// Nothing is wrong, and everything is odd.
    Strange,
    /// The last byte of a long value is lost.
    CutsLongValues,
    /// The records of a batch get the revision of the commit before.
    StampsTheOldRevision,
    /// A put leaves the value that is there.
    KeepsTheFirstValue,
    /// A delete empties the record and leaves it.
    DeletesLeaveEmptyRecords,
    /// A check gives its record a new revision.
    ChecksWrite,
    /// A put that expects no record overwrites one.
    IgnoresAbsent,
    /// A put whose record has another revision applies.
    IgnoresRevisions,
    /// Where no record is, any revision is met.
    TakesNothingForAnyRevision,
    /// A check always holds.
    IgnoresChecks,
    /// The items before the one in conflict are applied.
    AppliesUpToTheConflict,
    /// The last of several conflicts is named.
    NamesTheLastConflict,
    /// The empty key is a key like others.
    TakesEmptyKeys,
    /// The last item of a key wins.
    TakesKeysTwice,
    /// Refuses after the first item was applied.
    RefusesTooLate,
    /// Takes larger values than it says.
    IgnoresItsLimits,
    /// Applies as many items as it says, and drops the others.
    DropsItemsTooMany,
    /// Has smaller limits than every engine has.
    IsTooSmall,
    /// Refuses half of what it says that it takes.
    PromisesTooMuch,
    /// A key ends before its first zero byte.
    CutsKeysAtZero,
    /// Two commits share a revision.
    HalvesRevisions,
    /// The revision is the number of the write to the key, from 1 on for a new record.
    CountsByKey,
    /// The revisions begin anew with every handle.
    CountsAnew,
    /// Pages come backwards.
    PagesBackwards,
    /// The first key of a range is left out.
    LeavesTheStartOut,
    /// Pages are as large as the caller says.
    IgnoresPageBytes,
    /// The limit of a page is forgotten.
    IgnoresPageLimits,
    /// A full page says that there is more.
    GuessesMore,
    /// A page begins after as many records as were handed out.
    PagesByPosition,
    /// A page is read record by record, while others write.
    TornPages,
    /// Expectations are looked at first, and items applied a little later.
    ChecksThenWrites,
    /// Who came first is always served first.
    ServesTheFirst,
    /// Every read passes all values that lie before it.
    ReadsThroughNeighbours,
    /// Half of a batch is applied before the future is polled again.
    TornCommits,
    /// The engine is locked while a future waits for its next poll.
    LocksWhileItWaits,
    /// The last commit is not there when the engine is opened again.
    ForgetsTheLastCommit,
    /// Records that were read back have new revisions.
    StampsAnewOnOpening,
    /// The journal is written when the handle is dropped.
    WritesOnClose,
    /// Of the items of a crowded batch, the last is lost.
    LosesTheFifth,
    /// The debug form shows everything.
    ShowsValues,
    /// What was read once is remembered.
    RemembersReads,
}
