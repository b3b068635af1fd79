//! Tracks calls of a plugin that are still running although their callers are gone.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Holds the abandoned calls of one plugin. While one of them hangs, the plugin is not called,
/// since every further call could lose another thread for ever.
#[derive(Debug, Default)]
pub(super) struct Abandoned {
    calls: Mutex<Vec<Call>>,
}

/// An abandoned call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) task: AbortHandle,
    /// When the call starts to count as hanging; `None` means never. Before that time the call may be slow for a good
    /// reason, and other callers are not refused.
    pub(super) overdue: Option<Instant>,
}

impl Call {
    fn hangs(&self, now: Instant) -> bool {
        self.overdue.is_some_and(|overdue| now >= overdue) && !self.task.is_finished()
    }
}

impl Abandoned {
    pub(super) fn add(&self, call: Call) {
        self.calls().push(call);
    }

    /// Returns the operation of a call that hangs.
    pub(super) fn hung(&self) -> Option<&'static str> {
        hung_of(&self.calls())
    }

    /// Forgets calls that have ended. Returns whether one of them had been overdue, and the operation of a
    /// call that still hangs.
    pub(super) fn forget_ended(&self) -> (bool, Option<&'static str>) {
        let mut calls = self.calls();
        if calls.is_empty() {
            return (false, None);
        }
        let now = Instant::now();
        let mut late = false;
        calls.retain(|call| {
            let ended = call.task.is_finished();
            late |= ended && call.overdue.is_some_and(|overdue| now >= overdue);
            !ended
        });
        (late, hung_of(&calls))
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hung_of(calls: &[Call]) -> Option<&'static str> {
    // The list is usually empty, and then the clock need not be read.
    if calls.is_empty() {
        return None;
    }
    let now = Instant::now();
    calls.iter().find(|call| call.hangs(now)).map(|call| call.operation)
}
