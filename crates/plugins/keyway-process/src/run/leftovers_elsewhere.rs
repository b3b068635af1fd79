//! Stands in for the search for processes outside of the process group on systems other than Linux. This version never
//! finds a process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::mark::RunMark;

/// The processes to look at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Search {
    /// The only value, which has no effect on this system.
    Everywhere,
}

impl Search {
    pub(super) const fn after(_: Duration) -> Self {
        Self::Everywhere
    }
}

/// An empty set of processes.
#[derive(Debug)]
pub(super) struct Leftovers;

impl Leftovers {
    pub(super) const fn of(_: Pid, _: &Arc<RunMark>, _: Instant) -> Self {
        Self
    }

    pub(super) const fn gave_up(&self) -> bool {
        false
    }

    pub(super) const fn end_at(&mut self, _: Instant) {}

    pub(super) const fn find(&mut self, _: Search) {}

    pub(super) const fn find_descendants(&mut self) {}

    pub(super) const fn signal(&self, _: Signal) {}

    pub(super) const fn kill_all(&mut self, _: Search) -> usize {
        0
    }
}

/// An entry without content.
#[derive(Debug)]
pub(super) struct Listed;

impl Listed {
    pub(super) const fn new(_: Pid) -> Self {
        Self
    }
}
