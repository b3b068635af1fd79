//! A storage engine for tests: it counts calls, and fails or waits as the test has planned.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use crate::{
    Batch, Call, CommitOutcome, KeyRange, Layered, Limits, Pace, Page, Storage, StorageError, StorageLayer,
};

/// The failure of a commit of a [`FaultyStorage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Applies nothing, and answers [`StorageError::Unavailable`].
    Unavailable,
    /// Applies nothing, and answers [`StorageError::Closed`], as if the process ended before the effect.
    EndsBefore,
    /// Applies the batch, and answers [`StorageError::Closed`], as if the process ended before the answer.
    EndsAfter,
    /// Applies the batch, and answers [`StorageError::Indeterminate`].
    LosesAnswer,
}

impl Fault {
    fn error(self) -> StorageError {
        match self {
            Self::Unavailable => StorageError::Unavailable { retry_after: None },
            Self::EndsBefore | Self::EndsAfter => StorageError::Closed,
            Self::LosesAnswer => {
                StorageError::Indeterminate { source: Arc::new(io::Error::other("the disk failed")) }
            }
        }
    }

    fn applies(self) -> bool {
        matches!(self, Self::EndsAfter | Self::LosesAnswer)
    }
}

type Event = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A wrapper of a storage engine, for tests of the engine's callers. It works like that engine until a fault that the
/// test has planned.
///
/// A plan counts calls from the moment when it is made: after 0 commits means at the next commit. A plan may be made at
/// any time, even by the future of a planned event. The pace is the pace of the engine below, or [`Pace::Unknown`] if
/// the wrapper pauses. The wrapper itself never blocks, and dropping a future has the same effect as in the engine
/// below.
///
/// ```
/// use std::sync::Arc;
/// use keyway_storage::{Batch, Expectation, Fault, FaultyStorage, Memory, Storage, StorageError};
///
/// # pollster::block_on(async {
/// let below: Arc<dyn Storage> = Arc::new(Memory::new());
/// let engine = FaultyStorage::over(&below).into_engine();
/// // The process ends at its second commit.
/// engine.0.end_after(1, Fault::EndsBefore);
/// let put = |key: &str| Batch::new().put(key, "value", Expectation::Absent);
/// assert!(engine.commit(put("a")).await.is_ok());
/// assert!(matches!(engine.commit(put("b")).await, Err(StorageError::Closed)));
/// assert!(matches!(engine.commit(put("c")).await, Err(StorageError::Closed)));
/// // The next process finds the committed records.
/// assert!(below.get(b"a").await?.is_some() && below.get(b"b").await?.is_none());
/// # Ok::<(), StorageError>(()) }).unwrap();
/// ```
pub struct FaultyStorage {
    inner: Arc<dyn Storage>,
    limits: Limits,
    pauses: bool,
    ends_reads: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    operations: u64,
    commits: u64,
    /// The faults of single commits, each with the number of its commit.
    faults: Vec<(u64, Fault)>,
    /// The number of the commit at which the simulated process ends, and the fault of that commit.
    end: Option<(u64, Fault)>,
    before_operations: Vec<(u64, Event)>,
    before_commits: Vec<(u64, Event)>,
}

impl FaultyStorage {
    /// Wraps an engine.
    pub fn over(engine: &Arc<dyn Storage>) -> Self {
        Self {
            inner: Arc::clone(engine),
            limits: engine.limits(),
            pauses: false,
            ends_reads: false,
            state: Mutex::default(),
        }
    }

    /// Limits the items of a batch, so that callers make more commits, each of which can fail.
    #[must_use]
    pub fn items_per_batch(mut self, items: usize) -> Self {
        self.limits.items_per_batch = items;
        self
    }

    /// Limits the records of a page.
    #[must_use]
    pub fn page_records(mut self, records: usize) -> Self {
        self.limits.page_records = records;
        self
    }

    /// Makes every operation return pending once before its effect and once after, so that a test can drop the future
    /// at these two points.
    #[must_use]
    pub fn pauses(mut self) -> Self {
        self.pauses = true;
        self
    }

