//! Defines the tables of a store file, and compares a file with them.

use rusqlite::Connection;

use super::connection::failure;
use super::layout::damaged;
use crate::StorageError;

/// The version of this schema. A later schema gets the next number.
pub(super) const VERSION: u32 = 1;

/// The tables by name, in order. SQLite keeps the text of a statement unchanged, so a store file has exactly these
/// texts, white space included.
///
/// `records` has no row ids, so its B-tree holds small records in the order of their keys: one search finds a record,
/// and neighbouring records share pages. A list or a rotation therefore reads a tenth of the pages that a table in
/// creation order would need. A large value would slow every search for its neighbours, so it is in `large_values`, and
/// `value` holds its id. `layout` decides which values are large.
const TABLES: [(&str, &str); 2] = [
    (
        "large_values",
        "CREATE TABLE large_values (
        id INTEGER PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT",
    ),
    (
        "records",
        "CREATE TABLE records (
        key BLOB NOT NULL PRIMARY KEY,
        revision INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        value ANY NOT NULL
    ) STRICT, WITHOUT ROWID",
    ),
];

const FOUND: &str = "SELECT type, name, sql FROM sqlite_schema ORDER BY name";

/// Makes the tables.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    TABLES.iter().try_for_each(|(_, sql)| connection.execute_batch(sql))
}

/// Refuses a file that has anything but these tables. A planted trigger, view or index would take part in every later
/// commit.
///
/// See decision H59.
pub(super) fn check(connection: &Connection) -> Result<(), StorageError> {
    let broken = |error| failure("read the schema", error);
    let mut statement = connection.prepare(FOUND).map_err(broken)?;
    let mut rows = statement.query([]).map_err(broken)?;
    let mut wanted = TABLES.iter();
    while let Some(row) = rows.next().map_err(broken)? {
        let column = |at| row.get_ref(at).ok().and_then(|value| value.as_str().ok()).unwrap_or_default();
        let found = (column(0), column(1), column(2));
        if wanted.next().is_none_or(|&(name, sql)| found != ("table", name, sql)) {
            // The names come from the writer of the file, so they are shortened and escaped.
            let name: String = found.1.chars().take(64).collect();
            return Err(damaged(&format!("its {} {name:?} is not one of Keyway's", found.0.escape_debug())));
        }
    }
    match wanted.next() {
        None => Ok(()),
        Some((name, _)) => Err(damaged(&format!("it has no table {name:?}"))),
    }
}
