//! A small, correct storage engine. Mutants change its [`Habits`].

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use keyway_storage::{
    Batch, CommitOutcome, Entry, ItemAction, KeyRange, Limits, Page, Record, Revision, Storage, StorageError,
};

use super::StorageResult;
use super::habits::{Habits, changed};
use super::journal::{Block, Journal};
use crate::lock::locked;

/// An engine: an ordered map behind a lock, with or without a journal.
#[derive(Default)]
pub(super) struct Engine {
    pub(super) habits: Habits,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) records: BTreeMap<Vec<u8>, Record>,
    journal: Option<Journal>,
    /// The number of the last commit.
    commits: u64,
}

impl Engine {
    /// Opens the journal in `folder`, and reads the blocks that it already has.
    pub(super) fn open(self, folder: &Path) -> StorageResult<Self> {
        let journal = Journal::open(folder, self.habits.writes_late, self.habits.reopened);
        let journal = journal.map_err(|error| failed("open the journal", error))?;
        locked(&self.state).journal = Some(journal);
        Ok(self)
    }

    /// Runs `work` on the state, after all changes of other handles were applied. Other handles wait until `work`
    /// returns.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> StorageResult<T> {
        let mut state = locked(&self.state);
        if let Some(journal) = &mut state.journal {
            journal.lock().map_err(|error| failed("lock the journal", error))?;
            let news = journal.news().map_err(|error| failed("read the journal", error))?;
            for block in news {
                state.take(block, self.habits.number);
            }
        }
        let result = work(&mut state);
        if let Some(journal) = &state.journal {
            journal.unlock();
        }
        Ok(result)
    }

    async fn wait(&self) {
        for _ in 0..self.habits.waits {
            tokio::task::yield_now().await;
        }
    }

    fn limits_in_force(&self) -> Limits {
        (self.habits.enforced)(self.habits.limits)
    }

    /// Checks a batch without applying it. Returns the error or the conflict, or `None` if the batch can be applied.
    pub(super) fn refusal(&self, batch: &Batch) -> StorageResult<Option<CommitOutcome>> {
        batch.validate(&self.limits_in_force())?;
        let conflict = self.with(|state| state.conflicts(batch).next())?;
        Ok(conflict.map(|item| CommitOutcome::Conflict { item }))
    }

    /// Applies a batch without checking its expectations.
    pub(super) fn apply(&self, batch: Batch) -> StorageResult<Revision> {
        self.with(|state| self.write(state, batch))?
    }

    fn write(&self, state: &mut State, batch: Batch) -> StorageResult<Revision> {
        let number = state.commits + 1;
        let first = batch.items().first().and_then(|item| state.records.get(item.key()));
        let revision = (self.habits.stamp)(number, first);
        let changes = batch.into_items().into_iter().filter_map(|item| match item.into_parts() {
            (key, ItemAction::Put { value }) => Some((key, Some(value))),
            (key, ItemAction::Delete) => Some((key, None)),
            _ => None,
        });
        let block = (revision, changes.collect());
        if let Some(journal) = &mut state.journal {
            journal.append(&block).map_err(|error| failed("append to the journal", error))?;
        }
        state.take(block, self.habits.number);
        state.commits = number;
        Ok(Revision::from_bits(revision))
    }

    /// Reads a page. Leaves out the first `skipped` records.
    pub(super) fn page(
        &self,
        range: &KeyRange,
        after: Option<&[u8]>,
        skipped: usize,
        limit: usize,
    ) -> StorageResult<Page> {
        let limits = self.limits_in_force();
        self.with(|state| {
            let (mut page, mut bytes) = (Page::default(), 0);
            let is_ahead = |key: &[u8]| range.contains(key) && after.is_none_or(|after| key > after);
            for (key, Record { value, revision }) in
                state.records.iter().filter(|(key, _)| is_ahead(key)).skip(skipped)
            {
                bytes += key.len() + value.len();
                let is_full = page.entries.len() == limit.clamp(1, limits.page_records);
                if is_full || (bytes > limits.page_bytes && !page.entries.is_empty()) {
                    page.more = true;
                    break;
                }
                page.entries.push(Entry { key: key.clone(), value: value.clone(), revision: *revision });
            }
            (self.habits.page)(&mut page, range, limit);
            page
        })
    }
}

impl State {
    /// Returns the positions of the items in conflict.
    pub(super) fn conflicts(&self, batch: &Batch) -> impl Iterator<Item = usize> {
        let found = |key: &[u8]| self.records.get(key).map(|record| record.revision);
        let items = batch.items().iter().enumerate();
        items
            .filter(move |(_, item)| !item.expectation().is_met_by(found(item.key())))
            .map(|(place, _)| place)
    }

    fn take(&mut self, (revision, changes): Block, number: fn(u64) -> u64) {
        self.commits = self.commits.max(number(revision));
        let revision = Revision::from_bits(revision);
        for (key, value) in changes {
            match value {
                Some(value) => self.records.insert(key, Record { value, revision }),
                None => self.records.remove(&key),
            };
        }
    }
}

fn failed(action: &'static str, error: io::Error) -> StorageError {
    StorageError::Engine { action, source: Arc::new(error) }
}

#[async_trait]
impl Storage for Engine {
    fn limits(&self) -> Limits {
        self.habits.limits
    }

    async fn get(&self, key: &[u8]) -> StorageResult<Option<Record>> {
        self.wait().await;
        self.with(|state| state.records.get((self.habits.key)(key)).cloned())
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> StorageResult<Page> {
        self.wait().await;
        self.page(range, after, 0, limit)
    }

    async fn commit(&self, batch: Batch) -> StorageResult<CommitOutcome> {
        self.wait().await;
        match batch.validate(&self.limits_in_force()) {
            Err(error) if !(self.habits.ignored)(&error) => return Err(error),
            _ => {}
        }
        self.with(|state| {
            let batch = changed(batch, |place, item| {
                item.key = (self.habits.key)(&item.key).to_vec();
                (self.habits.item)(state.records.get(&item.key), place, item);
            });
            let conflict = state.conflicts(&batch).next();
            match conflict {
                Some(item) => Ok(CommitOutcome::Conflict { item }),
                None => self.write(state, batch).map(CommitOutcome::Committed),
            }
        })?
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
