//! The fixture of the rules: an open engine whose calls are recorded.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

use keyway_storage::{
    Batch, CommitOutcome, Entry, Expectation, KeyRange, Page, Record, Revision, Storage, StorageError,
};
use tempfile::TempDir;

use super::StorageSubject;
use crate::notation::Fixture;
use crate::{Broken, Trial, broken, ensure};

/// The maximum length of a call's description in a history, in characters.
const SHOWN: usize = 300;

/// The engine of a subject, opened in a folder that is removed at the end.
pub(super) struct StorageFixture<'a> {
    trial: &'a Trial<'a, StorageSubject>,
    folder: Arc<TempDir>,
    store: Option<Arc<dyn Storage>>,
}

impl<'a> Fixture<'a> for StorageFixture<'a> {
    type Subject = StorageSubject;

    fn new(trial: &'a Trial<'a, StorageSubject>) -> Result<Self, Broken> {
        let folder = tempfile::tempdir();
        let folder = folder.map_err(|error| broken("a folder for the engine", error.to_string()))?;
        Self::open(trial, Arc::new(folder))
    }
}

impl<'a> Deref for StorageFixture<'a> {
    type Target = Trial<'a, StorageSubject>;

    fn deref(&self) -> &Self::Target {
        self.trial
    }
}

impl<'a> StorageFixture<'a> {
    fn open(trial: &'a Trial<'a, StorageSubject>, folder: Arc<TempDir>) -> Result<Self, Broken> {
        let store = trial.subject().open(folder.path());
        trial.history().record(format!("open: {}", if store.is_ok() { "done" } else { "failed" }));
        let store = store.map_err(|error| broken("an open engine", format!("{error:?}")))?;
        Ok(Self { trial, folder, store: Some(store) })
    }

    /// Opens the engine in a new folder, for another attempt of the same rule.
    pub(super) fn fresh(&self) -> Result<Self, Broken> {
        Self::new(self.trial)
    }

    /// Opens the engine in a folder that already has files.
    pub(super) fn inside(&self, folder: TempDir) -> Result<Self, Broken> {
        Self::open(self.trial, Arc::new(folder))
    }

    /// Opens another handle in the same folder.
    pub(super) fn beside(&self) -> Result<Self, Broken> {
        Self::open(self.trial, Arc::clone(&self.folder))
    }

    /// Drops the handle and opens the engine again.
    pub(super) fn reopen(&mut self) -> Result<(), Broken> {
        self.record("drop the handle");
        self.store = None;
        self.store = self.beside()?.store;
        Ok(())
    }

    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(super) fn store(&self) -> &Arc<dyn Storage> {
        self.store.as_ref().expect("only `reopen` takes it, and puts it back or fails the rule")
    }

    pub(super) fn record(&self, call: &str) {
        let mut shown: String = call.chars().take(SHOWN).collect();
        if shown.len() < call.len() {
            shown.push_str(" ...");
        }
        self.history().record(shown);
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        let call = format!("commit {}", described(&batch));
        let outcome = self.store().commit(batch).await;
        self.record(&format!("{call}: {outcome:?}"));
        outcome
    }

    /// Commits a batch that must succeed.
    pub(super) async fn committed(&self, batch: Batch) -> Result<Revision, Broken> {
        match self.commit(batch).await {
            Ok(CommitOutcome::Committed(revision)) => Ok(revision),
            other => Err(broken("the batch committed", format!("{other:?}"))),
        }
    }

    /// Commits a batch that must conflict at `item`.
    pub(super) async fn conflict(&self, batch: Batch, item: usize) -> Result<(), Broken> {
        let outcome = self.commit(batch).await;
        ensure(
            matches!(outcome, Ok(CommitOutcome::Conflict { item: found }) if found == item),
            format!("a conflict of item {item}"),
            format!("{outcome:?}"),
        )
    }

    /// Commits a batch that must be refused, and demands that nothing changed since `before`.
    pub(super) async fn refused(
        &self,
        before: &[Entry],
        batch: Batch,
        expected: &str,
        is_right: fn(&StorageError) -> bool,
    ) -> Result<(), Broken> {
        match self.commit(batch).await {
            Err(error) if is_right(&error) => unchanged(before, &self.everything().await?),
            other => Err(broken(expected, format!("{other:?}"))),
        }
    }

