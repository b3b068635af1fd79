//! A bare table in SQLite. Its cost is the lower limit for any store on SQLite.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};

/// A table with a BLOB key and a BLOB value. It uses cached statements, WAL and `synchronous=FULL`.
#[derive(Debug)]
pub struct BareTable {
    connection: Connection,
}

impl BareTable {
    /// Creates the table in a new file. The table has no row ids: SQLite stores the rows sorted by key, as the engine
    /// `Sqlite` stores records. This is the fastest layout for one row at a time.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn create(file: &Path) -> Result<Self, rusqlite::Error> {
        Self::of_layout(file, "WITHOUT ROWID")
    }

    /// Creates the table in a new file, with row ids: SQLite appends the rows, and keeps the keys in an index. This is
    /// the fastest layout for many rows at once.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn with_row_ids(file: &Path) -> Result<Self, rusqlite::Error> {
        Self::of_layout(file, "")
    }

    fn of_layout(file: &Path, layout: &str) -> Result<Self, rusqlite::Error> {
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(&format!(
            "CREATE TABLE item (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) {layout}"
        ))?;
        Ok(Self { connection })
    }

    /// Fills the table with `rows` rows. All rows have the same value, and keys of `key_length` bytes.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn filled(mut self, rows: u32, key_length: usize, value: &[u8]) -> Result<Self, rusqlite::Error> {
        self.insert_all((0..rows).map(|number| (peer_key(number, key_length), value)))?;
        Ok(self)
    }

    /// Inserts one row, durably.
    ///
    /// # Errors
    /// Those of SQLite, also when the key exists.
    pub fn insert(&self, key: &[u8], value: &[u8]) -> Result<(), rusqlite::Error> {
        self.connection
            .prepare_cached("INSERT INTO item (key, value) VALUES (?1, ?2)")?
            .execute(params![key, value])?;
        Ok(())
    }

    /// Inserts many rows in one transaction.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn insert_all<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        rows: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO item (key, value) VALUES (?1, ?2)")?;
            for (key, value) in rows {
                insert.execute(params![key.as_ref(), value.as_ref()])?;
            }
        }
        transaction.commit()
    }

    /// Puts and removes rows in one transaction, durably.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn change(&mut self, rows: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        {
            let put =
                "INSERT INTO item (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
            let mut put = transaction.prepare_cached(put)?;
            let mut remove = transaction.prepare_cached("DELETE FROM item WHERE key = ?1")?;
            for (key, value) in rows {
                match value {
                    Some(value) => put.execute(params![key, value])?,
                    None => remove.execute(params![key])?,
                };
            }
        }
        transaction.commit()
    }

    /// Reads the value of a key. Returns `None` if the table does not have the key.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, rusqlite::Error> {
        self.connection
            .prepare_cached("SELECT value FROM item WHERE key = ?1")?
            .query_row(params![key], |row| row.get(0))
            .optional()
    }
}

/// Returns the key of the peer's row with the given number.
///
/// The keys are pseudo-random, because in the generic store, too, the order of the keys is unrelated to the names.
pub fn peer_key(number: u32, length: usize) -> Vec<u8> {
    let mut state = u64::from(number) + 1;
    let mut key = Vec::with_capacity(length + 8);
    while key.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        key.extend((mixed ^ (mixed >> 31)).to_be_bytes());
    }
    key.truncate(length);
    key
}

#[cfg(test)]
mod tests {
    use super::BareTable;

    #[test]
    fn the_peer_keeps_what_it_is_given_as_safely_as_it_says() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut table = BareTable::create(&directory.path().join("table")).expect("a table");
        table.insert(b"a", b"1").expect("an insert");
        table.insert_all([(b"b", b"2"), (b"c", b"3")]).expect("inserts");
        assert!(table.insert(b"a", b"2").is_err());
        assert_eq!(table.get(b"a").expect("a read").as_deref(), Some(&b"1"[..]));
        assert_eq!(table.get(b"c").expect("a read").as_deref(), Some(&b"3"[..]));
        assert_eq!(table.get(b"d").expect("a read"), None);
        let pragma = |name| table.connection.pragma_query_value(None, name, |row| row.get::<_, String>(0));
        assert_eq!(pragma("journal_mode").expect("a mode"), "wal");
        let synchronous: i64 =
            table.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).expect("a level");
        assert_eq!(synchronous, 2, "FULL");
    }
}
