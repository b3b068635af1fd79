//! A small engine, whole or with one defect.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use keyway_storage::{
    Batch, CommitOutcome, Entry, Expectation, ItemAction, KeyRange, Limits, Page, Record, Revision, Storage,
    StorageError,
};

use super::defect::Defect;
use super::journal::{Block, Journal};

type Records = BTreeMap<Vec<u8>, Record>;

/// An ordered map behind a lock, with a journal or without.
pub(super) struct Engine {
    defect: Defect,
    state: Mutex<State>,
    /// For the engine that locks while it waits.
    busy: AtomicBool,
    /// For the engine that serves who came first: the key by which it is known.
    first: OnceLock<Vec<u8>>,
}

#[derive(Default)]
struct State {
    records: Records,
    journal: Option<Journal>,
    /// Where the next revision comes from.
    counter: u64,
    /// For the engine that writes when it is closed.
    unwritten: Vec<Block>,
    /// For the engine that remembers what it read.
    remembered: HashMap<Vec<u8>, Option<Record>>,
    /// For the engine that pages by position.
    handed_out: HashMap<Vec<u8>, usize>,
}

/// Where the revisions of the odd engine begin; they go down from there.
const HIGHEST: u64 = u64::MAX;

impl Engine {
    pub(super) fn in_memory(defect: Defect) -> Self {
        Self { defect, state: Mutex::default(), busy: AtomicBool::new(false), first: OnceLock::new() }
    }

    /// The engine with a journal in `folder`.
    pub(super) fn open(folder: &Path, defect: Defect) -> Result<Self, StorageError> {
        let engine = Self::in_memory(defect);
        let mut state = engine.state();
        let mut journal = Journal::open(folder).map_err(|error| failed("open the journal", error))?;
        if defect == Defect::ForgetsTheLastCommit || defect == Defect::StampsAnewOnOpening {
            let mut blocks = journal.news().map_err(|error| failed("read the journal", error))?;
            if defect == Defect::ForgetsTheLastCommit {
                blocks.pop();
            }
            for mut block in blocks {
                if defect == Defect::StampsAnewOnOpening {
                    block.revision = Revision::from_bits(block.revision.to_bits() ^ (1 << 40));
                }
                state.take(block, defect);
            }
        }
        state.journal = Some(journal);
        drop(state);
        Ok(engine)
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state with all that other handles did; the journal stays locked until
    /// [`release`](Self::release).
    fn current(&self) -> Result<MutexGuard<'_, State>, StorageError> {
        let mut state = self.state();
        if let Some(journal) = &mut state.journal {
            journal.lock().map_err(|error| failed("lock the journal", error))?;
            let news = journal.news().map_err(|error| failed("read the journal", error))?;
            for block in news {
                state.take(block, self.defect);
            }
        }
        Ok(state)
    }

    fn release(state: &State) {
        if let Some(journal) = &state.journal {
            journal.unlock();
        }
    }

    /// Waits as the defect demands before anything is done.
    async fn before(&self) {
        if self.has(Defect::Strange) {
            for _ in 0..3 {
                give_way().await;
            }
        }
        if self.has(Defect::LocksWhileItWaits) {
            while self.busy.swap(true, Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            give_way().await;
        }
    }

    fn after(&self) {
        self.busy.store(false, Ordering::SeqCst);
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        let end = key.iter().position(|byte| *byte == 0 && self.has(Defect::CutsKeysAtZero));
        key[..end.unwrap_or(key.len())].to_vec()
    }

    fn validate(&self, batch: &Batch) -> Result<(), StorageError> {
        let mut limits = self.limits();
        match self.defect {
            Defect::IgnoresItsLimits => limits.value_bytes = usize::MAX,
            Defect::DropsItemsTooMany => limits.items_per_batch = usize::MAX,
            Defect::PromisesTooMuch => limits.value_bytes /= 2,
            _ => {}
        }
        match batch.validate(&limits) {
            Err(StorageError::EmptyKey { .. }) if self.has(Defect::TakesEmptyKeys) => Ok(()),
            Err(StorageError::DuplicateKey { .. }) if self.has(Defect::TakesKeysTwice) => Ok(()),
            valid => valid,
        }
    }

    fn is_met(&self, action: &ItemAction, expectation: Expectation, found: Option<Revision>) -> bool {
        match (self.defect, action, expectation) {
            (Defect::IgnoresAbsent, _, Expectation::Absent)
            | (Defect::IgnoresRevisions, ItemAction::Put { .. }, Expectation::Revision(_))
            | (Defect::IgnoresChecks, ItemAction::Check, _) => true,
            (Defect::TakesNothingForAnyRevision, _, Expectation::Revision(_)) if found.is_none() => true,
            _ => expectation.is_met_by(found),
        }
    }

    /// The item in conflict, if there is one.
    fn conflict(&self, records: &Records, batch: &Batch) -> Option<usize> {
        let broken = |item: &keyway_storage::Item| {
            let found = records.get(&self.key(item.key())).map(|record| record.revision);
            !self.is_met(item.action(), item.expectation(), found)
        };
        if self.has(Defect::NamesTheLastConflict) {
            batch.items().iter().rposition(broken)
        } else {
            batch.items().iter().position(broken)
        }
    }

    /// Turns the items into what they do to the records.
    fn changes(&self, records: &Records, batch: Batch) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let items = batch.items().len();
        let mut changes = Vec::with_capacity(items);
        for (place, item) in batch.into_items().into_iter().enumerate() {
            let (key, action) = item.into_parts();
            let key = self.key(&key);
            if self.has(Defect::LosesTheFifth) && place == 4
                || self.has(Defect::DropsItemsTooMany) && place >= self.limits().items_per_batch
            {
                continue;
            }
            match action {
                ItemAction::Put { mut value } => {
                    if self.has(Defect::CutsLongValues) && value.len() > 4096 {
                        value.pop();
                    }
                    if let Some(there) = records.get(&key).filter(|_| self.has(Defect::KeepsTheFirstValue)) {
                        value.clone_from(&there.value);
                    }
                    changes.push((key, Some(value)));
                }
                ItemAction::Delete if self.has(Defect::DeletesLeaveEmptyRecords) => {
                    changes.push((key, Some(Vec::new())));
                }
                ItemAction::Delete => changes.push((key, None)),
                _ => {
                    if let Some(there) = records.get(&key).filter(|_| self.has(Defect::ChecksWrite)) {
                        changes.push((key, Some(there.value.clone())));
                    }
                }
            }
        }
        changes
    }

