//! A pool of a few connections that only read.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};

use super::SqliteOptions;
use super::connection::{self, Patience, failure};
use super::layout::{self, damaged, record};
use crate::{Entry, KeyRange, Limits, Page, Record, StorageError};

const ALL: &str = "SELECT revision, checksum, value, key FROM records ORDER BY key";
const GET: &str = "SELECT revision, checksum, value FROM records WHERE key = ?1";
const FROM: &str = "SELECT revision, checksum, value, key FROM records WHERE key >= ?1 ORDER BY key";
const AFTER: &str = "SELECT revision, checksum, value, key FROM records WHERE key > ?1 ORDER BY key";
const FROM_BEFORE: &str =
    "SELECT revision, checksum, value, key FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key";
const AFTER_BEFORE: &str =
    "SELECT revision, checksum, value, key FROM records WHERE key > ?1 AND key < ?2 ORDER BY key";

/// The connections for reading. A read takes one, works, and puts it back.
///
/// The lock of the pool is held only while a connection is taken or put back. A read that has a connection waits only
/// for the disk, so a caller that finds no idle connection waits for microseconds.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    options: SqliteOptions,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    /// The number of open connections, idle and taken.
    open: usize,
    /// The number of waiting callers. A wake-up is a system call, so it is skipped when no caller
    /// waits.
    waiting: usize,
    closed: bool,
}

impl Readers {
    /// Opens the first connection, so that opening the store fails if the file cannot be read.
    pub(super) fn new(path: PathBuf, options: SqliteOptions) -> Result<Self, StorageError> {
        let readers = Self { path, options, pool: Mutex::default(), returned: Condvar::new() };
        readers.get(b"")?;
        Ok(readers)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached(GET).map_err(|error| failure("read a record", error))?;
            let mut rows = statement.query([key]).map_err(|error| failure("read a record", error))?;
            match rows.next().map_err(|error| failure("read a record", error))? {
                Some(row) => record(connection, key, row).map(Some),
                None => Ok(None),
            }
        })
    }

    pub(super) fn scan(
        &self,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, StorageError> {
        let limits = Limits::LOCAL;
        let limit = limit.clamp(1, limits.page_records);
        let (start, exclusive) = match after {
            Some(after) if after >= range.start() => (after, true),
            _ => (range.start(), false),
        };
        let sql = match (exclusive, range.end()) {
            (false, None) => FROM,
            (true, None) => AFTER,
            (false, Some(_)) => FROM_BEFORE,
            (true, Some(_)) => AFTER_BEFORE,
        };
        self.with(|connection| {
            let broken = |error| failure("read a page", error);
            let mut statement = connection.prepare_cached(sql).map_err(broken)?;
            let mut rows = match range.end() {
                Some(end) => statement.query(params![start, end]),
                None => statement.query([start]),
            }
            .map_err(broken)?;
            let mut page = Page::default();
            let mut bytes = 0;
            // Rows come one by one from the index, so at most one row beyond the limit is visited.
            while let Some(row) = rows.next().map_err(broken)? {
                if page.entries.len() == limit {
                    page.more = true;
                    break;
                }
                let key = layout::key(row, 3)?;
                let Record { value, revision } = record(connection, key, row)?;
                bytes += key.len() + value.len();
                if bytes > limits.page_bytes && !page.entries.is_empty() {
                    page.more = true;
                    break;
                }
                page.entries.push(Entry { key: key.to_vec(), value, revision });
            }
            Ok(page)
        })
    }

    /// Implements [`Sqlite::verify`](super::Sqlite::verify). Uses a separate connection, because the check takes long.
    pub(super) fn verify(&self) -> Result<u64, StorageError> {
        if self.lock().closed {
            return Err(StorageError::Closed);
        }
        let broken = |error| failure("check the store file", error);
        let connection = self.connect()?;
        // One snapshot covers the whole check.
        connection.execute_batch("BEGIN").map_err(broken)?;
        let report: String =
            connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(broken)?;
        if report != "ok" {
            return Err(StorageError::Corrupt { detail: report.replace('\n', " ") });
        }
        let mut statement = connection.prepare(ALL).map_err(broken)?;
        let mut rows = statement.query([]).map_err(broken)?;
        let (mut records, mut large) = (0, 0_i64);
        let mut last = Vec::new();
        while let Some(row) = rows.next().map_err(broken)? {
            let key = layout::key(row, 3)?;
            if key <= last.as_slice() {
                return Err(damaged("keys are not in order"));
            }
            last.clear();
            last.extend_from_slice(key);
            let record = record(&connection, key, row)?;
            records += 1;
            large += i64::from(layout::is_large(key, &record.value));
        }
        let kept: i64 = connection
            .query_row("SELECT count(*) FROM large_values", [], |row| row.get(0))
            .map_err(broken)?;
        if kept != large {
            return Err(damaged("a large value belongs to no record"));
        }
        Ok(records)
    }

    /// Waits for running reads, and closes all connections.
    pub(super) fn close(&self) {
        let mut pool = self.lock();
        pool.closed = true;
        self.returned.notify_all();
        while pool.open > pool.idle.len() {
            pool = self.wait(pool);
        }
        pool.open = 0;
        let idle = std::mem::take(&mut pool.idle);
        drop(pool);
        drop(idle);
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let lent = self.take()?;
        lent.connection.as_ref().map_or(Err(StorageError::Closed), read)
    }

    fn take(&self) -> Result<Lent<'_>, StorageError> {
        let mut pool = self.lock();
        loop {
            if pool.closed {
                return Err(StorageError::Closed);
            }
            if let Some(connection) = pool.idle.pop() {
                return Ok(Lent { connection: Some(connection), readers: self });
            }
            if pool.open < self.options.readers {
                pool.open += 1;
                drop(pool);
                // The connection is already counted. If opening fails, dropping `lent` corrects the count.
                let mut lent = Lent { connection: None, readers: self };
                lent.connection = Some(self.connect()?);
                return Ok(lent);
            }
            pool = self.wait(pool);
        }
    }

    fn wait<'a>(&self, mut pool: MutexGuard<'a, Pool>) -> MutexGuard<'a, Pool> {
        pool.waiting += 1;
        let mut pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        pool.waiting -= 1;
        pool
    }

    fn connect(&self) -> Result<Connection, StorageError> {
        let connection =
            connection::open(&self.path, &self.options, &Patience::new(self.options.busy_deadline))?;
        connection
            .execute_batch("PRAGMA query_only = ON")
            .map_err(|error| failure("open the store file", error))?;
        Ok(connection)
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that a read has taken. Dropping it puts the connection back, even during a panic.
struct Lent<'a> {
    connection: Option<Connection>,
    readers: &'a Readers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.lock();
        match self.connection.take() {
            Some(connection) => pool.idle.push(connection),
            None => pool.open -= 1,
        }
        let (waiting, closed) = (pool.waiting, pool.closed);
        drop(pool);
        if closed {
            self.readers.returned.notify_all();
        } else if waiting > 0 {
            self.readers.returned.notify_one();
        }
    }
}
