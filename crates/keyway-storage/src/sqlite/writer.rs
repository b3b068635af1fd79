//! The writer: the only connection of a store that writes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::SqliteOptions;
use super::apply::{Applied, Company, apply};
use super::connection::{self, Patience, failure};
use super::schema;
use crate::revision::Revisions;
use crate::{Batch, CommitOutcome, StorageError};

type Answer = Result<CommitOutcome, StorageError>;

/// Commits batches, alone or as a group in one transaction.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    options: SqliteOptions,
    /// The connection. It is `None` before the first commit, because a program that only reads needs none. It is also
    /// `None` after closing.
    connection: Option<Connection>,
    closed: bool,
    patience: Patience,
    revisions: Revisions,
    is_unsettled: Arc<AtomicBool>,
}

impl Writer {
    /// Creates the writer of a file that a reader has opened. Does no I/O.
    ///
    /// While `is_unsettled` is set, the log may hold a transaction that no reader sees, and that the next recovery of
    /// the file would bring back.
    pub(super) fn new(path: PathBuf, options: SqliteOptions, is_unsettled: Arc<AtomicBool>) -> Self {
        let patience = Patience::new(options.busy_deadline);
        let (connection, closed, revisions) = (None, false, Revisions::new());
        Self { path, options, connection, closed, patience, revisions, is_unsettled }
    }

    pub(super) fn close(&mut self) {
        self.connection = None;
        self.closed = true;
    }

    /// Opens the connection, unless it is open.
    fn connect(&mut self) -> Result<(), StorageError> {
        if self.closed {
            return Err(StorageError::Closed);
        }
        if self.connection.is_none() {
            self.connection = Some(connection::open(&self.path, &self.options, &self.patience)?);
        }
        Ok(())
    }

    /// Commits batches with one sync of the disk, and waits at most `patience` for other processes. Each batch is
    /// applied as a whole or not at all, and sees the batches before it.
    ///
    /// # Errors
    /// The file could not be opened or locked ([`StorageError::Unavailable`]), or the writer was closed. In these cases
    /// nothing was written. Later failures are in the answers of the batches.
    pub(super) fn commit_group(
        &mut self,
        batches: &[&Batch],
        patience: Duration,
    ) -> Result<Vec<Answer>, StorageError> {
        self.patience.set(patience);
        self.connect()?;
        match batches {
            [] => Ok(Vec::new()),
            [batch] => match self.commit(batch) {
                Err(error) if never_began(&error) => Err(error),
                answer => Ok(vec![answer]),
            },
            _ => match self.try_group(batches) {
                Err(error) if !never_began(&error) => {
                    // A batch that meets a damaged page or a full disk must not fail the other batches, so each batch
                    // is committed in a transaction of its own.
                    Ok(batches.iter().map(|batch| self.commit(batch)).collect())
                }
                result => result,
            },
        }
    }

    fn commit(&self, batch: &Batch) -> Answer {
        self.settle()?;
        let connection = self.connection.as_ref().ok_or(StorageError::Closed)?;
        let revision = self.revisions.next();
        let transaction = Transaction::begin(connection)?;
        match apply(connection, batch, revision, Company::Alone)? {
            Applied::All => {
                self.end(transaction)
                    .map_err(|(NotCommitted::Refused(error) | NotCommitted::Unsynced(error))| error)?;
                Ok(CommitOutcome::Committed(revision))
            }
            Applied::Conflict { item } => Ok(CommitOutcome::Conflict { item }),
        }
    }

    /// Commits a group in one transaction. On `Err`, nothing was written.
    fn try_group(&self, batches: &[&Batch]) -> Result<Vec<Answer>, StorageError> {
        self.settle()?;
        let connection = self.connection.as_ref().ok_or(StorageError::Closed)?;
        let transaction = Transaction::begin(connection)?;
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            let revision = self.revisions.next();
            outcomes.push(match apply(connection, batch, revision, Company::Group)? {
                Applied::All => CommitOutcome::Committed(revision),
                Applied::Conflict { item } => CommitOutcome::Conflict { item },
            });
        }
        match self.end(transaction) {
            Ok(()) => Ok(outcomes.into_iter().map(Ok).collect()),
            Err(NotCommitted::Refused(error)) => Err(error),
            // Each try of a batch alone could wait for a failing disk again.
            Err(NotCommitted::Unsynced(error)) => {
                Ok(outcomes.into_iter().map(|outcome| Err(unfinished(outcome, &error))).collect())
            }
        }
    }

    /// Commits a transaction. If its sync fails, tries to make sure that the transaction is not in the log.
    fn end(&self, transaction: Transaction<'_>) -> Result<(), NotCommitted> {
        match transaction.commit() {
            Ok(()) => Ok(()),
            Err(StorageError::Indeterminate { source }) => {
                self.is_unsettled.store(true, Ordering::Release);
                Err(NotCommitted::Unsynced(match self.settle() {
                    Ok(()) => StorageError::Engine { action: "write a record", source },
                    Err(_) => StorageError::Indeterminate { source },
                }))
            }
            Err(error) => Err(NotCommitted::Refused(error)),
        }
    }

    /// Overwrites the place of the last transaction in the log, if the outcome of this transaction is unknown: SQLite
    /// writes a whole transaction to the log before the sync, and leaves it there when the sync fails. No reader sees
    /// the transaction, but the next recovery of the file would find it.
    ///
    /// # Errors
    /// The outcome is still unknown, or the writer was closed.
    pub(super) fn settle(&self) -> Result<(), StorageError> {
        if !self.is_unsettled.load(Ordering::Acquire) {
            return Ok(());
        }
        let connection = self.connection.as_ref().ok_or(StorageError::Closed)?;
        self.patience.set(self.options.busy_deadline);
        let action = "settle a commit that was interrupted";
        let transaction = Transaction::begin(connection)?;
        // The version does not change, but SQLite writes its page.
        connection
            .pragma_update(None, "user_version", schema::VERSION)
            .map_err(|error| failure(action, error))?;
        match transaction.commit() {
            Ok(()) => {
                self.is_unsettled.store(false, Ordering::Release);
                Ok(())
            }
            // To a reader, nothing is written.
            Err(StorageError::Indeterminate { source }) => Err(StorageError::Engine { action, source }),
            failed => failed,
        }
    }
}