    /// Applies and keeps what a commit did.
    fn apply(&self, state: &mut State, batch: Batch) -> Result<Revision, StorageError> {
        let changes = self.changes(&state.records, batch);
        state.counter += 1;
        let bits = match self.defect {
            Defect::Strange => HIGHEST - state.counter,
            Defect::HalvesRevisions => state.counter / 2,
            Defect::CountsByKey => {
                let key = changes.first().map(|(key, _)| key.as_slice()).unwrap_or_default();
                state.records.get(key).map_or(1, |record| record.revision.to_bits() + 1)
            }
            _ => state.counter,
        };
        let revision = Revision::from_bits(bits);
        for (key, _) in &changes {
            state.remembered.remove(key);
        }
        let block = Block { revision, changes };
        if self.has(Defect::WritesOnClose) {
            state.unwritten.push(Block { revision, changes: block.changes.clone() });
        } else if let Some(journal) = &mut state.journal {
            journal.append(&block).map_err(|error| failed("append to the journal", error))?;
        }
        state.apply(block, self.defect);
        Ok(revision)
    }

    /// One commit, under the lock.
    fn commit_now(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        let mut state = self.current()?;
        let outcome = self.commit_locked(&mut state, batch);
        Self::release(&state);
        outcome
    }

    fn commit_locked(&self, state: &mut State, batch: Batch) -> Result<CommitOutcome, StorageError> {
        if self.has(Defect::RefusesTooLate) && self.validate(&batch).is_err() {
            let first = batch.clone().into_items().into_iter().next();
            if let Some((key, ItemAction::Put { value })) = first.map(keyway_storage::Item::into_parts) {
                self.apply(state, Batch::new().put(key, value, Expectation::Any))?;
            }
        }
        self.validate(&batch)?;
        if let Some(item) = self.conflict(&state.records, &batch) {
            if self.has(Defect::AppliesUpToTheConflict) {
                self.apply(state, first_items(batch, item))?;
            }
            return Ok(CommitOutcome::Conflict { item });
        }
        self.apply(state, batch).map(CommitOutcome::Committed)
    }

    /// Lets the first caller pass, and has the others wait for it.
    fn queue(&self, batch: &Batch) {
        let key = batch.items().first().map(|item| item.key().to_vec()).unwrap_or_default();
        if *self.first.get_or_init(|| key.clone()) != key {
            thread::sleep(Duration::from_millis(30));
        }
    }

    fn page(&self, state: &mut State, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Page {
        let limits = self.limits();
        let limit = match self.defect {
            Defect::IgnoresPageLimits => usize::MAX,
            Defect::Strange => limit.clamp(1, 2),
            _ => limit.clamp(1, limits.page_records),
        };
        let skipped = after
            .filter(|_| self.has(Defect::PagesByPosition))
            .and_then(|after| state.handed_out.get(after))
            .copied();
        let mut page = Page::default();
        let mut bytes = 0;
        let ahead = state.records.iter().filter(|(key, _)| {
            range.contains(key) && (skipped.is_some() || after.is_none_or(|after| key.as_slice() > after))
        });
        let start_left_out = self.has(Defect::LeavesTheStartOut);
        for (key, record) in ahead.skip(skipped.unwrap_or_default()) {
            if start_left_out && key == range.start() {
                continue;
            }
            bytes += key.len() + record.value.len();
            let large = bytes > limits.page_bytes && !self.has(Defect::IgnoresPageBytes);
            if page.entries.len() == limit || (large && !page.entries.is_empty()) {
                page.more = true;
                break;
            }
            let Record { value, revision } = record.clone();
            page.entries.push(Entry { key: key.clone(), value, revision });
        }
        if self.has(Defect::PagesBackwards) {
            page.entries.reverse();
        }
        page.more |= self.has(Defect::GuessesMore) && page.entries.len() == limit;
        if let Some(last) = page.entries.last().filter(|_| self.has(Defect::PagesByPosition)) {
            state.handed_out.insert(last.key.clone(), skipped.unwrap_or_default() + page.entries.len());
        }
        page
    }
}

impl State {
    /// Applies a block of the journal.
    fn take(&mut self, block: Block, defect: Defect) {
        let bits = block.revision.to_bits();
        let number = if defect == Defect::Strange { HIGHEST - bits } else { bits };
        if defect != Defect::CountsAnew {
            self.counter = self.counter.max(number);
        }
        self.apply(block, defect);
    }

