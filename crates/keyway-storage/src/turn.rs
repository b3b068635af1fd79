//! Lets the writers that lost a race for a record go first, so that none of them loses every race.
//!
//! See decision H295.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::task::Poll;

use async_lock::{Mutex, MutexGuardArc};

use crate::Storage;

/// How many times a writer yields to writers that lost a race. The number is bounded, because the future of such a
/// writer may not be polled for a long time.
const YIELDS: u32 = 64;

/// The address of a storage engine in memory, and the key of a record in it.
type Place = (usize, Vec<u8>);

/// The writers of this process that lost a race for one of the records that share the crowd. Writers of unrelated
/// records only yield to each other.
struct Crowd {
    losers: AtomicUsize,
    /// The locks of the records that writers lost races for. The losers of one record retry one after the other. They
    /// wait for no other record, because a future that holds a lock may not be polled for a long time.
    locks: std::sync::Mutex<BTreeMap<Place, Weak<Mutex<()>>>>,
}

/// Handles of one store share their crowds.
static CROWDS: [Crowd; 32] =
    [const { Crowd { losers: AtomicUsize::new(0), locks: std::sync::Mutex::new(BTreeMap::new()) } }; 32];

impl Crowd {
    fn at(key: &[u8]) -> &'static Self {
        let hash =
            key.iter().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        &CROWDS[hash % CROWDS.len()]
    }

    /// Returns the lock of a record. Forgets the locks that no writer uses any more.
    fn lock_of(&self, place: &Place) -> Arc<Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = locks.get(place).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        locks.insert(place.clone(), Arc::downgrade(&lock));
        lock
    }
}

/// A writer's turn to change a record that many writers of this process change at once. A writer takes its turn after
/// it lost a race for the record, and keeps it until the turn is dropped at the end of the operation.
///
/// An operation reads a record, decides, and commits with the revision that it read. If the commit is a conflict, the
/// operation begins again, up to a number of times. Without turns, one writer of many can lose all its races. Writers
/// of other processes take no turns.
///
/// No method fails or blocks the thread. Dropping a future of a method, or the turn, gives the turn back. A writer with
/// a turn whose future is not polled delays the other writers that lost a race for its record (decision H295).
///
/// ```
/// use std::sync::Arc;
///
/// use keyway_storage::{Batch, CommitOutcome, Expectation, Memory, Storage, StorageError, Turn};
///
/// async fn count(storage: &Arc<dyn Storage>) -> Result<bool, StorageError> {
///     let mut turn = Turn::new(storage);
///     turn.yields_at(b"counter").await;
///     for _ in 0..64 {
///         let record = storage.get(b"counter").await?;
///         let (count, expectation) = match &record {
///             Some(record) => (record.value[0], Expectation::Revision(record.revision)),
///             None => (0, Expectation::Absent),
///         };
///         let batch = Batch::new().put("counter", [count + 1], expectation);
///         if let CommitOutcome::Committed(_) = storage.commit(batch).await? {
///             return Ok(true);
///         }
///         turn.lost_at(b"counter").await;
///     }
///     Ok(false)
/// }
/// # let storage: Arc<dyn Storage> = Arc::new(Memory::new());
/// # assert!(pollster::block_on(count(&storage))?);
/// # Ok::<(), StorageError>(())
/// ```
pub struct Turn {
    /// Kept, so that no other engine gets its address while the turn is used.
    engine: Arc<dyn Storage>,
    has_yielded: bool,
    held: Option<Held>,
}

/// A turn that is taken.
struct Held {
    place: Place,
    _lost: Lost,
    _lock: MutexGuardArc<()>,
}

/// Counts a writer among those that lost a race, until it is dropped.
struct Lost(&'static Crowd);

impl Lost {
    fn at(crowd: &'static Crowd) -> Self {
        crowd.losers.fetch_add(1, Ordering::SeqCst);
        Self(crowd)
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        self.0.losers.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Turn {
    /// Prepares the turn of one operation on the records of a storage engine.
    pub fn new(engine: &Arc<dyn Storage>) -> Self {
        Self { engine: Arc::clone(engine), has_yielded: false, held: None }
    }

    /// Yields once in an operation to the writers that lost a race for the record at `key`. Returns `true` if there
    /// were any: then the record has to be read again.
    ///
    /// A writer that did not yield could win every race against them, because it reads the record again right after its
    /// own commit.
    pub async fn yields_at(&mut self, key: &[u8]) -> bool {
        self.yields_at_any([key]).await
    }

    /// Yields as [`yields_at`](Self::yields_at) does, for a batch that changes the records at `keys`.
    pub async fn yields_at_any(&mut self, keys: impl IntoIterator<Item = &[u8]>) -> bool {
        if self.has_yielded || self.held.is_some() {
            return false;
        }
        let is_lost = |crowd: &&Crowd| crowd.losers.load(Ordering::SeqCst) > 0;
        let Some(crowd) = keys.into_iter().map(Crowd::at).find(is_lost) else { return false };
        self.has_yielded = true;
        for _ in 0..YIELDS {
            if !is_lost(&crowd) {
                break;
            }
            let_others_run().await;
        }
        true
    }

    /// Takes the turn after a lost race for the record at `key`. Waits for the writers that lost a race for it before.
    pub async fn lost_at(&mut self, key: &[u8]) {
        let place = (Arc::as_ptr(&self.engine).addr(), key.to_vec());
        if self.held.as_ref().is_some_and(|held| held.place == place) {
            return;
        }
        // A writer holds one lock at most: two writers that waited for each other's would never go on.
        self.held = None;
        let crowd = Crowd::at(key);
        let lost = Lost::at(crowd);
        let lock = crowd.lock_of(&place).lock_arc().await;
        self.held = Some(Held { place, _lost: lost, _lock: lock });
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("is_held", &self.held.is_some()).finish_non_exhaustive()
    }
}

/// Yields once to the other tasks of the executor, because an engine may answer without ever waiting. A long loop over
/// records calls it between its steps.
///
/// It has no effect and does not block.
pub async fn let_others_run() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