/// The reason why a transaction did not commit.
enum NotCommitted {
    /// Nothing is written. A smaller transaction may succeed.
    Refused(StorageError),
    /// The sync failed. The error tells whether the transaction may still be in the log.
    Unsynced(StorageError),
}

/// Tells whether an error means that no transaction began.
fn never_began(error: &StorageError) -> bool {
    matches!(error, StorageError::Unavailable { .. } | StorageError::Closed)
}

/// Returns the error of a batch whose group may or may not be durable.
fn unfinished(outcome: CommitOutcome, error: &StorageError) -> StorageError {
    match outcome {
        CommitOutcome::Committed(_) => error.clone(),
        // This batch wrote nothing. But it may conflict with an earlier batch of the group, which may not be stored. So
        // the caller may try again.
        CommitOutcome::Conflict { .. } => StorageError::Unavailable { retry_after: Some(Duration::ZERO) },
    }
}

/// A transaction that is undone on drop, unless it was committed.
struct Transaction<'a> {
    connection: &'a Connection,
}

impl<'a> Transaction<'a> {
    /// Begins a transaction, and takes the write lock at once: a transaction that starts with a read could not wait for
    /// the lock later.
    fn begin(connection: &'a Connection) -> Result<Self, StorageError> {
        if !connection.is_autocommit() {
            // A panic left this transaction open; no part of it was acknowledged.
            statement(connection, "ROLLBACK")?;
        }
        statement(connection, "BEGIN IMMEDIATE")?;
        Ok(Self { connection })
    }

    fn commit(self) -> Result<(), StorageError> {
        let result = self.connection.prepare_cached("COMMIT").and_then(|mut statement| statement.execute([]));
        match result {
            Ok(_) => Ok(()),
            // A write to the log found no space. The last write to the log completes a transaction, so this transaction
            // is incomplete, and is undone when `self` is dropped. If the file system notices the full disk only later,
            // the sync fails instead.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                Err(failure("write a record", error))
            }
            // The log may or may not hold the transaction.
            Err(error) => Err(StorageError::Indeterminate { source: Arc::new(error) }),
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // SQLite ends a transaction by itself after some errors and after a commit.
        if !self.connection.is_autocommit() {
            // If this fails, too, the next `begin` tries again.
            let _ = statement(self.connection, "ROLLBACK");
        }
    }
}

