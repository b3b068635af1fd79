//! The embedded engine: one SQLite file.

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

/// A store in one SQLite file: the embedded default.
///
/// A clone is a handle to the same open store. Several handles and several processes of
/// one machine may have the same file open; it must not lie on a network file system. The
/// file is made with mode 0600, and SQLite keeps two companions beside it while it is open
/// (`-wal`, `-shm`), which belong to it: never copy, move or delete one without the others.
///
/// # Durability
/// A commit is acknowledged after its transaction was synced to the disk (write-ahead log,
/// `synchronous=FULL`; decision C6): it survives a killed process and a power cut.
///
/// # Blocking
/// A read does its work inside the call on one of a few connections: microseconds for a
/// record, and a page is bounded. It never waits for a writer, only for another read when
/// there are more readers at a time than connections. What a commit does depends on
/// [`CommitMode`]. A call whose file is locked by another process waits, at most
/// [`SqliteOptions::busy_deadline`], and answers [`StorageError::Locked`] then;
/// commits do that waiting on the writer thread, not on the caller's.
///
/// # Damage
/// Every record carries a checksum over key, revision and value that every read verifies,
/// and SQLite checks its own structure as it reads: damage that a call meets is
/// [`StorageError::Corrupt`]. So is a schema that is not exactly Keyway's, when the file is opened: a
/// trigger or a view that was planted never runs (H59). Damage that hides a record from its index is found by
/// [`verify`](Self::verify) only.
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
    /// As [`SqliteOptions::open`]; [`StorageError::NoFile`] when there is no file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        SqliteOptions::new().open(path)
    }

    /// Makes a store at `path` with the default options and opens it. Blocks.
    ///
    /// # Errors
    /// As [`SqliteOptions::create`]; [`StorageError::FileExists`] when there is a file.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        SqliteOptions::new().create(path)
    }

    /// Opens the store at `path` with the default options, and makes it when there is no file. Blocks. For tests,
    /// and for stores that may be lost.
    ///
    /// # Errors
    /// As [`SqliteOptions::open_or_create`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        SqliteOptions::new().open_or_create(path)
    }

    /// The options, to change some before opening.
    pub fn options() -> SqliteOptions {
        SqliteOptions::new()
    }

    /// Closes the store for all clones of this handle: finishes the commits that wait,
    /// writes the log back into the file when no other process has it open, and stops the
    /// writer thread. Blocks while it does so.
    ///
    /// Calls that come later answer [`StorageError::Closed`]. Dropping the last clone does
    /// the same. Closing twice is fine.
    pub fn close(&self) {
        self.handle.close();
    }

    /// Reads the whole file and checks its schema, its structure, its index and every record's
    /// checksum. Answers how many records there are.
    ///
    /// Blocks for as long as reading the file takes; other calls go on meanwhile.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] with the first thing found, [`StorageError::Closed`],
    /// [`StorageError::Locked`], [`StorageError::Engine`].
    pub fn verify(&self) -> Result<u64, StorageError> {
        self.handle.shared().readers().verify().map_err(|error| self.with_path(error))
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

    /// A read comes from the page cache or a local disk; a commit waits for a sync.
    fn pace(&self) -> Pace {
        Pace::PromptReads
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.handle.shared().readers().get(key).map_err(|error| self.with_path(error))
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        let page = self.handle.shared().readers().scan(range, after, limit);
        page.map_err(|error| self.with_path(error))
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        batch.validate(&Limits::LOCAL)?;
        self.handle.shared().commit(batch).await.map_err(|error| self.with_path(error))
    }
}
