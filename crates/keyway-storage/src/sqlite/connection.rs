//! One connection to the store file, set up as this engine needs it.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, ffi};

use super::{SqliteOptions, schema};
use crate::StorageError;

/// No thread uses a connection while another does, so SQLite needs no lock for that. The
/// file is never created here: `file` does it.
pub(super) const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Statements that a connection keeps ready. There are fewer than that.
const STATEMENTS: usize = 32;
/// Pages in the log after which a commit writes them back into the file, and the next ones begin the
/// log anew. A sync of a file that grows takes twice as long as one of bytes that are there (ext4),
/// and every log begins empty, so a store that is young or was just opened is slow until here.
const CHECKPOINT_PAGES: u32 = 1000;
/// What the log may keep on disk after it was written back.
const LOG_BYTES: u32 = 32 << 20;

/// Keeps a schema that is changed after [`schema::check`] from doing harm.
const SETTINGS: [(DbConfig, bool); 4] = [
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
];

/// Opens a connection to a file that `file::prepare` let pass.
pub(super) fn open(
    path: &Path,
    options: &SqliteOptions,
    patience: &Patience,
) -> Result<Connection, StorageError> {
    let set_up = || {
        let mut connection = Connection::open_with_flags(path, FLAGS)?;
        // Before anything is read: reading makes the companions, and their owner would be this process.
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
        connection.execute_batch(&format!(
            "PRAGMA synchronous = FULL;
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

/// How long a connection waits for other processes; shared with whoever changes it.
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

    /// From the next wait on.
    pub(super) fn set(&self, deadline: Duration) {
        self.micros.store(u64::try_from(deadline.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Short sleeps of changing length. SQLite's own back-off sleeps longer and longer, so
    /// that whoever came last gets the lock and the others wait for seconds.
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

/// What an error of SQLite's means to a caller. None of them holds a value: the statements
/// are constants and the values are bound.
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

/// Names the file in an error that says only that it is busy, full or read-only.
///
/// Errors are made where no path is at hand, and leave through here.
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

/// Errors that SQLite does not call damage, and that cannot come from a sound file: our own
/// statements fit our own tables, and no page of a whole file is cut off.
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

    /// SQLite gives up with `SQLITE_PROTOCOL` when others were first too often while it looked for its
    /// place in the log: nothing happened, and the same call may succeed.
    #[test]
    fn who_lost_the_race_for_a_lock_may_try_again() {
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
