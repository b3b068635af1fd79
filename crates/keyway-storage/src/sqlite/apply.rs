//! Applies one batch inside an open transaction.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::connection::failure;
use super::layout::{checksum, damaged, is_large, record};
use crate::{Batch, Expectation, Item, ItemAction, Revision, StorageError};

const FIND: &str = "SELECT revision, checksum, value FROM records WHERE key = ?1";
const REVISION: &str = "SELECT revision FROM records WHERE key = ?1";
const INSERT: &str = "INSERT INTO records (key, revision, checksum, value) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (key) DO NOTHING";
const UPDATE: &str = "UPDATE records SET revision = ?2, checksum = ?3, value = ?4 WHERE key = ?1";
const DELETE: &str = "DELETE FROM records WHERE key = ?1";
const INSERT_LARGE: &str = "INSERT INTO large_values (value) VALUES (?1)";
const UPDATE_LARGE: &str = "UPDATE large_values SET value = ?2 WHERE id = ?1";
const DELETE_LARGE: &str = "DELETE FROM large_values WHERE id = ?1";

/// The result of applying a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// All items are applied in the transaction.
    All,
    /// No item is applied, because the expectation of an item failed.
    Conflict {
        /// The position of the first item whose expectation failed.
        item: usize,
    },
}

/// The record at a key before the batch.
#[derive(Clone, Copy)]
struct Found {
    revision: Revision,
    /// The id of the value in the table of large values, if it is large and belongs to this record.
    large: Option<i64>,
}

/// Whether a batch has its transaction to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// A conflict ends the transaction, which undoes what the batch has written.
    Alone,
    /// Other batches are in the same transaction, so a conflict must be found before the first write.
    Group,
}

/// Applies the items of `batch`, whose keys are all different.
///
/// After a conflict with [`Company::Alone`], some items may already be written, so the caller must end the transaction
/// without a commit.
pub(super) fn apply(
    connection: &Connection,
    batch: &Batch,
    revision: Revision,
    company: Company,
) -> Result<Applied, StorageError> {
    let items = batch.items();
    let is_alone =
        company == Company::Alone || items.iter().filter(|item| creates_small(item)).nth(1).is_none();
    // An insert itself detects an existing record, so no search of the tree is needed before it. In a large batch, a
    // search would also read pages that the cache no longer holds at the time of the insert.
    let is_direct = |item: &Item| is_alone && creates_small(item);
    let mut found = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        if is_direct(item) {
            found.push(None);
            continue;
        }
        let there = match item.action() {
            ItemAction::Check => find_revision(connection, item.key())?,
            ItemAction::Put { .. } | ItemAction::Delete => find(connection, item.key())?,
        };
        if !item.expectation().is_met_by(there.map(|found| found.revision)) {
            // An earlier item whose check was left to its insert may be in conflict, too. The first conflict must be
            // returned, so those checks are made now.
            for (earlier, item) in items[..place].iter().enumerate().filter(|(_, item)| is_direct(item)) {
                if find(connection, item.key())?.is_some() {
                    return Ok(Applied::Conflict { item: earlier });
                }
            }
            return Ok(Applied::Conflict { item: place });
        }
        found.push(there);
    }
    for (place, item) in items.iter().enumerate().filter(|(_, item)| is_direct(item)) {
        if !write(connection, item, None, revision)? {
            return Ok(Applied::Conflict { item: place });
        }
    }
    for (item, found) in items.iter().zip(found).filter(|(item, _)| !is_direct(item)) {
        if !write(connection, item, found, revision)? {
            return Err(damaged("a record exists but cannot be found"));
        }
    }
    Ok(Applied::All)
}

/// Tells whether an item creates a small record, so that its insert can check the expectation.
fn creates_small(item: &Item) -> bool {
    item.expectation() == Expectation::Absent
        && matches!(item.action(), ItemAction::Put { value } if !is_large(item.key(), value))
}

/// Writes an item. Returns `false` if the record to create already exists, or if the record that `found` describes is
/// missing.
fn write(
    connection: &Connection,
    item: &Item,
    found: Option<Found>,
    revision: Revision,
) -> Result<bool, StorageError> {
    let key = item.key();
    let old_large = found.and_then(|found| found.large);
    let changed = match item.action() {
        ItemAction::Check => return Ok(true),
        ItemAction::Delete => {
            if let Some(id) = old_large {
                run(connection, DELETE_LARGE, params![id])?;
            }
            if found.is_none() {
                return Ok(true);
            }
            run(connection, DELETE, params![key])?
        }
        ItemAction::Put { value } => {
            let bits = revision.to_bits();
            let sum = checksum(key, bits, value);
            let bits = bits.cast_signed();
            let sql = if found.is_some() { UPDATE } else { INSERT };
            if let Some(id) = store_large(connection, key, value, old_large)? {
                run(connection, sql, params![key, bits, sum, id])?
            } else {
                run(connection, sql, params![key, bits, sum, value])?
            }
        }
    };
    Ok(changed == 1)
}

