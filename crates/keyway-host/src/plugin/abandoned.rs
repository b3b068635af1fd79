//! Calls of a plugin whose callers went away, and that have not come back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use tokio::time::Instant;

/// The abandoned calls of one plugin. As long as one of them hangs, the plugin is not called: every
/// further call could take one more thread for ever.
#[derive(Debug, Default)]
pub(super) struct Abandoned {
    calls: Mutex<Vec<Call>>,
}

/// An abandoned call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) task: AbortHandle,
    /// From when on it counts as hanging. Before, it may be slow for a good reason, and that its caller
    /// went away is no reason to refuse the others. `None` is never.
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

    /// The operation of a call that hangs.
    pub(super) fn hung(&self) -> Option<&'static str> {
        let calls = self.calls();
        // Usually empty, and then the time is not needed.
        if calls.is_empty() {
            return None;
        }
        let now = Instant::now();
        calls.iter().find(|call| call.hangs(now)).map(|call| call.operation)
    }

    /// Forgets what has come back, and says whether there was anything that had been overdue.
    pub(super) fn forget_ended(&self) -> bool {
        let mut calls = self.calls();
        if calls.is_empty() {
            return false;
        }
        let now = Instant::now();
        let mut late = false;
        calls.retain(|call| {
            let ended = call.task.is_finished();
            late |= ended && call.overdue.is_some_and(|overdue| now >= overdue);
            !ended
        });
        late
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
