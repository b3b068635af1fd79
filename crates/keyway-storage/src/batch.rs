//! Batches: the changes of a commit, and their conditions.

use std::fmt;

use crate::{Limits, Revision, StorageError};

/// The condition on a record under which an item of a [`Batch`] applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expectation {
    /// Any record, or none.
    Any,
    /// No record has this key. Only for a put.
    Absent,
    /// The record exists, and its last write has this revision.
    Revision(Revision),
}

impl Expectation {
    /// Tells whether a record with this revision, or no record, meets the expectation.
    pub fn is_met_by(self, found: Option<Revision>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => found.is_none(),
            Self::Revision(expected) => found == Some(expected),
        }
    }
}

/// The change that one item of a [`Batch`] makes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ItemAction {
    /// Creates or replaces the record.
    Put {
        /// The new value; may be empty.
        value: Vec<u8>,
    },
    /// Removes the record. If there is no record and the expectation allows that, nothing changes.
    Delete,
    /// Changes nothing, only checks the expectation.
    Check,
}

impl fmt::Debug for ItemAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { value } => write!(f, "Put({} bytes)", value.len()),
            Self::Delete => f.write_str("Delete"),
            Self::Check => f.write_str("Check"),
        }
    }
}

/// One item of a [`Batch`].
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    key: Vec<u8>,
    action: ItemAction,
    expectation: Expectation,
}

impl Item {
    /// Returns the key of the item's record.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Returns the change.
    pub fn action(&self) -> &ItemAction {
        &self.action
    }

    /// Returns the expectation. The whole batch commits only if the expectation is met.
    pub fn expectation(&self) -> Expectation {
        self.expectation
    }

    /// Returns the key and the action, for an engine that keeps them.
    pub fn into_parts(self) -> (Vec<u8>, ItemAction) {
        (self.key, self.action)
    }

    fn value_bytes(&self) -> usize {
        match &self.action {
            ItemAction::Put { value } => value.len(),
            ItemAction::Delete | ItemAction::Check => 0,
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} if {:?}", self.action, self.key.escape_ascii(), self.expectation)
    }
}

/// A list of puts, deletes and checks. [`Storage::commit`](crate::Storage::commit) applies all of them or none.
///
/// A key is not empty and occurs once in a batch. [`Batch::validate`] refuses a batch with an empty or a repeated key
/// before anything changes. A batch without items commits and does nothing.
///
/// ```
/// use keyway_storage::{Batch, Expectation, Revision};
///
/// # let seen = Revision::from_bits(1);
/// let batch = Batch::new()
///     .put("account/1", "90", Expectation::Revision(seen))
///     .put("transfer/1", "10", Expectation::Absent)
///     .delete("draft/1", Expectation::Any)
///     .check("owner/1", seen);
/// assert_eq!(batch.items().len(), 4);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Batch {
    items: Vec<Item>,
}

impl Batch {
    /// Creates a batch without items.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a batch without items and with room for `items` of them.
    pub fn with_capacity(items: usize) -> Self {
        Self { items: Vec::with_capacity(items) }
    }

    /// Creates or replaces the record at `key`.
    #[must_use]
    pub fn put(self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>, expectation: Expectation) -> Self {
        self.with(key.into(), ItemAction::Put { value: value.into() }, expectation)
    }

    /// Removes the record at `key`.
    ///
    /// With [`Expectation::Any`] the record need not exist. [`Expectation::Absent`] is refused, because there would be
    /// nothing to delete.
    #[must_use]
    pub fn delete(self, key: impl Into<Vec<u8>>, expectation: Expectation) -> Self {
        self.with(key.into(), ItemAction::Delete, expectation)
    }

    /// Requires that the record at `key` has `revision` at the moment of the commit. The record is not changed.
    ///
    /// If the record has another revision or does not exist, the commit is a conflict.
    #[must_use]
    pub fn check(self, key: impl Into<Vec<u8>>, revision: Revision) -> Self {
        self.with(key.into(), ItemAction::Check, Expectation::Revision(revision))
    }

