//! A clock for tests, whose time a test sets.

use std::sync::atomic::{AtomicU64, Ordering};

use keyway_core::{Clock, Timestamp};

/// A clock in milliseconds since the epoch.
#[derive(Debug, Default)]
pub(crate) struct SetClock(AtomicU64);

impl SetClock {
    pub(crate) fn set(&self, milliseconds: u64) {
        self.0.store(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(self.0.load(Ordering::SeqCst))
    }
}
