//! Ends a program that a helper runs.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_run::Reply;
use rustix::process::getpid;

use crate::run::RunError;
use crate::run::leftovers::{Leftovers, Search};
use crate::run::mark::RunMark;
use crate::run::streams::wait_readable;
use crate::supervisor::{Supervisor, Supervisors};

/// A program that a helper runs. The helper reports the end of the program, and is then free for the next one.
#[derive(Debug)]
pub(in crate::run) struct Helped {
    /// The helper. `None` once the run is over.
    supervisor: Option<Supervisor>,
    all: Arc<Supervisors>,
    mark: Arc<RunMark>,
}

impl Helped {
    /// The time limit for a helper to kill all processes.
    const KILLED: Duration = Duration::from_secs(4);
    /// The time limit for a helper with a cgroup to kill all processes. After that time, the host kills the cgroup
    /// together with the helper.
    const KILLED_BY_HELPER: Duration = Duration::from_millis(500);
    /// The time limit for the search by marks after a helper was killed.
    const SEARCH: Duration = Duration::from_secs(1);

    pub(in crate::run) fn new(supervisor: Supervisor, all: Arc<Supervisors>, mark: RunMark) -> Self {
        Self { supervisor: Some(supervisor), all, mark: Arc::new(mark) }
    }

    /// Becomes readable once the program has ended.
    ///
    /// # Panics
    /// After the run is over.
    pub(super) fn exit_notice(&self) -> BorrowedFd<'_> {
        self.supervisor.as_ref().expect("a caller waits only while the program runs").as_fd()
    }

    pub(super) fn after_exit(&mut self) -> Result<(ExitStatus, usize), RunError> {
        let Some(supervisor) = self.supervisor.take() else { return Err(RunError::Cancelled) };
        match supervisor.receive() {
            Ok(Reply::Ended { status, left_behind, all_killed }) => {
                let left = usize::try_from(left_behind).unwrap_or(usize::MAX);
                self.over(supervisor, left > 0, all_killed);
                Ok((ExitStatus::from_raw(status), left))
            }
            Ok(Reply::NotStarted { error }) => {
                self.put_back(supervisor, false);
                Err(RunError::Start { source: io::Error::from_raw_os_error(error) })
            }
            other => {
                self.give_up(supervisor);
                let source = other.err().unwrap_or_else(|| io::ErrorKind::InvalidData.into());
                Err(RunError::System { what: "get its status from the helper", source })
            }
        }
    }

    pub(super) fn kill(&mut self, grace: Duration) {
        let Some(supervisor) = self.supervisor.take() else { return };
        if !grace.is_zero() {
            supervisor.terminate();
        }
        let ended = wait_readable(supervisor.as_fd(), grace);
        if !ended {
            supervisor.kill();
        }
        let in_cgroup = supervisor.is_in_cgroup();
        let patience = if in_cgroup { Self::KILLED_BY_HELPER } else { Self::KILLED };
        let ended = ended || wait_readable(supervisor.as_fd(), patience);
        match ended.then(|| supervisor.receive()) {
            Some(Ok(Reply::Ended { left_behind, all_killed, .. })) => {
                self.over(supervisor, left_behind > 0, all_killed);
            }
            Some(Ok(Reply::NotStarted { .. })) => self.put_back(supervisor, false),
            _ => self.give_up(supervisor),
        }
    }

    /// Takes the helper back after a run if it killed all processes of the run.
    fn over(&self, supervisor: Supervisor, had_something_left: bool, all_killed: bool) {
        if all_killed {
            self.put_back(supervisor, had_something_left);
        } else {
            tracing::warn!("an executable left processes behind, and the helper could not kill all of them");
            self.kill_by_marks(supervisor);
        }
    }

    /// Takes the helper back after a run. If the run left processes in a cgroup, kills the cgroup and the
    /// helper with it.
    fn put_back(&self, supervisor: Supervisor, had_something_left: bool) {
        if had_something_left && supervisor.is_in_cgroup() {
            drop(supervisor);
        } else {
            self.all.put_back(supervisor);
        }
    }

    /// Gives up a helper that does not answer or is gone.
    fn give_up(&self, supervisor: Supervisor) {
        tracing::warn!("the helper of an executable was killed, or does not answer");
        self.kill_by_marks(supervisor);
    }

    /// Ends the helper. Kills all processes in its cgroup, and all that have the mark.
    fn kill_by_marks(&self, supervisor: Supervisor) {
        drop(supervisor);
        // Skips processes older than the host: they belong to none of its runs.
        let mut leftovers = Leftovers::of(getpid(), &self.mark, Instant::now() + Self::SEARCH);
        leftovers.find(Search::Everywhere);
        leftovers.kill_all(Search::Everywhere);
    }
}

impl Drop for Helped {
    fn drop(&mut self) {
        self.kill(Duration::ZERO);
    }
}
