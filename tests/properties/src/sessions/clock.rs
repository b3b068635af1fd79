//! A clock that follows the paused time of the runtime, and that an input can set forward and back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyway_core::{Clock, Timestamp};
use tokio::time::Instant;

/// The time that a new clock shows, in milliseconds since 1970.
const BEGINNING: u64 = 1_800_000_000_000;

/// The clock of the hosts and of the vault.
#[derive(Debug)]
pub(super) struct WarpedClock {
    begun: Instant,
    /// The lead over the runtime's time, in milliseconds.
    ahead: AtomicU64,
}

impl WarpedClock {
    /// Creates a clock. It must be read on the same runtime.
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), ahead: AtomicU64::new(BEGINNING) }
    }

    /// Sets the clock forward.
    pub(super) fn forward(&self, by: Duration) {
        self.ahead.fetch_add(milliseconds(by), Ordering::SeqCst);
    }

    /// Sets the clock back.
    pub(super) fn back(&self, by: Duration) {
        self.ahead.fetch_sub(milliseconds(by), Ordering::SeqCst);
    }
}

impl Clock for WarpedClock {
    fn now(&self) -> Timestamp {
        let ahead = Timestamp::from_milliseconds(self.ahead.load(Ordering::SeqCst));
        ahead.plus(self.begun.elapsed())
    }
}

fn milliseconds(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}
