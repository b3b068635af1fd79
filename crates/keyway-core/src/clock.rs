//! Time: moments, and clocks that are passed as explicit arguments.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in time, in milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    milliseconds: u64,
}

impl Timestamp {
    /// Returns the moment `milliseconds` after the epoch.
    pub const fn from_milliseconds(milliseconds: u64) -> Self {
        Self { milliseconds }
    }

    /// Returns the milliseconds since the epoch.
    pub const fn as_milliseconds(self) -> u64 {
        self.milliseconds
    }

    /// Returns the whole seconds since the epoch.
    pub const fn as_seconds(self) -> u64 {
        self.milliseconds / 1000
    }

    /// Returns the moment `duration` later, or the last representable moment if the sum is later than that.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let added = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { milliseconds: self.milliseconds.saturating_add(added) }
    }

    /// Returns the moment `duration` earlier, or the epoch if the result would be before it.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let taken = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { milliseconds: self.milliseconds.saturating_sub(taken) }
    }
}

/// A source of the current time. Tests and simulations can replace it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the current time. Between two calls it may jump forwards or backwards.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default().plus(since_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_saturates() {
        let late = Timestamp::from_milliseconds(u64::MAX - 1);
        assert_eq!(late.plus(Duration::from_secs(1)).as_milliseconds(), u64::MAX);
        assert_eq!(Timestamp::from_milliseconds(1_999).as_seconds(), 1);
    }

    #[test]
    fn the_system_clock_is_past_this_files_birth() {
        assert!(SystemClock.now() > Timestamp::from_milliseconds(1_700_000_000_000));
    }
}
