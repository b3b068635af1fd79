//! Applies one batch inside an open transaction.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::connection::failure;
use super::layout::{checksum, damaged, is_large};
use crate::{Batch, Expectation, Item, ItemAction, Revision, StorageError};

const FIND: &str = "SELECT revision, value FROM records WHERE key = ?1";
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
        /// The position of the first such item in the batch.
        item: usize,
    },
}

/// The record at a key before the batch.
#[derive(Clone, Copy)]
struct Found {
    revision: Revision,
    /// The id of the value in the table of large values, if it is large.
    large: Option<i64>,
}

/// Applies the items of `batch`, whose keys are all different. It checks all expectations before
/// the first write, so a conflict never needs to be undone.
pub(super) fn apply(
    connection: &Connection,
    batch: &Batch,
    revision: Revision,
) -> Result<Applied, StorageError> {
    let direct = direct_insert(batch);
    let mut found = Vec::with_capacity(batch.items().len());
    for (place, item) in batch.items().iter().enumerate() {
        if Some(place) == direct {
            found.push(None);
            continue;
        }
        let there = match item.action() {
            ItemAction::Check => find_revision(connection, item.key())?,
            ItemAction::Put { .. } | ItemAction::Delete => find(connection, item.key())?,
        };
        if !item.expectation().is_met_by(there.map(|found| found.revision)) {
            // The check that was left to the insert must be made now, since that item may come
            // first.
            return match direct.filter(|&direct| direct < place) {
                Some(direct) if find(connection, batch.items()[direct].key())?.is_some() => {
                    Ok(Applied::Conflict { item: direct })
                }
                _ => Ok(Applied::Conflict { item: place }),
            };
        }
        found.push(there);
    }
    if let Some(place) = direct
        && !write(connection, &batch.items()[place], None, revision)?
    {
        return Ok(Applied::Conflict { item: place });
    }
    for (place, (item, found)) in batch.items().iter().zip(found).enumerate() {
        if Some(place) != direct && !write(connection, item, found, revision)? {
            return Err(damaged("a record exists but cannot be found"));
        }
    }
    Ok(Applied::All)
}

/// Returns the item whose expectation the write itself can check: the creation of a small record,
/// if the batch has only one. That saves a search of the tree in the most frequent commit.
fn direct_insert(batch: &Batch) -> Option<usize> {
    let mut candidates = batch.items().iter().enumerate().filter(|(_, item)| {
        item.expectation() == Expectation::Absent
            && matches!(item.action(), ItemAction::Put { value } if !is_large(item.key(), value))
    });
    let first = candidates.next()?;
    candidates.next().is_none().then_some(first.0)
}

/// Writes an item. Returns `false` if a record to create already exists, or a record to change does
/// not.
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

/// Stores a large value in place of the old one; for a small value, only removes the old large one.
fn store_large(
    connection: &Connection,
    key: &[u8],
    value: &[u8],
    old: Option<i64>,
) -> Result<Option<i64>, StorageError> {
    match (is_large(key, value), old) {
        (true, Some(id)) => {
            run(connection, UPDATE_LARGE, params![id, value])?;
            Ok(Some(id))
        }
        (true, None) => {
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
    let large = match row.get_ref(1).map_err(broken)? {
        ValueRef::Integer(id) => Some(id),
        _ => None,
    };
    Ok(Some(Found { revision: Revision::from_bits(bits.cast_unsigned()), large }))
}

/// Finds a record like [`find`], for an item that writes nothing.
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
