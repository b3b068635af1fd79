//! Telling a thread that waits for a program that nobody waits for the thread.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::ioctl_fionbio;

/// Whether one run is cancelled.
pub(crate) type Cancelled = Arc<AtomicBool>;

/// The side of the thread. The pipe is made once for each thread, because one for every
/// run would cost; what an earlier run was told is recognized as old by its flag.
#[derive(Debug)]
pub(crate) struct CancelSignal {
    woken: PipeReader,
    cancelled: Cancelled,
}

/// The side of the callers.
#[derive(Clone, Debug)]
pub(crate) struct Canceller(Arc<PipeWriter>);

impl CancelSignal {
    /// Both sides.
    pub(crate) fn pair() -> io::Result<(Self, Canceller)> {
        let (woken, wake) = io::pipe()?;
        ioctl_fionbio(&woken, true)?;
        ioctl_fionbio(&wake, true)?;
        Ok((Self { woken, cancelled: Arc::default() }, Canceller(Arc::new(wake))))
    }

    /// Takes up a run.
    pub(crate) fn watch(&mut self, cancelled: Cancelled) {
        self.cancelled = cancelled;
    }

    /// Whether this run is cancelled. It takes what was told out of the pipe, so that
    /// something old does not wake the thread again and again.
    pub(crate) fn is_cancelled(&self) -> bool {
        let mut told = [0; 64];
        while matches!((&self.woken).read(&mut told), Ok(1..)) {}
        self.cancelled.load(Ordering::Acquire)
    }
}

impl AsFd for CancelSignal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}

impl Canceller {
    /// Cancels a run of the thread on the other side.
    pub(crate) fn cancel(&self, run: &Cancelled) {
        run.store(true, Ordering::Release);
        self.wake();
    }

    /// Wakes the thread, to look whether there is anything new.
    pub(crate) fn wake(&self) {
        // A full pipe wakes it just as well.
        let _ = (&*self.0).write(&[1]);
    }
}
