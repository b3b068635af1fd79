//! A clock that jumps.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyway_core::{Clock, SystemClock, Timestamp};

use super::draw::Draw;

/// A clock that follows the system's, and jumps forward or back every few readings.
///
/// Real clocks jump when a machine was suspended or its clock is set by hand. Hosts with such clocks share records, so
/// a host must not trust a time that another host wrote (decision R5).
#[derive(Debug)]
pub(super) struct JumpingClock(Mutex<Jumps>);

#[derive(Debug)]
struct Jumps {
    draw: Draw,
    ahead: Duration,
}

impl JumpingClock {
    /// The maximum by which this clock is ahead of the system's.
    pub(super) const FURTHEST: Duration = Duration::from_secs(20 * 60);

    pub(super) fn new(draw: Draw) -> Self {
        Self(Mutex::new(Jumps { draw, ahead: Duration::ZERO }))
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        let mut jumps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jumps.draw.chance(3) {
            let furthest = Self::FURTHEST.as_secs();
            jumps.ahead = Duration::from_secs(jumps.draw.below(furthest));
        }
        SystemClock.now().plus(jumps.ahead)
    }
}
