//! Lets the writers of one handle take turns after a lost race, so that none of them loses every race.

use async_lock::{Mutex, MutexGuard};

/// The number of locks for writers that retry. Writers that share a lock retry one after the other.
const CROWDS: usize = 32;

/// The locks for writers that lost a race.
#[derive(Debug)]
pub(crate) struct Crowds([Mutex<()>; CROWDS]);

impl Crowds {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(())))
    }

    fn at(&self, key: &[u8]) -> &Mutex<()> {
        &self.0[usize::from(key.last().copied().unwrap_or(0)) % CROWDS]
    }
}

/// A writer's turn to change a record. A writer takes its turn after it lost a race for the record, and keeps it until it
/// has succeeded or failed.
pub(crate) struct Turn<'a> {
    crowds: &'a Crowds,
    held: Option<MutexGuard<'a, ()>>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(crowds: &'a Crowds) -> Self {
        Self { crowds, held: None }
    }

    /// Waits behind the writers that lost a race for the record at `key`. Returns `true` if there were any: then the
    /// record has to be read again.
    ///
    /// A writer that did not wait could win every race against them, because it reads the record again right after its
    /// own commit.
    pub(crate) async fn waits_at(&mut self, key: &[u8]) -> bool {
        let crowd = self.crowds.at(key);
        if self.held.is_some() || crowd.try_lock().is_some() {
            return false;
        }
        self.held = Some(crowd.lock().await);
        true
    }

    /// Takes the turn after a lost race for the record at `key`. Waits for the writers that lost a race before.
    pub(crate) async fn lost_at(&mut self, key: &[u8]) {
        if self.held.is_none() {
            self.held = Some(self.crowds.at(key).lock().await);
        }
    }
}
