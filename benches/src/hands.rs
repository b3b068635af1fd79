//! A clock that a measurement sets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyway_core::{Clock, Timestamp};

/// A clock that stands still until it is advanced.
#[derive(Debug, Default)]
pub struct Hands(AtomicU64);

impl Hands {
    /// The time at which every clock begins.
    pub const BEGIN: Timestamp = Timestamp::from_milliseconds(1_800_000_000_000);

    /// Advances the clock, and returns its time.
    pub fn advance(&self, by: Duration) -> Timestamp {
        let milliseconds = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
        self.now()
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Self::BEGIN.plus(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }
}
