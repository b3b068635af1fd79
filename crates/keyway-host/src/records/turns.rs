//! Lets the callers of one process that lost a race for a record change it one after the other.
//!
//! See decision H298.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::key::Address;

/// How many queues the records of one kind share.
const QUEUES: usize = 64;
/// The longest wait for a turn. It is limited, because the future of a caller that has the turn may not be polled.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The queues of the callers that lost a race. Without them, a caller could lose every race for a record that others
/// change all the time.
#[derive(Debug)]
pub(super) struct Turns {
    queues: Vec<Mutex<()>>,
}

/// The turn of a caller to change a record. A caller has none until it lost a race, and then keeps it until the change
/// is made.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    held: Option<MutexGuard<'a, ()>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { queues: (0..QUEUES).map(|_| Mutex::default()).collect() }
    }
}

impl Turns {
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn { turns: self, held: None }
    }

    fn queue(&self, record: Address) -> &Mutex<()> {
        &self.queues[usize::from(record.id[0]) % QUEUES]
    }
}

impl Turn<'_> {
    /// Waits until the callers that lost a race for the record have changed it. Waits for a limited time, and not at
    /// all if this caller has a turn.
    pub(crate) async fn wait_at(&self, record: Address) {
        let queue = self.turns.queue(record);
        if self.held.is_none() && queue.try_lock().is_err() {
            // The turn is not kept, since this caller has lost no race.
            let _ = timeout(LONGEST_WAIT, queue.lock()).await;
        }
    }

    /// Takes a turn after a lost race for the record. If that takes too long, the caller goes on without a turn.
    pub(crate) async fn lost_at(&mut self, record: Address) {
        if self.held.is_none() {
            self.held = timeout(LONGEST_WAIT, self.turns.queue(record).lock()).await.ok();
        }
    }
}
