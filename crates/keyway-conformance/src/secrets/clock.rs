//! The kit's clock: it stands still until it is told to jump.

use std::sync::atomic::{AtomicU64, Ordering};

use keyway_core::{Clock, Timestamp};

/// A clock that a rule sets.
#[derive(Debug)]
pub(super) struct KitClock(AtomicU64);

impl KitClock {
    /// Where it begins: 2026-01-01, in milliseconds.
    pub(super) const BEGINNING: u64 = 1_767_225_600_000;

    pub(super) fn new() -> Self {
        Self(AtomicU64::new(Self::BEGINNING))
    }

    /// Sets the time, in milliseconds, forwards or backwards.
    pub(super) fn set(&self, milliseconds: u64) {
        self.0.store(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for KitClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(self.0.load(Ordering::SeqCst))
    }
}