    /// Appends the items of another batch, in their order.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.items.extend(other.items);
        self
    }

    fn with(mut self, key: Vec<u8>, action: ItemAction, expectation: Expectation) -> Self {
        self.items.push(Item { key, action, expectation });
        self
    }

    /// Returns the items, in the order in which they were added.
    ///
    /// Conflicts and errors name an item by its position here, counted from 0.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Returns the items, for an engine that keeps keys and values.
    pub fn into_items(self) -> Vec<Item> {
        self.items
    }

    /// Tells whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the number of bytes of all keys and values, which [`Limits::batch_bytes`] bounds.
    pub fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.key.len() + item.value_bytes()).sum()
    }

    /// Checks that an engine with these limits takes the batch.
    ///
    /// Every engine calls this first, so all of them refuse the same batches with the same errors.
    ///
    /// # Errors
    /// The first error that applies, in this order: [`StorageError::TooManyItems`]; for each item in turn,
    /// [`StorageError::EmptyKey`], [`StorageError::KeyTooLarge`], [`StorageError::ValueTooLarge`] or
    /// [`StorageError::DeleteOfAbsent`]; then [`StorageError::DuplicateKey`] and [`StorageError::BatchTooLarge`] for
    /// the whole batch.
    pub fn validate(&self, limits: &Limits) -> Result<(), StorageError> {
        if self.items.len() > limits.items_per_batch {
            return Err(StorageError::TooManyItems {
                items: self.items.len(),
                limit: limits.items_per_batch,
            });
        }
        for (item, Item { key, action, expectation }) in self.items.iter().enumerate() {
            if key.is_empty() {
                return Err(StorageError::EmptyKey { item });
            }
            if key.len() > limits.key_bytes {
                return Err(StorageError::KeyTooLarge { item, bytes: key.len(), limit: limits.key_bytes });
            }
            match action {
                ItemAction::Put { value } if value.len() > limits.value_bytes => {
                    let (bytes, limit) = (value.len(), limits.value_bytes);
                    return Err(StorageError::ValueTooLarge { item, bytes, limit });
                }
                ItemAction::Delete if *expectation == Expectation::Absent => {
                    return Err(StorageError::DeleteOfAbsent { item });
                }
                ItemAction::Put { .. } | ItemAction::Delete | ItemAction::Check => {}
            }
        }
        if let Some(item) = self.duplicate() {
            return Err(StorageError::DuplicateKey { item });
        }
        let bytes = self.bytes();
        if bytes > limits.batch_bytes {
            return Err(StorageError::BatchTooLarge { bytes, limit: limits.batch_bytes });
        }
        Ok(())
    }

    /// Returns the position of the first item that has the key of an earlier item.
    fn duplicate(&self) -> Option<usize> {
        // Most batches have two or three items: comparing all pairs needs no allocation.
        const FEW: usize = 8;
        if self.items.len() <= FEW {
            return (1..self.items.len())
                .find(|&item| self.items[..item].iter().any(|earlier| earlier.key == self.items[item].key));
        }
        // Large batches are usually in key order already, for example if they rewrite the records of a scan.
        if self.items.windows(2).all(|pair| pair[0].key < pair[1].key) {
            return None;
        }
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_unstable_by_key(|&item| (&self.items[item].key, item));
        order
            .windows(2)
            .filter(|pair| self.items[pair[0]].key == self.items[pair[1]].key)
            .map(|pair| pair[1])
            .min()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.items).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(batch: &Batch) -> String {
        format!("{:?}", batch.validate(&Limits::MINIMUM).unwrap_err())
    }

    #[test]
    fn an_item_that_no_engine_takes_is_named() {
        let fine = Batch::new().put("a", "1", Expectation::Any);
        assert!(fine.validate(&Limits::MINIMUM).is_ok());
        assert!(Batch::new().validate(&Limits::MINIMUM).is_ok());
        let cases = [
            (fine.clone().delete("", Expectation::Any), "EmptyKey { item: 1 }"),
            (fine.clone().delete("a", Expectation::Any), "DuplicateKey { item: 1 }"),
            (fine.clone().delete("b", Expectation::Absent), "DeleteOfAbsent { item: 1 }"),
            (
                fine.clone().delete(vec![b'k'; 1025], Expectation::Any),
                "KeyTooLarge { item: 1, bytes: 1025, limit: 1024 }",
            ),
            (
                fine.put("big", vec![0; (1 << 20) + 1], Expectation::Any),
                "ValueTooLarge { item: 1, bytes: 1048577, limit: 1048576 }",
            ),
        ];
        for (batch, expected) in cases {
            assert_eq!(refusal(&batch), expected);
        }
        let many = (0..129_u8).fold(Batch::new(), |batch, key| batch.put([key], "", Expectation::Any));
        assert_eq!(refusal(&many), "TooManyItems { items: 129, limit: 128 }");
        let heavy = Batch::new().put("a", vec![0; 1 << 20], Expectation::Any).put(
            "b",
            vec![0; 2 * Limits::MINIMUM.key_bytes],
            Expectation::Any,
        );
        assert!(refusal(&heavy).starts_with("BatchTooLarge"), "{}", refusal(&heavy));
    }

    #[test]
    fn the_debug_form_shows_no_value() {
        let batch = Batch::new().put("name", "hunter2", Expectation::Absent);
        assert_eq!(format!("{batch:?}"), "[Put(7 bytes) name if Absent]");
    }

    proptest! {
        #[test]
        fn the_first_repeated_key_is_found(keys in prop::collection::vec(1_u8..40, 0..30)) {
            let batch = keys.iter().fold(Batch::new(), |batch, &key| batch.delete([key], Expectation::Any));
            let slow = (0..keys.len()).find(|&item| keys[..item].contains(&keys[item]));
            prop_assert_eq!(batch.duplicate(), slow);
        }
    }
}
