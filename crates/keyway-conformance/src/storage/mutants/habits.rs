//! Describes the habits of the engine, which mutants change.

use keyway_storage::{Batch, Expectation, ItemAction, KeyRange, Limits, Page, Record, StorageError};

use super::journal::Block;

/// Sets how the engine does its work. The defaults are sound.
pub(super) struct Habits {
    pub(super) limits: Limits,
    /// Computes the enforced limits from the declared ones.
    pub(super) enforced: fn(Limits) -> Limits,
    /// Tells which refusals are skipped.
    pub(super) ignored: fn(&StorageError) -> bool,
    /// Maps a key to the key that is used.
    pub(super) key: fn(&[u8]) -> &[u8],
    /// Changes an item of a batch before it is checked. Takes the record at the item's key, and the
    /// item's position.
    pub(super) item: fn(Option<&Record>, usize, &mut ChangedItem),
    /// Changes a page. Takes the range and the limit.
    pub(super) page: fn(&mut Page, &KeyRange, usize),
    /// Makes a revision from the number of the commit and the record at its first key.
    pub(super) stamp: fn(u64, Option<&Record>) -> u64,
    /// Reads the number of a commit back from its revision.
    pub(super) number: fn(u64) -> u64,
    /// Changes the blocks of a journal when it is opened.
    pub(super) reopened: fn(&mut Vec<Block>),
    /// Whether the journal is written only when it is closed.
    pub(super) writes_late: bool,
    /// How often each operation is pending before it starts.
    pub(super) waits: u32,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            limits: Limits::MINIMUM,
            enforced: |limits| limits,
            ignored: |_| false,
            key: |key| key,
            item: |_, _, _| {},
            page: |_, _, _| {},
            stamp: |number, _| number,
            number: |revision| revision,
            reopened: |_| {},
            writes_late: false,
            waits: 0,
        }
    }
}

/// An item of a batch that a mutant changes.
pub(super) struct ChangedItem {
    pub(super) key: Vec<u8>,
    pub(super) action: ItemAction,
    pub(super) expectation: Expectation,
}

/// Makes a batch of changed items. A check without an expectation is left out.
pub(super) fn changed(batch: Batch, change: impl Fn(usize, &mut ChangedItem)) -> Batch {
    batch.into_items().into_iter().enumerate().fold(Batch::new(), |batch, (place, item)| {
        let expectation = item.expectation();
        let (key, action) = item.into_parts();
        let mut item = ChangedItem { key, action, expectation };
        change(place, &mut item);
        match (item.action, item.expectation) {
            (ItemAction::Put { value }, expectation) => batch.put(item.key, value, expectation),
            (ItemAction::Delete, expectation) => batch.delete(item.key, expectation),
            (_, Expectation::Revision(revision)) => batch.check(item.key, revision),
            _ => batch,
        }
    })
}

/// Makes a batch of the first items of another.
pub(super) fn first_items(batch: Batch, items: usize) -> Batch {
    changed(batch, |place, item| {
        if place >= items {
            (item.action, item.expectation) = (ItemAction::Check, Expectation::Any);
        }
    })
}
