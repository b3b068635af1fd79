//! Cancels the run of a worker thread whose caller is gone.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::ioctl_fionbio;

/// The flag of a run. It is set when the run is cancelled.
pub(crate) type Cancelled = Arc<AtomicBool>;

/// The end of a pipe at which a worker thread learns that its run is cancelled. The pipe is created once per thread,
/// because one pipe per run would be costly.
///
/// A message may arrive after its run has ended. The flag of the current run tells whether the message was for this
/// run.
#[derive(Debug)]
pub(crate) struct CancelSignal {
    woken: PipeReader,
    cancelled: Cancelled,
}

/// The end of the pipe through which callers cancel a run, or wake the thread.
#[derive(Clone, Debug)]
pub(crate) struct Canceller(Arc<PipeWriter>);

impl CancelSignal {
    /// Creates the pipe, and returns its two ends.
    pub(crate) fn pair() -> io::Result<(Self, Canceller)> {
        let (woken, wake) = io::pipe()?;
        ioctl_fionbio(&woken, true)?;
        ioctl_fionbio(&wake, true)?;
        Ok((Self { woken, cancelled: Arc::default() }, Canceller(Arc::new(wake))))
    }

    /// Watches the flag of a new run.
    pub(crate) fn watch(&mut self, cancelled: Cancelled) {
        self.cancelled = cancelled;
    }

    /// Tells whether the watched run is cancelled. Empties the pipe, so that an old message does not wake the thread
    /// repeatedly.
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
    /// Cancels a run of the worker thread.
    pub(crate) fn cancel(&self, run: &Cancelled) {
        run.store(true, Ordering::Release);
        self.wake();
    }

    /// Wakes the thread, so that it checks for work.
    pub(crate) fn wake(&self) {
        // If the pipe is full, the thread wakes anyway.
        let _ = (&*self.0).write(&[1]);
    }
}
