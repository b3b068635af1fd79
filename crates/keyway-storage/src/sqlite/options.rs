//! Defines the options with which a store file is opened.

use std::path::Path;
use std::time::Duration;

use super::file::Presence;
use crate::{Sqlite, StorageError};

/// The thread that carries out a commit of a [`Sqlite`] store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitMode {
    /// Commits on the calling thread. A commit queues its batch and lets the other tasks of its thread run once. Then,
    /// if no other caller is committing, it commits all waiting batches as one group. The writer thread commits the
    /// batches that are left after this group.
    ///
    /// This mode is the fastest, because no thread needs to wake up. It blocks the calling thread for one transaction
    /// and one sync of the disk: about 0.1 ms on a solid-state disk, 10 ms on a hard disk. Once every few hundred
    /// commits it also copies the log back into the file (4 MiB). It waits for another process for at most about 0.5
    /// ms; then the writer thread takes over the wait.
    #[default]
    Inline,
    /// Always commits on the writer thread. The calling thread never waits for the disk, and each commit costs two
    /// thread switches (30 to 60 microseconds).
    ///
    /// Use it for slow disks, and for threads that must never stall.
    Thread,
}

/// Options of a [`Sqlite`] store.
///
/// ```no_run
/// use std::time::Duration;
/// use keyway_storage::{CommitMode, Sqlite};
///
/// let store = Sqlite::options()
///     .commit_mode(CommitMode::Thread)
///     .busy_deadline(Duration::from_secs(1))
///     .open("host.db")?;
/// # Ok::<(), keyway_storage::StorageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    pub(super) commit_mode: CommitMode,
    pub(super) busy_deadline: Duration,
    pub(super) readers: usize,
    pub(super) cache_bytes: usize,
}

impl SqliteOptions {
    /// Returns the defaults: commits inline, five seconds of waiting for other processes, four
    /// connections for reading, 4 MiB of cache for each connection.
    pub fn new() -> Self {
        Self {
            commit_mode: CommitMode::default(),
            busy_deadline: Duration::from_secs(5),
            readers: 4,
            cache_bytes: 4 << 20,
        }
    }

    /// Chooses the thread that carries out commits.
    #[must_use]
    pub fn commit_mode(mut self, mode: CommitMode) -> Self {
        self.commit_mode = mode;
        self
    }

    /// Sets how long a call waits while another process holds the file, before it returns [`StorageError::Locked`]. A
    /// commit behind other waiting commits may first wait for them, and then wait this long itself.
    #[must_use]
    pub fn busy_deadline(mut self, deadline: Duration) -> Self {
        self.busy_deadline = deadline;
        self
    }

    /// Sets how many reads can run at the same time (0 counts as 1). Connections are opened when
    /// they are first needed.
    #[must_use]
    pub fn readers(mut self, connections: usize) -> Self {
        self.readers = connections.max(1);
        self
    }

    /// Sets how many bytes of the file each connection caches. This limits the memory of the
    /// engine, whatever the size of the store.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Opens the store at `path`. Blocks. A relative path is resolved once, by this call, against the current folder of
    /// the process.
    ///
    /// # Errors
    /// [`StorageError::NoFile`] if the file does not exist: a deleted store, or a misspelt path, does not become an
    /// empty store. [`StorageError::Foreign`] and [`StorageError::Newer`] if the file is not for this program; it is
    /// not touched. [`StorageError::Corrupt`] if the file is empty, truncated, damaged or not a database, if it has
    /// other tables, a trigger or a view, or if its log exists without the file. [`StorageError::ReadOnly`] if the file
    /// cannot be written; [`StorageError::Locked`] if another process holds the file for too long;
    /// [`StorageError::DiskFull`]; [`StorageError::Engine`] if the system refuses.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Sqlite, StorageError> {
        Sqlite::open_with(path.as_ref(), self, Presence::There)
    }

    /// Makes a store at `path` and opens it. Blocks.
    ///
    /// The new file appears complete or not at all, even if the process is killed, or another process opens the same
    /// path at the same time. A killed process may leave a draft in the same folder: a file whose name ends in `.new`,
    /// which you may delete. The file system needs no hard links and no sync of folders.
    ///
    /// # Errors
    /// [`StorageError::FileExists`] if the file exists; the file is not touched. Also the errors of
    /// [`open`](Self::open).
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Sqlite, StorageError> {
        Sqlite::open_with(path.as_ref(), self, Presence::Absent)
    }

    /// Opens the store at `path`, and makes it if the file does not exist. Blocks. This is meant for tests, and for
    /// stores that may be lost.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), except `NoFile`.
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<Sqlite, StorageError> {
        Sqlite::open_with(path.as_ref(), self, Presence::Either)
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}
