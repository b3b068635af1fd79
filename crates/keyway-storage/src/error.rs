//! The errors of storage engines.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keyway_core::{Effect, ErrorKind, PluginError};

/// An error of a storage engine.
///
/// A conflict is not an error: if two callers change the same record, the later caller gets a
/// [`CommitOutcome`](crate::CommitOutcome) that says so. No message holds a key or a value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A batch has more items than the engine takes. Nothing was written.
    #[error("the batch has {items} items and the engine takes {limit}: split it")]
    TooManyItems {
        /// The number of items in the batch.
        items: usize,
        /// [`Limits::items_per_batch`](crate::Limits::items_per_batch).
        limit: usize,
    },
    /// A batch has more bytes of keys and values than the engine takes. Nothing was written.
    #[error("the batch has {bytes} bytes of keys and values and the engine takes {limit}: split it")]
    BatchTooLarge {
        /// The number of bytes of all keys and values.
        bytes: usize,
        /// [`Limits::batch_bytes`](crate::Limits::batch_bytes).
        limit: usize,
    },
    /// A value is longer than the engine takes. Nothing was written.
    #[error("the value of item {item} has {bytes} bytes and the engine takes {limit}")]
    ValueTooLarge {
        /// The position of the item in the batch.
        item: usize,
        /// The number of bytes of the value.
        bytes: usize,
        /// [`Limits::value_bytes`](crate::Limits::value_bytes).
        limit: usize,
    },
    /// A key is longer than the engine takes. Nothing was written.
    #[error("the key of item {item} has {bytes} bytes and the engine takes {limit}")]
    KeyTooLarge {
        /// The position of the item in the batch.
        item: usize,
        /// The number of bytes of the key.
        bytes: usize,
        /// [`Limits::key_bytes`](crate::Limits::key_bytes).
        limit: usize,
    },
    /// A key is empty. Nothing was written.
    #[error("the key of item {item} is empty: a key has at least one byte")]
    EmptyKey {
        /// The position of the item in the batch.
        item: usize,
    },
    /// A key occurs twice in a batch. Nothing was written.
    #[error("item {item} has the key of an earlier item: a key must be unique in a batch")]
    DuplicateKey {
        /// The position of the later of the two items in the batch.
        item: usize,
    },
    /// A delete expects its record to be absent. Nothing was written.
    ///
    /// Such a delete would only check that there is no record, and not every engine can guarantee that no other caller
    /// creates the record before the commit.
    #[error("item {item} deletes a record that it expects to be absent: expect `Any` or a revision")]
    DeleteOfAbsent {
        /// The position of the item in the batch.
        item: usize,
    },
    /// Another process held the lock of the store file for the whole wait. Nothing was written; the same
    /// call may succeed later.
    #[error(
        "another process keeps the store file {} locked: try again later, or find that process and end it",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The disk of the store file is full. Nothing was written.
    #[error("the disk of {} is full: free some space and try again", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// The engine's error.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The store could not be reached in time. Nothing was written; the same call may succeed later.
    #[error("the store is busy: try again later")]
    Unavailable {
        /// The time to wait before the next attempt, if the engine knows it.
        retry_after: Option<Duration>,
    },
    /// The store's data is damaged. `detail` describes the damage, and holds no data.
    #[error("the store is damaged ({detail}): restore it from a copy")]
    Corrupt {
        /// The damage and its place.
        detail: String,
    },
    /// There is no file at this path.
    #[error("there is no store file {}: check the path; if it was deleted, restore it from a copy; make a new store with `create`", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// The caller wanted a new store, but the file exists. The file was not touched.
    #[error("{} exists already: open it with `open`, or name another path", path.display())]
    FileExists {
        /// The path.
        path: PathBuf,
    },
    /// The file belongs to another program. It was not touched.
    #[error("{} is not a Keyway store (application id {application_id:#010x}): name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The application id in its header.
        application_id: u32,
    },
    /// The file was written by a later version of Keyway. It was not touched.
    #[error(
        "{} has storage schema {found} and this program knows {known}: use a newer program",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema version in its header.
        found: u32,
        /// The latest schema version that this program knows.
        known: u32,
    },
    /// This process may not write the file, or the file system is mounted read-only. No record was
    /// changed.
    #[error("{} cannot be written: give this process's user the right to write it, or name another file", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The store was closed through one of its handles.
    #[error("the store was closed: open it again")]
    Closed,
    /// The system failed while a commit was made durable, for a reason other than a full disk. The commit may or may
    /// not be present.
    ///
    /// Read the records again, through the same handle, to find out. A read fails as long as the engine cannot tell.
    #[error("a failure of the system interrupted a commit: read again to find out whether it is present")]
    Indeterminate {
        /// The engine's error.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The system below the engine failed, for example because of a missing folder or missing permissions. Nothing was
    /// written.
    #[error("the storage engine could not {action}")]
    Engine {
        /// The attempted action.
        action: &'static str,
        /// The system's error.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl PluginError for StorageError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::TooManyItems { .. }
            | Self::BatchTooLarge { .. }
            | Self::ValueTooLarge { .. }
            | Self::KeyTooLarge { .. }
            | Self::EmptyKey { .. }
            | Self::DuplicateKey { .. }
            | Self::DeleteOfAbsent { .. } => ErrorKind::Invalid,
            Self::Locked { .. } => ErrorKind::Unavailable { retry_after: None },
            Self::Unavailable { retry_after } => ErrorKind::Unavailable { retry_after: *retry_after },
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Foreign { .. } | Self::Newer { .. } => ErrorKind::Incompatible,
            Self::NoFile { .. } => ErrorKind::NotFound,
            Self::FileExists { .. } => ErrorKind::AlreadyExists,
            Self::Closed => ErrorKind::Deleted,
            Self::Indeterminate { .. } => ErrorKind::Indeterminate,
            Self::ReadOnly { .. } | Self::DiskFull { .. } | Self::Engine { .. } => ErrorKind::Internal,
        }
    }

    fn effect(&self) -> Effect {
        if matches!(self, Self::Indeterminate { .. }) { Effect::Unknown } else { Effect::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_busy_store_is_worth_the_same_call_again() {
        let wait = Some(Duration::from_millis(50));
        assert_eq!(StorageError::Unavailable { retry_after: wait }.kind().retry_after(), wait);
        assert!(StorageError::Unavailable { retry_after: None }.kind().is_retryable());
        assert!(StorageError::Locked { path: "/f".into() }.kind().is_retryable());
        let cut = || Arc::new(std::io::Error::other("disk gone"));
        for error in [
            StorageError::Closed,
            StorageError::Corrupt { detail: "page 3".to_owned() },
            StorageError::Indeterminate { source: cut() },
            StorageError::Engine { action: "read", source: cut() },
            StorageError::DuplicateKey { item: 1 },
            StorageError::DiskFull { path: "/f".into(), source: cut() },
        ] {
            assert!(!error.kind().is_retryable(), "{error:?}");
        }
        assert_eq!(
            StorageError::Engine { action: "read", source: cut() }.detail(),
            "the storage engine could not read: disk gone"
        );
    }
}
