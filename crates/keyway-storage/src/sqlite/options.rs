//! How a store file is opened.

use std::path::Path;
use std::time::Duration;

use super::file::Presence;
use crate::{Sqlite, StorageError};

/// Which thread carries out a commit of a [`Sqlite`] store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitMode {
    /// The calling thread. A commit queues its batch and lets the other tasks of its thread
    /// run once; then, if nobody else is committing, it commits everything that waits as
    /// one group. What is left over goes to the writer thread.
    ///
    /// The fastest, because nothing has to wake up. It blocks the calling thread for one
    /// transaction, so for one sync of the disk: about 0.1 ms on a solid-state disk, 10 ms on
    /// a spinning one; and once every few hundred commits also for writing the log back
    /// into the file (4 MiB). It never blocks for another process.
    #[default]
    Inline,
    /// Always the writer thread. The calling thread never waits for the disk, and each
    /// commit costs two switches of threads (30 to 60 microseconds).
    ///
    /// Right for slow disks, and where a thread must never stand still.
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
    /// The defaults: commits inline, five seconds of patience with other processes, four
    /// connections for reading, 4 MiB of cache for each connection.
    pub fn new() -> Self {
        Self {
            commit_mode: CommitMode::default(),
            busy_deadline: Duration::from_secs(5),
            readers: 4,
            cache_bytes: 4 << 20,
        }
    }

    /// Which thread carries out commits.
    #[must_use]
    pub fn commit_mode(mut self, mode: CommitMode) -> Self {
        self.commit_mode = mode;
        self
    }

    /// How long a call waits while another process holds the file, before it answers
    /// [`StorageError::Locked`]. A commit that comes while others wait already may wait
    /// for them first, and then that long itself.
    #[must_use]
    pub fn busy_deadline(mut self, deadline: Duration) -> Self {
        self.busy_deadline = deadline;
        self
    }

    /// How many reads can run at the same time (0 is taken as 1). Connections are opened
    /// when they are first needed.
    #[must_use]
    pub fn readers(mut self, connections: usize) -> Self {
        self.readers = connections.max(1);
        self
    }

    /// How many bytes of the file each connection keeps in memory. All connections
    /// together bound what the engine uses, whatever the size of the store.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Opens the store at `path`. Blocks. A relative path is taken from the folder that the process is in now,
    /// also when it goes elsewhere later.
    ///
    /// # Errors
    /// [`StorageError::NoFile`] when there is no file: a store that was deleted or whose path is misspelt does not
    /// become an empty one. [`StorageError::Foreign`] and [`StorageError::Newer`] when the file is not for this
    /// program, which is then not touched; [`StorageError::Corrupt`] when it is empty, truncated, not a database or
    /// damaged, has other tables, a trigger or a view, or when its log is there without it;
    /// [`StorageError::ReadOnly`] when it cannot be written; [`StorageError::Locked`] when another process
    /// holds it for too long; [`StorageError::DiskFull`]; [`StorageError::Engine`] when the system refuses.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Sqlite, StorageError> {
        Sqlite::open_with(path.as_ref(), self, Presence::There)
    }

    /// Makes a store at `path` and opens it. Blocks.
    ///
    /// The new file appears complete or not at all, also when the process is killed or another one
    /// opens the same path meanwhile; a draft that a killed process left beside it (its name ends
    /// in `.new`) may be deleted. The file system needs no hard links and no sync of folders.
    ///
    /// # Errors
    /// [`StorageError::FileExists`] when there is a file, which is not touched; those of [`open`](Self::open).
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Sqlite, StorageError> {
        Sqlite::open_with(path.as_ref(), self, Presence::Absent)
    }

    /// Opens the store at `path`, and makes it when there is no file. Blocks. For tests, and for stores that may be
    /// lost.
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