/// Stores a large value in place of the old one, and returns its id. Returns `None` if the new value is small; then it
/// only removes the old large value.
fn store_large(
    connection: &Connection,
    key: &[u8],
    value: &[u8],
    old: Option<i64>,
) -> Result<Option<i64>, StorageError> {
    match (is_large(key, value), old) {
        // In a damaged file, the old value may be missing. Then there is nothing to update, and the new value is
        // inserted.
        (true, Some(id)) if run(connection, UPDATE_LARGE, params![id, value])? == 1 => Ok(Some(id)),
        (true, _) => {
            run(connection, INSERT_LARGE, params![value])?;
            Ok(Some(connection.last_insert_rowid()))
        }
        (false, Some(id)) => run(connection, DELETE_LARGE, params![id]).map(|_| None),
        (false, None) => Ok(None),
    }
}

fn find(connection: &Connection, key: &[u8]) -> Result<Option<Found>, StorageError> {
    let broken = |error| failure("read a revision", error);
    let mut statement = connection.prepare_cached(FIND).map_err(broken)?;
    let mut rows = statement.query([key]).map_err(broken)?;
    let Some(row) = rows.next().map_err(broken)? else { return Ok(None) };
    let bits: i64 = row.get(0).map_err(broken)?;
    let large = match row.get_ref(2).map_err(broken)? {
        ValueRef::Integer(id) => match record(connection, key, row) {
            Ok(_) => Some(id),
            // In a damaged record, the id may be that of another record's value, which must not be changed.
            Err(StorageError::Corrupt { .. }) => Some(id).filter(|_| !is_of_another(connection, key, id)),
            Err(error) => return Err(error),
        },
        _ => None,
    };
    Ok(Some(Found { revision: Revision::from_bits(bits.cast_unsigned()), large }))
}

/// Tells whether another record has the large value with this id, or whether this cannot be told. Reads all records.
fn is_of_another(connection: &Connection, key: &[u8], id: i64) -> bool {
    const OTHERS: &str = "SELECT EXISTS (SELECT 1 FROM records WHERE value = ?1 AND key <> ?2)";
    connection.query_row(OTHERS, params![id, key], |row| row.get(0)).unwrap_or(true)
}

/// Finds a record as [`find`] does, but leaves `large` empty: an item that writes nothing does not need it.
fn find_revision(connection: &Connection, key: &[u8]) -> Result<Option<Found>, StorageError> {
    let broken = |error| failure("read a revision", error);
    let mut statement = connection.prepare_cached(REVISION).map_err(broken)?;
    let mut rows = statement.query([key]).map_err(broken)?;
    let Some(row) = rows.next().map_err(broken)? else { return Ok(None) };
    let bits: i64 = row.get(0).map_err(broken)?;
    Ok(Some(Found { revision: Revision::from_bits(bits.cast_unsigned()), large: None }))
}

fn run(
    connection: &Connection,
    sql: &'static str,
    values: impl rusqlite::Params,
) -> Result<usize, StorageError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(values))
        .map_err(|error| failure("write a record", error))
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use crate::{Batch, Expectation, Sqlite, Storage as _, StorageError};

    /// Damages the record "a", writes to it, and returns the store. The record "b" keeps its value.
    fn written_after(damage: &str, write: Batch) -> (tempfile::TempDir, Sqlite) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = Sqlite::create(&path).unwrap();
        let both = Batch::new().put("a", vec![1; 2000], Expectation::Any);
        let _ = block_on(store.commit(both.put("b", vec![2; 2000], Expectation::Any))).unwrap();
        store.close();
        let raw = rusqlite::Connection::open(&path).unwrap();
        assert_eq!(raw.execute(damage, []), Ok(1));
        drop(raw);
        let store = Sqlite::open(&path).unwrap();
        assert!(matches!(block_on(store.get(b"a")), Err(StorageError::Corrupt { .. })));
        let _ = block_on(store.commit(write)).unwrap();
        assert_eq!(block_on(store.get(b"b")).unwrap().unwrap().value, [2; 2000]);
        assert!(block_on(store.get(b"a")).is_ok(), "the write mends the record");
        (folder, store)
    }

    fn writes() -> [Batch; 3] {
        [
            Batch::new().put("a", vec![3; 2000], Expectation::Any),
            Batch::new().put("a", "small", Expectation::Any),
            Batch::new().delete("a", Expectation::Any),
        ]
    }

    /// Tests a damaged record whose id is that of another record's large value.
    #[test]
    fn a_write_to_a_damaged_record_leaves_the_values_of_others() {
        let damage =
            "UPDATE records SET value = (SELECT value FROM records WHERE key = x'62') WHERE key = x'61'";
        for write in writes() {
            drop(written_after(damage, write));
        }
    }

    #[test]
    fn a_write_to_a_record_with_a_damaged_value_leaves_nothing_behind() {
        let damage = "UPDATE large_values SET value = zeroblob(2000) \
             WHERE id = (SELECT value FROM records WHERE key = x'61')";
        for write in writes() {
            let (_folder, store) = written_after(damage, write);
            assert!(store.verify().is_ok());
        }
    }
}
