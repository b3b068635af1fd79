//! Opens one connection to the store file, with the settings of this engine.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, ffi};

use super::{SqliteOptions, schema};
use crate::StorageError;

/// The flags of every connection. No two threads use a connection at the same time, so SQLite needs no mutex in the
/// connection. A connection does not create the file; only the module `file` does.
pub(super) const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// The number of prepared statements that a connection caches. The engine has fewer statements.
const STATEMENTS: usize = 32;
/// The number of log pages after which a commit copies the log back into the file. Later commits then overwrite the log
/// from its start. That is faster: syncing a growing file takes twice as long as overwriting existing bytes (ext4).
/// Every log starts empty, so a new or freshly opened store is slower until its log has this size.
const CHECKPOINT_PAGES: u32 = 1000;
/// The size to which the log is cut after it was copied back.
const LOG_BYTES: u32 = 32 << 20;

/// Settings that keep a schema from doing harm if it is changed after [`schema::check`].
const SETTINGS: [(DbConfig, bool); 4] = [
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
];

/// Opens a connection to a file that `file::prepare` accepted.
pub(super) fn open(
    path: &Path,
    options: &SqliteOptions,
    patience: &Patience,
) -> Result<Connection, StorageError> {
    let set_up = || {
        let mut connection = Connection::open_with_flags(path, FLAGS)?;
        // This is checked before the first read, because reading creates the companion files, and this process would
        // own them.
        if connection.is_readonly(MAIN_DB)? {
            return Ok(None);
        }
        for (setting, value) in SETTINGS {
            connection.set_db_config(setting, value)?;
        }
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.busy_handler(Some(patience.handler()))?;
        let cache_kib = (options.cache_bytes >> 10).clamp(64, 1 << 30);
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        // `fullfsync` matters on Apple's systems only, where a plain sync leaves data in the cache of the disk.
        connection.execute_batch(&format!(
            "PRAGMA synchronous = FULL;
             PRAGMA fullfsync = ON;
             PRAGMA cache_size = -{cache_kib};
             PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};
             PRAGMA journal_size_limit = {LOG_BYTES};
             PRAGMA cell_size_check = ON;
             PRAGMA temp_store = MEMORY;"
        ))?;
        Ok(Some((connection, mode)))
    };
    let opened = set_up().map_err(|error| failure("open the store file", error))?;
    let Some((connection, mode)) = opened else {
        return Err(StorageError::ReadOnly { path: path.to_owned() });
    };
    if !mode.eq_ignore_ascii_case("wal") {
        let said = format!("the file system allows the journal mode {mode} only");
        let source = Arc::new(std::io::Error::other(said));
        return Err(StorageError::Engine { action: "keep a write-ahead log", source });
    }
    schema::check(&connection)?;
    Ok(connection)
}

/// The time that a connection waits for other processes. It can be changed while the connection is in use.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    micros: Arc<AtomicU64>,
}

impl Patience {
    pub(super) fn new(deadline: Duration) -> Self {
        let patience = Self { micros: Arc::default() };
        patience.set(deadline);
        patience
    }

    /// Sets the deadline of later waits.
    pub(super) fn set(&self, deadline: Duration) {
        self.micros.store(u64::try_from(deadline.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Returns the handler that SQLite calls while another connection holds a lock. It sleeps for short times of
    /// varying length. With SQLite's own back-off, a caller sleeps longer each time, so the latest caller gets the
    /// lock, and earlier callers wait for seconds.
    fn handler(&self) -> impl FnMut(i32) -> bool + Send + use<> {
        let patience = self.clone();
        let mut since = Instant::now();
        let mut noise = u64::from(std::process::id()) | 1;
        move |attempt| {
            if attempt == 0 {
                since = Instant::now();
            }
            if since.elapsed() >= Duration::from_micros(patience.micros.load(Ordering::Relaxed)) {
                return false;
            }
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            std::thread::sleep(Duration::from_micros(30 + noise % 170));
            true
        }
    }
}

/// Converts an error of SQLite for callers. The result never holds a value, since statements are constants and values
/// are bound.
pub(super) fn failure(action: &'static str, error: rusqlite::Error) -> StorageError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            StorageError::Unavailable { retry_after: None }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StorageError::Corrupt { detail: error.to_string() }
        }
        _ if shows_damage(&error) => {
            StorageError::Corrupt { detail: format!("the file is not as it was made: {error}") }
        }
        _ => StorageError::Engine { action, source: Arc::new(error) },
    }
}

/// Adds the path to an error of a file that is busy, full or read-only.
///
/// Such an error is made where the path is unknown; this function adds the path before the error is returned.
pub(super) fn with_path(path: &Path, error: StorageError) -> StorageError {
    let path = || path.to_owned();
    match error {
        StorageError::Unavailable { retry_after: None } => StorageError::Locked { path: path() },
        StorageError::Engine { source, .. } if is_full(&*source) => {
            StorageError::DiskFull { path: path(), source }
        }
        StorageError::Engine { source, .. } if is_read_only(&*source) => {
            StorageError::ReadOnly { path: path() }
        }
        other => other,
    }
}

fn is_full(source: &(dyn Error + Send + Sync + 'static)) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    sqlite_code(source) == Some(ErrorCode::DiskFull)
        || io_kind(source).is_some_and(|kind| matches!(kind, StorageFull | QuotaExceeded))
}

fn is_read_only(source: &(dyn Error + Send + Sync + 'static)) -> bool {
    sqlite_code(source) == Some(ErrorCode::ReadOnly)
        || io_kind(source) == Some(std::io::ErrorKind::ReadOnlyFilesystem)
}

fn sqlite_code(source: &(dyn Error + Send + Sync + 'static)) -> Option<ErrorCode> {
    source.downcast_ref::<rusqlite::Error>()?.sqlite_error_code()
}

fn io_kind(source: &(dyn Error + Send + Sync + 'static)) -> Option<std::io::ErrorKind> {
    source.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
}

/// Recognizes errors that SQLite does not report as damage, but that cannot occur in a sound file: the engine's
/// statements fit its own tables, and no page of a complete file is cut off.
fn shows_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(cause, _) => matches!(
            cause.extended_code,
            ffi::SQLITE_ERROR | ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS
        ),
        rusqlite::Error::SqlInputError { .. }
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests `SQLITE_PROTOCOL`: SQLite gives up because other processes were too often first to lock the log. Nothing
    /// happened, and the same call may succeed later.
    #[test]
    fn a_caller_that_lost_the_race_for_a_lock_may_try_again() {
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_BUSY_RECOVERY, ffi::SQLITE_LOCKED, ffi::SQLITE_PROTOCOL] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = failure("read a record", error);
            assert!(matches!(error, StorageError::Unavailable { .. }), "{code}: {error:?}");
        }
        let full = rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None);
        let full = failure("write a record", full);
        assert!(matches!(full, StorageError::Engine { .. }));
        let named = with_path(Path::new("/store.db"), full);
        assert_eq!(named.to_string(), "the disk of /store.db is full: free some space and try again");
    }

    #[test]
    fn an_error_names_the_file_and_the_remedy() {
        let path = Path::new("/store.db");
        let of = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            with_path(path, failure("write a record", error)).to_string()
        };
        assert!(of(ffi::SQLITE_BUSY).starts_with("another process keeps the store file /store.db locked: "));
        assert!(of(ffi::SQLITE_READONLY).starts_with("/store.db cannot be written: "));
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let full = StorageError::Engine { action: "make the store file", source: Arc::new(full) };
        assert!(with_path(path, full).to_string().starts_with("the disk of /store.db is full"));
    }
}
