//! Cancels the run of a worker thread whose caller is gone.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::ioctl_fionbio;

/// The flag of a run. It is set when the run is cancelled.
pub(crate) type Cancelled = Arc<AtomicBool>;

/// The receiving end in the worker thread. The pipe is created once per thread, because one pipe per run would be
/// costly. The flag of a run tells whether a late message was for an earlier run.
#[derive(Debug)]
pub(crate) struct CancelSignal {
    woken: PipeReader,
    cancelled: Cancelled,
}

/// The sending end, for the callers.
#[derive(Clone, Debug)]
pub(crate) struct Canceller(Arc<PipeWriter>);

impl CancelSignal {
    /// Creates both ends.
    pub(crate) fn pair() -> io::Result<(Self, Canceller)> {
        let (woken, wake) = io::pipe()?;
        ioctl_fionbio(&woken, true)?;
        ioctl_fionbio(&wake, true)?;
        Ok((Self { woken, cancelled: Arc::default() }, Canceller(Arc::new(wake))))
    }

    /// Watches a new run for its flag.
    pub(crate) fn watch(&mut self, cancelled: Cancelled) {
        self.cancelled = cancelled;
    }

    /// Tells whether this run is cancelled. Empties the pipe, so that an old message does not wake the thread
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
        // A full pipe wakes the thread, too.
        let _ = (&*self.0).write(&[1]);
    }
}
