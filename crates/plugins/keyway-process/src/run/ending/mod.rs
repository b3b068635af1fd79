//! Ends a program and the processes that it started.

mod alone;
#[cfg(target_os = "linux")]
mod helped;

use std::io;
use std::os::fd::BorrowedFd;
use std::process::ExitStatus;
use std::time::Duration;

use super::RunError;
pub(super) use alone::Alone;
#[cfg(target_os = "linux")]
pub(super) use helped::Helped;

/// A program that runs or is not yet reaped. Dropping it kills the program.
#[derive(Debug)]
pub(super) enum Ending {
    /// A program that is a direct child of the host.
    Alone(Alone),
    /// A program that a helper started.
    #[cfg(target_os = "linux")]
    Helped(Helped),
}

impl Ending {
    /// The interval of polling where the system gives no notice.
    pub(super) const TICK: Duration = Duration::from_millis(5);

    /// Becomes readable once the program has ended, if the system supports that.
    pub(super) fn exit_notice(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Alone(alone) => alone.exit_notice(),
            #[cfg(target_os = "linux")]
            Self::Helped(helped) => Some(helped.exit_notice()),
        }
    }

    /// Tells whether the host has to poll for the end.
    pub(super) fn ticks(&self) -> bool {
        self.exit_notice().is_none()
    }

    /// Tells whether the program has ended. Does not reap it.
    pub(super) fn has_exited(&self) -> io::Result<bool> {
        match self {
            Self::Alone(alone) => alone.has_exited(),
            #[cfg(target_os = "linux")]
            Self::Helped(_) => Ok(false),
        }
    }

    /// Ends the processes that are left when a program has ended by itself. Returns how the program ended, and the
    /// number of processes that were left. Without a helper, the time limit for finding and killing them is the
    /// remaining time of the run, but at least 50 ms and at most two seconds.
    pub(super) fn after_exit(
        &mut self,
        ran: Duration,
        deadline: Duration,
    ) -> Result<(ExitStatus, usize), RunError> {
        match self {
            Self::Alone(alone) => alone
                .after_exit(ran, deadline)
                .map_err(|source| RunError::System { what: "get its exit status", source }),
            #[cfg(target_os = "linux")]
            Self::Helped(helped) => helped.after_exit(),
        }
    }

    /// Ends a running program and all processes that it started: `SIGTERM`, a time of grace, `SIGKILL`.
    pub(super) fn kill(&mut self, grace: Duration) {
        match self {
            Self::Alone(alone) => alone.kill(grace),
            #[cfg(target_os = "linux")]
            Self::Helped(helped) => helped.kill(grace),
        }
    }
}
