//! The kit's clock, which stands still until a rule sets it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyway_core::{Clock, Timestamp};

/// A clock whose time is set by a rule.
#[derive(Debug)]
pub(crate) struct KitClock(AtomicU64);

impl KitClock {
    /// The time at which the clock begins, 2026-01-01, in milliseconds.
    pub(crate) const BEGINNING: u64 = 1_767_225_600_000;

    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(Self::BEGINNING))
    }

    /// Sets the time, in milliseconds, forwards or backwards.
    #[cfg(feature = "secrets")]
    pub(crate) fn set(&self, milliseconds: u64) {
        self.0.store(milliseconds, Ordering::SeqCst);
    }

    /// Advances the time.
    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(by))).ok();
    }
}

impl Clock for KitClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(self.0.load(Ordering::SeqCst))
    }
}
