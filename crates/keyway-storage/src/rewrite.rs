//! Rewrites the records of a range one by one.

use crate::{Batch, CommitOutcome, Entry, Expectation, KeyRange, Storage, StorageError, let_others_run};

/// Rewrites each record of a range for which `change` returns a new value. Returns the number of these records,
/// including those that another writer changed at the same time, so that a caller repeats the call until it returns 0.
///
/// A store that seals its records reseals them so when its keys change. Each record has a commit of its own. The call
/// blocks as the methods of the storage do, and may be dropped and repeated at any time.
///
/// # Errors
/// The outer error is that of the storage, and ends the call. The inner error is the first one of `change`, after all
/// other records were rewritten.
///
/// ```
/// use keyway_storage::{Batch, Expectation, KeyRange, Memory, Storage, StorageError, rewrite};
///
/// # pollster::block_on(async {
/// let storage = Memory::new();
/// let batch = Batch::new().put("a", "old", Expectation::Absent).put("b", "new", Expectation::Absent);
/// let _ = storage.commit(batch).await?;
/// let change = |entry: &keyway_storage::Entry| Ok::<_, &str>((entry.value == b"old").then(|| b"new".to_vec()));
/// assert_eq!(rewrite(&storage, &KeyRange::all(), change).await?, Ok(1));
/// assert_eq!(rewrite(&storage, &KeyRange::all(), change).await?, Ok(0));
/// # Ok::<(), StorageError>(()) }).unwrap();
/// ```
pub async fn rewrite<E>(
    storage: &dyn Storage,
    range: &KeyRange,
    mut change: impl FnMut(&Entry) -> Result<Option<Vec<u8>>, E>,
) -> Result<Result<u64, E>, StorageError> {
    let (mut rewritten, mut failed, mut after) = (0, None, None::<Vec<u8>>);
    loop {
        let page = storage.scan(range, after.as_deref(), 128).await?;
        for entry in &page.entries {
            let_others_run().await;
            match change(entry) {
                Ok(None) => {}
                Ok(Some(value)) => {
                    let expected = Expectation::Revision(entry.revision);
                    let batch = Batch::new().put(entry.key.clone(), value, expected);
                    let (CommitOutcome::Committed(_) | CommitOutcome::Conflict { .. }) =
                        storage.commit(batch).await?;
                    rewritten += 1;
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        after = page.entries.last().map(|entry| entry.key.clone());
        if !page.more {
            return Ok(failed.map_or(Ok(rewritten), Err));
        }
    }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::Memory;

    /// Appends `!` to a value without one. A value that begins with `x` is damaged.
    fn change(entry: &Entry) -> Result<Option<Vec<u8>>, Vec<u8>> {
        if entry.value.starts_with(b"x") {
            return Err(entry.key.clone());
        }
        Ok((!entry.value.ends_with(b"!")).then(|| [&entry.value[..], b"!"].concat()))
    }

    fn put(storage: &Memory, key: &str, value: &str) {
        let batch = Batch::new().put(key, value, Expectation::Any);
        assert!(matches!(block_on(storage.commit(batch)).unwrap(), CommitOutcome::Committed(_)));
    }

    fn value(storage: &Memory, key: &str) -> Vec<u8> {
        block_on(storage.get(key.as_bytes())).unwrap().unwrap().value
    }

    #[test]
    fn every_record_of_the_range_is_rewritten_once_and_a_failure_comes_last() {
        let storage = Memory::new();
        for number in 0..300 {
            put(&storage, &format!("a{number:03}"), "value");
        }
        put(&storage, "b", "value");
        let range = KeyRange::prefix("a");
        let call = || block_on(rewrite(&storage, &range, change)).unwrap();
        assert_eq!(call(), Ok(300));
        assert_eq!(call(), Ok(0));
        assert_eq!((value(&storage, "a299"), value(&storage, "b")), (b"value!".to_vec(), b"value".to_vec()));

        for (number, text) in [(7, "x"), (8, "again"), (250, "x"), (299, "again")] {
            put(&storage, &format!("a{number:03}"), text);
        }
        assert_eq!(call(), Err(b"a007".to_vec()));
        assert_eq!(value(&storage, "a008"), b"again!");
        assert_eq!(value(&storage, "a299"), b"again!");
    }

    #[test]
    fn a_record_that_another_writer_changes_keeps_the_change_and_counts() {
        let storage = Memory::new();
        put(&storage, "a", "value");
        let mut is_first = true;
        let mut overtaken = |entry: &Entry| {
            if std::mem::take(&mut is_first) {
                put(&storage, "a", "other");
            }
            change(entry)
        };
        assert_eq!(block_on(rewrite(&storage, &KeyRange::all(), &mut overtaken)).unwrap(), Ok(1));
        assert_eq!(value(&storage, "a"), b"other");
        assert_eq!(block_on(rewrite(&storage, &KeyRange::all(), &mut overtaken)).unwrap(), Ok(1));
        assert_eq!(value(&storage, "a"), b"other!");
    }
}
