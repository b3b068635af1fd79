//! Lets the writers that lost a race for a record go first, so that none of them loses every race.
//!
//! See decision H295.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_lock::{Mutex, MutexGuard};

use crate::rotation::let_others_run;

/// How many times a writer yields to writers that lost a race. The number is bounded, because the future of such a writer
/// may not be polled for a long time.
const YIELDS: u32 = 64;

/// The writers of this process that lost a race for one of the records that share the crowd.
struct Crowd {
    losers: AtomicUsize,
    /// Losers retry one after the other.
    lock: Mutex<()>,
}

/// Handles of one store share their crowds, and so do unrelated records: they only retry one after the other.
static CROWDS: [Crowd; 32] = [const { Crowd { losers: AtomicUsize::new(0), lock: Mutex::new(()) } }; 32];

impl Crowd {
    fn at(key: &[u8]) -> &'static Self {
        let hash =
            key.iter().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        &CROWDS[hash % CROWDS.len()]
    }
}

/// A writer's turn to change a record. A writer takes its turn after it lost a race for the record, and keeps it until
/// the operation ends.
#[derive(Default)]
pub(crate) struct Turn {
    has_yielded: bool,
    held: Option<Held>,
}

/// A turn that is taken.
struct Held {
    lost: Lost,
    _lock: MutexGuard<'static, ()>,
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
    /// Yields once in an operation to the writers that lost a race for the record at `key`. Returns `true` if there were
    /// any: then the record has to be read again.
    ///
    /// A writer that did not yield could win every race against them, because it reads the record again right after its
    /// own commit.
    pub(crate) async fn yields_at(&mut self, key: &[u8]) -> bool {
        self.yields_at_any([key]).await
    }

    /// Yields as [`yields_at`](Self::yields_at) does, for a batch that changes the records at `keys`.
    pub(crate) async fn yields_at_any(&mut self, keys: impl IntoIterator<Item = &[u8]>) -> bool {
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

    /// Takes the turn after a lost race for the record at `key`. Waits for the writers that lost a race before.
    pub(crate) async fn lost_at(&mut self, key: &[u8]) {
        let crowd = Crowd::at(key);
        if self.held.as_ref().is_some_and(|held| std::ptr::eq(held.lost.0, crowd)) {
            return;
        }
        // A writer holds one lock at most: two writers that waited for each other's would never go on.
        self.held = None;
        let lost = Lost::at(crowd);
        let lock = crowd.lock.lock().await;
        self.held = Some(Held { lost, _lock: lock });
    }
}
