//! Defines [`Habits`]: the parts of the engine that mutants can change.

use keyway_storage::{Batch, Expectation, ItemAction, KeyRange, Limits, Page, Record, StorageError};

use super::journal::Block;

/// How the engine works. The defaults are correct.
pub(super) struct Habits {
    pub(super) limits: Limits,
    /// Returns the limits that the engine enforces, from the limits that it declares.
    pub(super) enforced: fn(Limits) -> Limits,
    /// Tells whether the engine ignores a refusal.
    pub(super) ignored: fn(&StorageError) -> bool,
    /// Returns the key that the engine uses instead of the caller's key.
    pub(super) key: fn(&[u8]) -> &[u8],
    /// Changes an item of a batch before it is checked. The arguments are the record at the item's key, the item's
    /// position, and the item.
    pub(super) item: fn(Option<&Record>, usize, &mut ChangedItem),
    /// Changes a page. The arguments are the page, the range and the limit.
    pub(super) page: fn(&mut Page, &KeyRange, usize),
    /// Makes the revision of a commit from its number, and from the record at its first key.
    pub(super) stamp: fn(u64, Option<&Record>) -> u64,
    /// Returns the number of a commit from its revision: the inverse of `stamp`.
    pub(super) number: fn(u64) -> u64,
    /// Changes the existing blocks of a journal when it is opened.
    pub(super) reopened: fn(&mut Vec<Block>),
    /// Whether the journal is written only when it is closed.
    pub(super) writes_late: bool,
    /// How many times each operation is pending before it starts.
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

/// An item of a batch, which a mutant may change.
pub(super) struct ChangedItem {
    pub(super) key: Vec<u8>,
    pub(super) action: ItemAction,
    pub(super) expectation: Expectation,
}

/// Makes a batch of changed items. Leaves out an item that is only a check, if the change removed its expectation.
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

/// Makes a batch of the first items of another batch.
pub(super) fn first_items(batch: Batch, items: usize) -> Batch {
    changed(batch, |place, item| {
        if place >= items {
            (item.action, item.expectation) = (ItemAction::Check, Expectation::Any);
        }
    })
}
