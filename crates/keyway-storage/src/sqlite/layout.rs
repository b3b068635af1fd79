//! Maps a record to the tables of `schema`.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::connection::failure;
use crate::{Record, Revision, StorageError};

const LARGE: &str = "SELECT value FROM large_values WHERE id = ?1";

/// The maximum length of key and value together for a record whose value is kept in the table `records`. That table is
/// a tree ordered by key (`WITHOUT ROWID`). Of a row in such a table, SQLite keeps at most 1,002 bytes on a page of 4
/// KiB, and the other columns need some of these bytes. A longer row would overflow to separate pages, and the tree
/// would grow tall.
const SMALL_BYTES: usize = 940;

/// Tells whether the value belongs in the table of large values.
pub(super) fn is_large(key: &[u8], value: &[u8]) -> bool {
    key.len() + value.len() > SMALL_BYTES
}

/// Computes the checksum of a record over its key, revision and value.
pub(super) fn checksum(key: &[u8], revision: u64, value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&revision.to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

/// Reads the record from a row that starts with the columns `revision, checksum, value`, and verifies its checksum.
///
/// The statement of the row is still active, so a large value comes from the same snapshot as the row.
pub(super) fn record(connection: &Connection, key: &[u8], row: &Row<'_>) -> Result<Record, StorageError> {
    let broken = |error| failure("read a record", error);
    let bits = row.get::<_, i64>(0).map_err(broken)?.cast_unsigned();
    let stored: u32 = row.get(1).map_err(broken)?;
    let value = match row.get_ref(2).map_err(broken)? {
        ValueRef::Blob(value) => value.to_vec(),
        ValueRef::Integer(id) => large(connection, id)?,
        _ => return Err(damaged("a record is not made of bytes")),
    };
    if checksum(key, bits, &value) != stored {
        return Err(damaged("the checksum of a record does not fit"));
    }
    Ok(Record { value, revision: Revision::from_bits(bits) })
}

/// Reads a column that holds a key.
pub(super) fn key<'row>(row: &'row Row<'_>, column: usize) -> Result<&'row [u8], StorageError> {
    let key = row.get_ref(column).map_err(|error| failure("read a record", error))?;
    key.as_blob().map_err(|_| damaged("a key is not made of bytes"))
}

pub(super) fn damaged(what: &str) -> StorageError {
    StorageError::Corrupt { detail: what.to_owned() }
}

fn large(connection: &Connection, id: i64) -> Result<Vec<u8>, StorageError> {
    let broken = |error| failure("read a large value", error);
    let mut statement = connection.prepare_cached(LARGE).map_err(broken)?;
    let value = statement.query_row([id], |row| row.get(0)).optional().map_err(broken)?;
    value.ok_or_else(|| damaged("a large value is missing"))
}
