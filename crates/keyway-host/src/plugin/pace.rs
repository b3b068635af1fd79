//! Decides on which thread a plugin is polled, from its declaration and from the observed polls.
//!
//! See decision R1.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tracing::warn;

/// Sets how far a plugin is kept away from the caller's task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// Runs a call that is declared prompt on the caller's task, and any other call on a task of its own, as
    /// [`Task`](Self::Task) does. A plugin that breaks its declaration three times is no longer trusted.
    #[default]
    Declared,
    /// Runs each call on a task of its own. A call moves to a blocking thread if its plugin
    /// declares that it blocks or was seen blocking, or if no worker thread is free. The deadline
    /// holds whatever the plugin does, at the cost of a thread switch.
    Task,
    /// Runs each call on the caller's task, unless the plugin declares `blocking`. There is no
    /// thread switch, but the deadline holds only for a plugin that yields. Use it for plugins that
    /// you trust not to hang.
    Inline,
}

/// A plugin's declaration about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// The call may block the thread.
    Blocking,
    /// The plugin declares nothing.
    Undeclared,
    /// Every poll returns within a millisecond.
    Prompt,
}

impl Pace {
    /// Returns the pace of a call. The plugin declares that the call blocks, that it is prompt, or neither.
    pub(crate) fn declared(blocks: bool, is_prompt: bool) -> Self {
        match (blocks, is_prompt) {
            (true, _) => Self::Blocking,
            (false, true) => Self::Prompt,
            (false, false) => Self::Undeclared,
        }
    }
}

/// The longest poll that does not count as blocking.
const BLOCKS: Duration = Duration::from_millis(50);
/// The longest poll of a prompt call that does not count as late.
const LATE: Duration = Duration::from_millis(20);
/// The number of late or blocking polls after which a plugin is no longer trusted. A single one may be due to a busy
/// machine.
const LATE_POLLS: u32 = 3;

/// The number of plugin polls that run on worker threads now, in all runtimes of the process.
static POLLS: AtomicUsize = AtomicUsize::new(0);

/// Observes the polls of a plugin.
#[derive(Debug, Default)]
pub(super) struct Watch {
    blocking_polls: AtomicU32,
    late_polls: AtomicU32,
}

/// Permits its holder to poll on a worker thread.
struct OnWorker;

impl OnWorker {
    /// Takes a permit, but leaves one worker thread free for timers and other tasks.
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
    /// Tells whether a call with this declaration runs on the caller's task.
    pub(super) fn runs_inline(&self, isolation: Isolation, pace: Pace) -> bool {
        match isolation {
            Isolation::Declared => {
                pace == Pace::Prompt && self.late_polls.load(Ordering::Relaxed) < LATE_POLLS
            }
            Isolation::Task => false,
            Isolation::Inline => pace != Pace::Blocking,
        }
    }

    /// Tells whether a call belongs on a blocking thread from its start.
    pub(super) fn blocks(&self, pace: Pace) -> bool {
        pace == Pace::Blocking || self.was_seen_blocking()
    }

    fn was_seen_blocking(&self) -> bool {
        self.blocking_polls.load(Ordering::Relaxed) >= LATE_POLLS
    }

    /// Polls on the caller's task, and measures how long that takes. `begun` is the current time.
    pub(super) fn poll_inline<T>(
        &self,
        operation: &'static str,
        begun: Instant,
        poll: impl FnOnce() -> T,
    ) -> T {
        let polled = poll();
        if begun.elapsed() > LATE && self.late_polls.fetch_add(1, Ordering::Relaxed) + 1 == LATE_POLLS {
            warn!(
                operation,
                "a plugin is slower than it declares; from now on its calls run on separate tasks"
            );
        }
        polled
    }

    /// Polls on a worker thread. Returns `None` if no worker thread is free, or if the plugin blocks.
    pub(super) fn poll_on_worker<T>(
        &self,
        operation: &'static str,
        workers: usize,
        poll: impl FnOnce() -> Poll<T>,
    ) -> Option<Poll<T>> {
        if self.was_seen_blocking() {
            return None;
        }
        let _on_worker = OnWorker::try_take(workers)?;
        let begun = Instant::now();
        let polled = poll();
        if begun.elapsed() > BLOCKS && self.blocking_polls.fetch_add(1, Ordering::Relaxed) + 1 == LATE_POLLS {
            warn!(
                operation,
                "a plugin blocks and does not declare it; from now on its calls run on blocking threads"
            );
        }
        Some(polled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_blocks_once_three_of_its_polls_were_long() {
        let watch = Watch::default();
        let slow = || {
            std::thread::sleep(BLOCKS + Duration::from_millis(10));
            Poll::Ready(())
        };
        for _ in 0..LATE_POLLS {
            assert!(!watch.blocks(Pace::Undeclared));
            assert!(watch.poll_on_worker("get", usize::MAX, slow).is_some());
        }
        assert!(watch.blocks(Pace::Undeclared));
        assert!(watch.poll_on_worker("get", usize::MAX, slow).is_none());
    }
}
