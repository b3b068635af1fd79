//! Implements the embedded engine on one SQLite file.

mod apply;
mod connection;
mod file;
mod layout;
mod options;
mod queue;
mod readers;
mod schema;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Batch, CommitOutcome, KeyRange, Limits, Pace, Page, Record, Storage, StorageError};

pub use options::{CommitMode, SqliteOptions};

use queue::Handle;
use readers::Readers;

/// A store in one SQLite file: the embedded default.
///
/// A clone is a handle to the same open store. Several handles and several processes of one machine may have the same
/// file open; it must not be on a network file system. The file has mode 0600. While it is open, SQLite keeps two
/// companion files beside it (`-wal`, `-shm`): never copy, move or delete one without the others.
///
/// # Durability
/// A commit is acknowledged after its transaction is synced to the disk (write-ahead log, `synchronous=FULL`), so it
/// survives a killed process and a power cut (decision C6). If a sync fails, the engine overwrites the transaction in
/// the log. If that fails, too, the commit answers [`StorageError::Indeterminate`], and other calls of this handle fail
/// until the disk works again. Other handles and processes do not know of the failure; they may read the records from
/// before the commit until one of them commits (decision H346).
///
/// # Blocking
/// A read works inside the call on one of a few connections: a record takes microseconds, and the size of a page is
/// bounded. A read waits for a writer only to settle an interrupted commit, and waits for other reads only if there are
/// more reads than connections.
/// [`CommitMode`] decides on which thread a commit works. A call whose file is locked by another process waits at most
/// [`SqliteOptions::busy_deadline`] and then returns [`StorageError::Locked`]. A commit does this waiting on the writer
/// thread; with [`CommitMode::Inline`], it first waits on the caller's thread for at most about 0.5 ms.
///
/// # Damage
/// Every record carries a checksum over key, revision and value, which every read verifies, and SQLite checks its own
/// structure as it reads. A call that meets damage returns [`StorageError::Corrupt`]. A file whose schema is not
/// exactly Keyway's is refused with the same error, so a planted trigger or view never runs (decision H59). Only
/// [`verify`](Self::verify) finds damage that hides a record from its index.
///
/// ```
/// use keyway_storage::{Batch, Expectation, Sqlite, Storage};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("host.db");
/// # pollster::block_on(async {
/// let store = Sqlite::create(&path)?;
/// let _ = store.commit(Batch::new().put("greeting", "hello", Expectation::Any)).await?;
/// store.close();
///
/// let again = Sqlite::open(&path)?;
/// assert_eq!(again.get(b"greeting").await?.unwrap().value, b"hello");
/// # Ok::<(), keyway_storage::StorageError>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Sqlite {
    handle: Arc<Handle>,
}

impl Sqlite {
    /// Opens the store at `path` with the default options. Blocks.
    ///
    /// # Errors
    /// As [`SqliteOptions::open`]; [`StorageError::NoFile`] if the file does not exist.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        SqliteOptions::new().open(path)
    }

    /// Makes a store at `path` with the default options and opens it. Blocks.
    ///
    /// # Errors
    /// As [`SqliteOptions::create`]; [`StorageError::FileExists`] if the file exists.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        SqliteOptions::new().create(path)
    }

    /// Opens the store at `path` with the default options, and makes it if the file does not exist. Blocks. This is
    /// meant for tests, and for stores that may be lost.
    ///
    /// # Errors
    /// As [`SqliteOptions::open_or_create`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        SqliteOptions::new().open_or_create(path)
    }

    /// Returns the default options, to change some before opening.
    pub fn options() -> SqliteOptions {
        SqliteOptions::new()
    }

    /// Closes the store for all clones of this handle: finishes waiting commits, copies the log back into the file if
    /// no other process has it open, and stops the writer thread. Blocks until that is done.
    ///
    /// Later calls return [`StorageError::Closed`]. Dropping the last clone does the same. Closing
    /// twice is harmless.
    pub fn close(&self) {
        self.handle.close();
    }

    /// Reads the whole file and checks its schema, its structure, its index and every record's
    /// checksum. Returns the number of records.
    ///
    /// Blocks for as long as reading the file takes. Other calls continue during that time.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] with the first damage found, [`StorageError::Closed`],
    /// [`StorageError::Locked`], [`StorageError::Engine`].
    pub fn verify(&self) -> Result<u64, StorageError> {
        let checked = self.handle.shared().readers().and_then(Readers::verify);
        checked.map_err(|error| self.with_path(error))
    }
}

impl Sqlite {
    fn with_path(&self, error: StorageError) -> StorageError {
        connection::with_path(self.handle.shared().path(), error)
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.handle.shared().path()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Storage for Sqlite {
    fn limits(&self) -> Limits {
        Limits::LOCAL
    }

    /// Returns [`Pace::PromptReads`]: reads come from the page cache or a local disk, and a commit waits for a sync.
    fn pace(&self) -> Pace {
        Pace::PromptReads
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        let read = self.handle.shared().readers().and_then(|readers| readers.get(key));
        read.map_err(|error| self.with_path(error))
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        let page = self.handle.shared().readers().and_then(|readers| readers.scan(range, after, limit));
        page.map_err(|error| self.with_path(error))
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        batch.validate(&Limits::LOCAL)?;
        self.handle.to_commit()?.commit(batch).await.map_err(|error| self.with_path(error))
    }
}
