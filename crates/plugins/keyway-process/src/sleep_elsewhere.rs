//! The sleep of an idle thread on systems where other threads cannot add descriptors while it sleeps. Only a wake ends
//! the sleep early.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The descriptor on which one thread sleeps.
#[derive(Debug)]
pub(crate) struct Sleep {
    wake: OwnedFd,
}

impl Sleep {
    /// Makes a sleep that ends when `wake` can be read.
    pub(crate) fn new(wake: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self { wake: wake.try_clone_to_owned()? })
    }

    /// Returns false, because only a wake can end the sleep.
    pub(crate) fn end_at(&self, _: BorrowedFd<'_>, _: Duration) -> bool {
        false
    }

    /// Sleeps for this time at most. Returns true if an event ended the sleep early, even if the event is outdated.
    pub(crate) fn sleep(&self, at_most: Duration) -> bool {
        let at_most = Timespec::try_from(at_most).ok();
        match poll(&mut [PollFd::new(&self.wake, PollFlags::IN)], at_most.as_ref()) {
            Ok(ready) => ready > 0,
            // A signal interrupted the sleep. The caller finds no event, and sleeps again.
            Err(Errno::INTR) => true,
            Err(_) => false,
        }
    }
}
