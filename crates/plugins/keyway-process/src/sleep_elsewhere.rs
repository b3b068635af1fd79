//! How a thread sleeps where the system has no set of descriptors that others can add to: until it is woken.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// What one thread sleeps on.
#[derive(Debug)]
pub(crate) struct Sleep {
    wake: OwnedFd,
}

impl Sleep {
    /// A sleep that ends when `wake` can be read.
    pub(crate) fn new(wake: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self { wake: wake.try_clone_to_owned()? })
    }

    /// It cannot end by anything else.
    pub(crate) fn end_at(&self, _: BorrowedFd<'_>, _: Duration) -> bool {
        false
    }

    /// Sleeps. Whether something ended that, other than this time. It may be nothing that matters any more.
    pub(crate) fn sleep(&self, at_most: Duration) -> bool {
        let at_most = Timespec::try_from(at_most).ok();
        match poll(&mut [PollFd::new(&self.wake, PollFlags::IN)], at_most.as_ref()) {
            Ok(ready) => ready > 0,
            // Whoever sees that nothing happened sleeps again.
            Err(Errno::INTR) => true,
            Err(_) => false,
        }
    }
}