fn statement(connection: &Connection, sql: &str) -> Result<(), StorageError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map(drop)
        .map_err(|error| failure("begin or end a transaction", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expectation, Revision, Sqlite};

    const PATIENCE: Duration = Duration::from_millis(200);

    fn writer() -> (tempfile::TempDir, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        drop(Sqlite::open_or_create(&path).unwrap());
        let mut writer = Writer::new(path, SqliteOptions::new(), Arc::default());
        writer.connect().unwrap();
        (folder, writer)
    }

    fn keys(writer: &Writer) -> Vec<String> {
        let connection = writer.connection.as_ref().unwrap();
        let mut statement = connection.prepare("SELECT CAST(key AS TEXT) FROM records").unwrap();
        let keys = statement.query_map([], |row| row.get(0)).unwrap();
        keys.map(Result::unwrap).collect()
    }

    #[test]
    fn batches_of_a_group_see_those_before_them_and_fail_alone() {
        let (_folder, mut writer) = writer();
        let create = |key: &str| Batch::new().put(key, "1", Expectation::Absent);
        let batches = [
            create("a"),
            create("b").put("a", "2", Expectation::Absent),
            create("c").delete("a", Expectation::Any),
            create("a").put("d", vec![0; 900], Expectation::Absent),
        ];
        let batches: Vec<&Batch> = batches.iter().collect();
        let answers = writer.commit_group(&batches, PATIENCE).unwrap();
        let outcomes: Vec<CommitOutcome> = answers.into_iter().map(Result::unwrap).collect();
        assert!(matches!(outcomes[0], CommitOutcome::Committed(_)));
        assert_eq!(outcomes[1], CommitOutcome::Conflict { item: 1 });
        assert!(
            matches!(outcomes[2..], [CommitOutcome::Committed(one), CommitOutcome::Committed(other)] if one != other)
        );
        assert_eq!(keys(&writer), ["a", "c", "d"]);
    }

    #[test]
    fn a_conflict_behind_creations_undoes_them_and_names_the_first_item() {
        let (_folder, mut writer) = writer();
        let put = |batch: Batch, key: &str| batch.put(key, "1", Expectation::Absent);
        let mut commit = |batch: &Batch| writer.commit_group(&[batch], PATIENCE).unwrap().remove(0).unwrap();
        assert!(matches!(commit(&put(Batch::new(), "m")), CommitOutcome::Committed(_)));
        let created = ["a", "b", "m", "z"].into_iter().fold(Batch::new(), put);
        assert_eq!(commit(&created), CommitOutcome::Conflict { item: 2 });
        let checked = put(put(Batch::new(), "a"), "m").check("m", Revision::from_bits(0));
        assert_eq!(commit(&checked), CommitOutcome::Conflict { item: 1 });
        let only_checked = put(put(Batch::new(), "a"), "b").check("m", Revision::from_bits(0));
        assert_eq!(commit(&only_checked), CommitOutcome::Conflict { item: 2 });
        assert_eq!(keys(&writer), ["m"], "and leaves nothing of itself");
        let batch = ["a", "b"].into_iter().fold(Batch::new(), put);
        assert!(writer.commit_group(&[&batch], PATIENCE).unwrap()[0].is_ok());
        assert_eq!(keys(&writer), ["a", "b", "m"]);
    }

    #[test]
    fn a_batch_that_the_engine_cannot_write_does_not_fail_its_neighbours() {
        let (_folder, mut writer) = writer();
        // With this limit on pages, a large value does not fit, as on a full disk.
        writer.connection.as_ref().unwrap().execute_batch("PRAGMA max_page_count = 20").unwrap();
        let batches = [("a", 1), ("x", 100_000), ("b", 1)].map(|(key, bytes)| {
            let two = [key, "2"].concat();
            Batch::new().put(key, "1", Expectation::Any).put(two, vec![0; bytes], Expectation::Any)
        });
        let batches: Vec<&Batch> = batches.iter().collect();
        let answers = writer.commit_group(&batches, PATIENCE).unwrap();
        assert!(matches!(answers[0], Ok(CommitOutcome::Committed(_))), "{answers:?}");
        assert!(matches!(answers[1], Err(StorageError::Engine { .. })), "{answers:?}");
        assert!(matches!(answers[2], Ok(CommitOutcome::Committed(_))), "{answers:?}");
        assert_eq!(keys(&writer), ["a", "a2", "b", "b2"], "and leaves nothing of itself");
    }

    #[test]
    fn a_transaction_that_a_panic_left_open_is_undone() {
        let (_folder, mut writer) = writer();
        let left = "BEGIN IMMEDIATE; INSERT INTO records VALUES (x'6c', 1, 1, x'')";
        writer.connection.as_ref().unwrap().execute_batch(left).unwrap();
        let batch = Batch::new().put("a", "1", Expectation::Any);
        assert!(writer.commit_group(&[&batch], PATIENCE).unwrap()[0].is_ok());
        assert_eq!(keys(&writer), ["a"]);
    }

    #[test]
    fn a_locked_file_fails_the_whole_group_once() {
        let (folder, mut writer) = writer();
        let other = Connection::open(folder.path().join("store.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let batch = Batch::new().put("a", "1", Expectation::Any);
        let start = std::time::Instant::now();
        let result = writer.commit_group(&[&batch, &Batch::new(), &Batch::new()], PATIENCE);
        assert!(matches!(result, Err(StorageError::Unavailable { .. })), "{result:?}");
        assert!(start.elapsed() >= PATIENCE && start.elapsed() < 10 * PATIENCE, "{:?}", start.elapsed());
    }

    /// Tests that a batch which writes nothing does not pass for a proof that the log is settled.
    #[test]
    fn a_commit_of_no_change_settles_an_interrupted_commit_first() {
        let (folder, mut writer) = writer();
        let log = || std::fs::metadata(folder.path().join("store.db-wal")).unwrap().len();
        let (unchanged, empty) = (Batch::new().delete("a", Expectation::Any), Batch::new());
        for batches in [&[&unchanged][..], &[&empty, &unchanged]] {
            writer.is_unsettled.store(true, Ordering::Release);
            let before = log();
            let answers = writer.commit_group(batches, PATIENCE).unwrap();
            assert!(answers.iter().all(|answer| matches!(answer, Ok(CommitOutcome::Committed(_)))));
            assert!(log() > before && !writer.is_unsettled.load(Ordering::Acquire));
        }
    }
}
