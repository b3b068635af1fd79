//! Ends a program that the host started directly.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

use crate::run::leftovers::{Leftovers, Listed, Search};
use crate::run::mark::RunMark;
use crate::run::streams::wait_readable;

/// A program that runs or is not yet reaped.
///
/// Until the program is reaped, no other process gets its id or the id of its group, so the group is killed before the
/// program is reaped. The program may have left its group, so it also gets each signal directly.
#[derive(Debug)]
pub(in crate::run) struct Alone {
    /// The child process. `None` once it is reaped or given up.
    child: Option<Child>,
    pid: Pid,
    /// A descriptor that is readable once the program has ended. `None` if the system has no such descriptor.
    exit_notice: Option<OwnedFd>,
    mark: Arc<RunMark>,
    /// The entry in the list of running programs. Dropped just before the program is reaped.
    listed: Option<Listed>,
}

impl Alone {
    /// The time limit for a killed program to be gone. After that time, the host stops waiting for a program that hangs
    /// inside the system.
    const KILLED: Duration = Duration::from_secs(2);
    /// The time limit for killing processes that are many, or fork as fast as they are killed.
    const SEARCH: Duration = Duration::from_secs(2);
    /// The minimum time for a search, for a run that ended just before its deadline.
    const SHORT_SEARCH: Duration = Duration::from_millis(50);
    /// The time limit for each search before a running program is killed: one before and one after the time of grace.
    const LATE_SEARCH: Duration = Duration::from_millis(500);

    pub(in crate::run) fn new(child: Child, mark: RunMark) -> Self {
        let pid = Pid::from_child(&child);
        Self {
            child: Some(child),
            pid,
            exit_notice: exit_notice(pid),
            mark: Arc::new(mark),
            listed: Some(Listed::new(pid)),
        }
    }

    pub(super) fn exit_notice(&self) -> Option<BorrowedFd<'_>> {
        self.exit_notice.as_ref().map(AsFd::as_fd)
    }

    /// Tells whether the program has ended. Does not reap it.
    pub(super) fn has_exited(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(self.pid), options) {
                Ok(status) => return Ok(status.is_some()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends the processes that are left when a program has ended by itself. Returns how the program ended, and the
    /// number of processes that were left. The time limit for finding and killing them is the remaining time of the
    /// run, but at least 50 ms and at most two seconds.
    pub(super) fn after_exit(
        &mut self,
        ran: Duration,
        deadline: Duration,
    ) -> io::Result<(ExitStatus, usize)> {
        let time = deadline.saturating_sub(ran).clamp(Self::SHORT_SEARCH, Self::SEARCH);
        let mut leftovers = Leftovers::of(self.pid, &self.mark, Instant::now() + time);
        let search = Search::after(ran);
        leftovers.find(search);
        self.signal_group(Signal::KILL);
        self.listed = None;
        let status = match self.child.take() {
            Some(mut child) => child.wait()?,
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let killed = leftovers.kill_all(search);
        self.warn_if_incomplete(&leftovers);
        Ok((status, killed))
    }

    /// Ends a running program and all processes that it started: `SIGTERM`, a time of grace, `SIGKILL`.
    pub(super) fn kill(&mut self, grace: Duration) {
        let Some(mut child) = self.child.take() else { return };
        let mut leftovers = Leftovers::of(self.pid, &self.mark, Instant::now() + Self::LATE_SEARCH);
        leftovers.find_descendants();
        leftovers.find(Search::Everywhere);
        if !grace.is_zero() {
            self.signal_program(Signal::TERM);
            leftovers.signal(Signal::TERM);
            self.wait_exit(grace);
            leftovers.end_at(Instant::now() + Self::LATE_SEARCH);
            // Also finds processes that were started during the time of grace.
            leftovers.find_descendants();
        }
        self.signal_program(Signal::KILL);
        leftovers.end_at(Instant::now() + Self::SEARCH);
        leftovers.find(Search::Everywhere);
        leftovers.kill_all(Search::Everywhere);
        self.warn_if_incomplete(&leftovers);
        self.listed = None;
        if self.wait_exit(Self::KILLED) {
            let _ = child.wait();
        } else {
            // The program hangs inside the system. A thread reaps it when it ends.
            let reap = move || {
                let _ = child.wait();
            };
            let _ = std::thread::Builder::new().name("keyway-process-reap".into()).spawn(reap);
        }
    }

    fn warn_if_incomplete(&self, leftovers: &Leftovers) {
        if leftovers.gave_up() {
            let program = self.pid.as_raw_pid();
            tracing::warn!(
                program,
                "stopped searching for the processes that a program left behind: some may still run"
            );
        }
    }

    fn wait_exit(&self, timeout: Duration) -> bool {
        if let Some(notice) = self.exit_notice() {
            return wait_readable(notice, timeout);
        }
        let until = Instant::now().checked_add(timeout);
        loop {
            // An error means that there is no program left to wait for.
            if self.has_exited().unwrap_or(true) {
                return true;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return false;
            }
            std::thread::sleep(super::Ending::TICK);
        }
    }

    /// Signals the program, whichever group it is in, and the group that it was started in.
    fn signal_program(&self, signal: Signal) {
        // An error only means that the program is gone. Until it is reaped, no other process has its id.
        let _ = match self.exit_notice() {
            #[cfg(target_os = "linux")]
            Some(handle) => rustix::process::pidfd_send_signal(handle, signal),
            _ => kill_process(self.pid, signal),
        };
        self.signal_group(signal);
    }

    fn signal_group(&self, signal: Signal) {
        // An error only means that the group is gone.
        let _ = kill_process_group(self.pid, signal);
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.kill(Duration::ZERO);
    }
}

#[cfg(target_os = "linux")]
fn exit_notice(pid: Pid) -> Option<OwnedFd> {
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn exit_notice(_: Pid) -> Option<OwnedFd> {
    None
}