    /// Makes reads fail, too, after the planned [end](Self::end_after).
    #[must_use]
    pub fn ends_reads(mut self) -> Self {
        self.ends_reads = true;
        self
    }

    /// Converts the wrapper to an engine. Plans can still be made through the field of [`Layered`].
    pub fn into_engine(self) -> Arc<Layered<Self>> {
        Arc::new(Layered(self))
    }

    /// Plans a fault for a later commit: `commits` other commits come before it.
    pub fn fail_after(&self, commits: u64, fault: Fault) {
        let mut state = self.state();
        let number = state.commits.saturating_add(commits);
        state.faults.push((number, fault));
    }

    /// Plans the end of the simulated process: after `commits` other commits, the next commit has this fault, and all
    /// later commits return [`StorageError::Closed`].
    pub fn end_after(&self, commits: u64, fault: Fault) {
        let mut state = self.state();
        state.end = Some((state.commits.saturating_add(commits), fault));
    }

    /// Plans to await `event` right before a later commit: `commits` other commits come before it.
    pub fn before_commit(&self, commits: u64, event: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.state();
        let number = state.commits.saturating_add(commits);
        state.before_commits.push((number, Box::pin(event)));
    }

    /// Plans to await `event` right before a later operation: `operations` other operations come before it.
    pub fn before_operation(&self, operations: u64, event: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.state();
        let number = state.operations.saturating_add(operations);
        state.before_operations.push((number, Box::pin(event)));
    }

    /// Tells whether there is a planned event that has not begun yet.
    pub fn has_planned_events(&self) -> bool {
        let state = self.state();
        !state.before_commits.is_empty() || !state.before_operations.is_empty()
    }

    /// Counts the operations so far, including those that failed.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Counts the commits of valid batches so far, including those that failed.
    pub fn commits(&self) -> u64 {
        self.state().commits
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_operation(&self) -> Option<Event> {
        let mut state = self.state();
        let number = state.operations;
        state.operations += 1;
        due(&mut state.before_operations, number)
    }

    fn next_commit(&self) -> (Option<Event>, Option<Fault>) {
        let mut state = self.state();
        let number = state.commits;
        state.commits += 1;
        let event = due(&mut state.before_commits, number);
        let fault = match state.end {
            Some((end, fault)) if number == end => Some(fault),
            Some((end, _)) if number > end => Some(Fault::EndsBefore),
            _ => due(&mut state.faults, number),
        };
        (event, fault)
    }

    /// Tells whether reads fail now because the simulated process has ended.
    fn has_ended(&self) -> bool {
        let state = self.state();
        self.ends_reads && state.end.is_some_and(|(end, _)| state.commits > end)
    }

    async fn pause(&self) {
        let mut is_done = !self.pauses;
        poll_fn(|context| {
            if std::mem::replace(&mut is_done, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// Removes and returns the plan for the call with this number.
fn due<T>(planned: &mut Vec<(u64, T)>, number: u64) -> Option<T> {
    let at = planned.iter().position(|(at, _)| *at == number)?;
    Some(planned.remove(at).1)
}

impl fmt::Debug for FaultyStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStorage").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl StorageLayer for FaultyStorage {
    type Inner = dyn Storage;

    fn inner(&self) -> &Self::Inner {
        &*self.inner
    }

    async fn around<T: Send, F>(&self, call: Call<'_>, next: F) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>> + Send,
    {
        if let Some(event) = self.next_operation() {
            event.await;
        }
        self.pause().await;
        if !matches!(call, Call::Commit { .. }) && self.has_ended() {
            return Err(StorageError::Closed);
        }
        let answer = next.await;
        self.pause().await;
        answer
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn pace(&self) -> Pace {
        if self.pauses { Pace::Unknown } else { self.inner.pace() }
    }

    async fn scan(&self, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Page, StorageError> {
        self.inner.scan(range, after, limit.min(self.limits.page_records)).await
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        batch.validate(&self.limits)?;
        let (event, fault) = self.next_commit();
        if let Some(event) = event {
            event.await;
        }
        let Some(fault) = fault else { return self.inner.commit(batch).await };
        if fault.applies() {
            let _ = self.inner.commit(batch).await?;
        }
        Err(fault.error())
    }
}
