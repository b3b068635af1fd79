//! The use that plugins make of the threads that poll them: declared, and observed (decision R1).

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tracing::warn;

/// How far a plugin is kept away from the caller's task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// A call that is declared prompt runs on the caller's task. Any other runs on a task of its own, as
    /// with [`Task`](Self::Task). A plugin that three times takes longer than it declares is not
    /// believed any more.
    #[default]
    Declared,
    /// Each call runs on a task of its own, and a call of a plugin that blocks on a thread for blocking
    /// work: one that declares it, one that was seen to, and any call for which no worker thread can be
    /// spared. The deadline holds whatever the plugin does, at the cost of a hop between threads.
    Task,
    /// Each call runs on the caller's task, unless the plugin declares `blocking`. No hop,
    /// but the deadline holds only for a plugin that yields: for plugins that you trust
    /// not to hang.
    Inline,
}

/// The plugin's declaration about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It may block the thread.
    Blocking,
    /// Nothing.
    Undeclared,
    /// Every poll returns within a millisecond.
    Prompt,
}

impl Pace {
    /// The pace of a call whose plugin declares that it blocks, or that it is prompt.
    pub(crate) fn declared(blocks: bool, is_prompt: bool) -> Self {
        match (blocks, is_prompt) {
            (true, _) => Self::Blocking,
            (false, true) => Self::Prompt,
            (false, false) => Self::Undeclared,
        }
    }
}

/// A poll that takes longer blocks the thread: the plugin's calls move to threads for blocking work.
const BLOCKS: Duration = Duration::from_millis(50);
/// A poll of a call that is declared prompt must not take longer.
const LATE: Duration = Duration::from_millis(20);
/// After so many late polls a plugin is not believed any more.
const LATE_POLLS: u32 = 3;

/// How many polls of plugins run on worker threads at the moment, in all runtimes of the process.
static POLLS: AtomicUsize = AtomicUsize::new(0);

/// Observes the polls of a plugin.
#[derive(Debug, Default)]
pub(super) struct Watch {
    blocks: AtomicBool,
    late_polls: AtomicU32,
}

/// The right to poll on a worker thread.
struct OnWorker;

impl OnWorker {
    /// Leaves one worker for timers and all other tasks.
    fn try_take(workers: usize) -> Option<Self> {
        let taken = POLLS.fetch_add(1, Ordering::Relaxed);
        let on_worker = Self;
        (taken + 1 < workers).then_some(on_worker)
    }
}

impl Drop for OnWorker {
    fn drop(&mut self) {
        POLLS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Watch {
    /// Whether a call that declares this runs on the caller's task.
    pub(super) fn runs_inline(&self, isolation: Isolation, pace: Pace) -> bool {
        match isolation {
            Isolation::Declared => {
                pace == Pace::Prompt && self.late_polls.load(Ordering::Relaxed) < LATE_POLLS
            }
            Isolation::Task => false,
            Isolation::Inline => pace != Pace::Blocking,
        }
    }

    /// Whether a call belongs on a thread for blocking work from its beginning on.
    pub(super) fn blocks(&self, pace: Pace) -> bool {
        pace == Pace::Blocking || self.blocks.load(Ordering::Relaxed)
    }

    /// Polls on the caller's task, and notes how long that took.
    pub(super) fn poll_inline<T>(&self, operation: &'static str, poll: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let polled = poll();
        if begun.elapsed() > LATE && self.late_polls.fetch_add(1, Ordering::Relaxed) + 1 == LATE_POLLS {
            warn!(
                operation,
                "a plugin is slower than it declares; its calls run on tasks of their own from now on"
            );
        }
        polled
    }

    /// Polls on a worker thread; `None` if no worker can be spared, or the plugin blocks.
    pub(super) fn poll_on_worker<T>(
        &self,
        operation: &'static str,
        workers: usize,
        poll: impl FnOnce() -> Poll<T>,
    ) -> Option<Poll<T>> {
        if self.blocks.load(Ordering::Relaxed) {
            return None;
        }
        let _on_worker = OnWorker::try_take(workers)?;
        let begun = Instant::now();
        let polled = poll();
        if begun.elapsed() > BLOCKS && !self.blocks.swap(true, Ordering::Relaxed) {
            warn!(
                operation,
                "a plugin blocks and does not declare it; its calls run on threads for blocking work from now on"
            );
        }
        Some(polled)
    }
}