    /// Writes one record without an expectation.
    pub(super) async fn put(
        &self,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
    ) -> Result<Revision, Broken> {
        self.committed(Batch::new().put(key, value, Expectation::Any)).await
    }

    pub(super) async fn delete(&self, key: impl Into<Vec<u8>>) -> Result<Revision, Broken> {
        self.committed(Batch::new().delete(key, Expectation::Any)).await
    }

    pub(super) async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Record>, Broken> {
        let key = key.as_ref();
        let found = self.store().get(key).await;
        self.record(&format!("get {}: {found:?}", shown(key)));
        found.map_err(|error| broken("an answer", format!("{error:?}")))
    }

    pub(super) async fn scan(
        &self,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, Broken> {
        let page = self.store().scan(range, after, limit).await;
        let answer = match &page {
            Ok(page) => format!("{} records, more: {}", page.entries.len(), page.more),
            Err(error) => format!("{error:?}"),
        };
        let after = after.map_or_else(|| "the start".to_owned(), shown);
        self.record(&format!("scan {range:?} after {after}, at most {limit}: {answer}"));
        page.map_err(|error| broken("a page", format!("{error:?}")))
    }

    /// Reads all records page by page.
    pub(super) async fn everything(&self) -> Result<Vec<Entry>, Broken> {
        let (mut entries, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let page = self.scan(&KeyRange::all(), after.as_deref(), usize::MAX).await?;
            let last = page.entries.last().map(|entry| entry.key.clone());
            entries.extend(page.entries);
            if !page.more {
                return Ok(entries);
            }
            ensure(
                last.is_some() && last > after,
                "a page that goes on while there is more",
                format!("{last:?} as the last key of a page after {after:?}"),
            )?;
            after = last;
        }
    }

    /// Demands that the record exists with this value and revision.
    pub(super) async fn holds(&self, key: &[u8], value: &[u8], revision: Revision) -> Result<(), Broken> {
        let found = self.get(key).await?;
        ensure(
            found.as_ref().is_some_and(|record| record.value == value && record.revision == revision),
            format!("{} with {} bytes of {revision:?}", shown(key), value.len()),
            different(found.as_ref(), value),
        )
    }

    /// Demands that the record does not exist.
    pub(super) async fn lacks(&self, key: &[u8]) -> Result<(), Broken> {
        let found = self.get(key).await?;
        ensure(found.is_none(), format!("no record at {}", shown(key)), format!("{found:?}"))
    }
}

fn different(found: Option<&Record>, value: &[u8]) -> String {
    match found {
        None => "no record".to_owned(),
        Some(record) if record.value == value => format!("{record:?}"),
        Some(record) => format!("{record:?}, another value"),
    }
}

/// Demands that the records are the same before and after.
pub(super) fn unchanged(before: &[Entry], after: &[Entry]) -> Result<(), Broken> {
    ensure(before == after, format!("what was there before: {}", list(before)), list(after))
}

fn list(entries: &[Entry]) -> String {
    if entries.len() > 8 { format!("{} records", entries.len()) } else { format!("{entries:?}") }
}

fn shown(key: &[u8]) -> String {
    if key.len() > 40 {
        format!("a key of {} bytes", key.len())
    } else if key.is_empty() {
        "the empty key".to_owned()
    } else {
        key.escape_ascii().to_string()
    }
}

fn described(batch: &Batch) -> String {
    const ITEMS: usize = 6;
    let mut text: Vec<String> = batch
        .items()
        .iter()
        .take(ITEMS)
        .map(|item| format!("{:?} {} if {:?}", item.action(), shown(item.key()), item.expectation()))
        .collect();
    if batch.items().len() > ITEMS {
        text.push(format!("{} more", batch.items().len() - ITEMS));
    }
    text.join("; ")
}

/// Formats a value with `Debug`.
pub(super) fn text(value: &impl Debug) -> String {
    format!("{value:?}")
}