    fn apply(&mut self, block: Block, defect: Defect) {
        let revision = match defect {
            Defect::StampsTheOldRevision => Revision::from_bits(block.revision.to_bits() - 1),
            _ => block.revision,
        };
        for (key, value) in block.changes {
            match value {
                Some(value) => self.records.insert(key, Record { value, revision }),
                None => self.records.remove(&key),
            };
        }
    }
}

/// The part of a batch before `item`.
fn first_items(batch: Batch, item: usize) -> Batch {
    batch.into_items().into_iter().take(item).fold(Batch::new(), |batch, item| match item.into_parts() {
        (key, ItemAction::Put { value }) => batch.put(key, value, Expectation::Any),
        (key, ItemAction::Delete) => batch.delete(key, Expectation::Any),
        _ => batch,
    })
}

fn failed(action: &'static str, error: io::Error) -> StorageError {
    StorageError::Engine { action, source: Arc::new(error) }
}

/// Is pending once.
async fn give_way() {
    let mut polled = false;
    poll_fn(move |context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl Storage for Engine {
    fn limits(&self) -> Limits {
        let least = Limits::MINIMUM;
        match self.defect {
            Defect::IsTooSmall => Limits { items_per_batch: 64, ..least },
            Defect::Strange => Limits { items_per_batch: 131, key_bytes: 1027, page_records: 129, ..least },
            _ => least,
        }
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Record>, StorageError> {
        self.before().await;
        let key = self.key(key);
        let mut state = self.current()?;
        Self::release(&state);
        self.after();
        if self.has(Defect::RemembersReads) {
            let found = state.records.get(&key).cloned();
            // What this handle writes it forgets; what others write it does not see.
            return Ok(state.remembered.entry(key).or_insert(found).clone());
        }
        if self.has(Defect::ReadsThroughNeighbours) {
            for (_, passed) in state.records.range(..key.clone()) {
                // Several copies of each, so that a busy machine does not hide them.
                for _ in 0..8 {
                    std::hint::black_box(passed.value.clone());
                }
            }
        }
        Ok(state.records.get(&key).cloned())
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.before().await;
        if self.has(Defect::TornPages) {
            let mut whole = Page::default();
            let mut last = after.map(<[u8]>::to_vec);
            loop {
                let page = self.page(&mut self.state(), range, last.as_deref(), 1);
                let (more, found) = (page.more, page.entries.len());
                whole.entries.extend(page.entries);
                whole.more = more;
                if !more || found == 0 || whole.entries.len() >= limit.clamp(1, self.limits().page_records) {
                    return Ok(whole);
                }
                last = whole.entries.last().map(|entry| entry.key.clone());
                thread::sleep(Duration::from_micros(300));
            }
        }
        let mut state = self.current()?;
        let page = self.page(&mut state, range, after, limit);
        Self::release(&state);
        self.after();
        Ok(page)
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        self.before().await;
        match self.defect {
            Defect::ServesTheFirst => self.queue(&batch),
            Defect::ChecksThenWrites => {
                self.validate(&batch)?;
                if let Some(item) = self.conflict(&self.state().records, &batch) {
                    return Ok(CommitOutcome::Conflict { item });
                }
                thread::sleep(Duration::from_millis(1));
                return self.apply(&mut self.state(), batch).map(CommitOutcome::Committed);
            }
            Defect::TornCommits if batch.items().len() > 1 => {
                self.validate(&batch)?;
                if let Some(item) = self.conflict(&self.state().records, &batch) {
                    return Ok(CommitOutcome::Conflict { item });
                }
                let half = first_items(batch.clone(), batch.items().len() / 2);
                self.apply(&mut self.state(), half)?;
                give_way().await;
                return self.apply(&mut self.state(), batch).map(CommitOutcome::Committed);
            }
            _ => {}
        }
        let outcome = self.commit_now(batch);
        self.after();
        outcome
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let mut state = self.state();
        let unwritten = std::mem::take(&mut state.unwritten);
        if let Some(journal) = &mut state.journal {
            for block in &unwritten {
                // It is broken anyway.
                let _ = journal.append(block);
            }
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has(Defect::ShowsValues) {
            let values: Vec<_> = self
                .state()
                .records
                .values()
                .map(|record| String::from_utf8_lossy(&record.value).into_owned())
                .collect();
            return f.debug_struct("Engine").field("values", &values).finish();
        }
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
