//! Worker threads that wait for programs.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::cancel::{CancelSignal, Cancelled, Canceller};
use crate::sleep::Sleep;

/// The work of a thread: a function that gets the signal by which it can be cancelled.
pub(crate) type Work = Box<dyn FnOnce(&CancelSignal) + Send>;

struct Job {
    work: Work,
    run: Cancelled,
}

/// Threads that stay for a while after their work, because starting a thread costs about a tenth of a run. There are as
/// many threads as there were jobs at once.
#[derive(Debug)]
pub(crate) struct Workers {
    state: Arc<Mutex<State>>,
    idle_for: Duration,
}

#[derive(Debug, Default)]
struct State {
    idle: HashMap<u64, Worker>,
    next: u64,
}

impl Drop for State {
    fn drop(&mut self) {
        // Tells idle threads that no work will come.
        self.idle.drain().for_each(|(_, worker)| worker.dismiss());
    }
}

#[derive(Debug)]
struct Worker {
    jobs: SyncSender<Job>,
    canceller: Canceller,
    sleep: Arc<Sleep>,
}

impl Worker {
    /// Ends an idle thread.
    fn dismiss(self) {
        let Self { jobs, canceller, .. } = self;
        drop(jobs);
        canceller.wake();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Workers {
    /// Makes a set without threads. A thread ends after `idle_for` without work.
    pub(crate) fn new(idle_for: Duration) -> Self {
        Self { state: Arc::default(), idle_for }
    }

    /// Reserves an idle thread, or starts one. Call this before the work begins: if the system has no thread left,
    /// nothing has begun.
    pub(crate) fn reserve(&self) -> io::Result<Reserved> {
        let idle = {
            let mut state = lock(&self.state);
            let id = state.idle.keys().next().copied();
            id.and_then(|id| state.idle.remove(&id))
        };
        let worker = idle.map_or_else(|| self.spawn(), Ok)?;
        Ok(Reserved { worker: Some(worker), sleeps_on: false })
    }

    fn spawn(&self) -> io::Result<Worker> {
        let (signal, canceller) = CancelSignal::pair()?;
        let sleep = Arc::new(Sleep::new(signal.as_fd())?);
        let id = {
            let mut state = lock(&self.state);
            state.next += 1;
            state.next
        };
        let thread = Thread {
            id,
            signal,
            canceller: canceller.clone(),
            sleep: Arc::clone(&sleep),
            state: Arc::downgrade(&self.state),
            idle_for: self.idle_for,
        };
        let (sender, jobs) = sync_channel(1);
        thread::Builder::new().name("keyway-process".into()).spawn(move || thread.work(&jobs))?;
        Ok(Worker { jobs: sender, canceller, sleep })
    }
}

/// A thread that waits for its work. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Reserved {
    /// The thread. `None` once it has work.
    worker: Option<Worker>,
    sleeps_on: bool,
}

impl Reserved {
    /// Lets the thread sleep on after it gets its work, until `notice` can be read or this time is over. A
    /// thread that is awake begins at once.
    pub(crate) fn sleep_until(&mut self, notice: BorrowedFd<'_>, at_the_latest: Duration) {
        self.sleeps_on =
            self.worker.as_ref().is_some_and(|worker| worker.sleep.end_at(notice, at_the_latest));
    }

    /// Gives the thread its work. Returns a handle that cancels the work.
    pub(crate) fn start(mut self, work: Work) -> io::Result<Cancellation> {
        let gone = || io::Error::other("the worker thread is gone");
        let Worker { jobs, canceller, .. } = self.worker.take().ok_or_else(gone)?;
        let run = Cancelled::default();
        // Sending fails only if the thread panicked, and a thread cannot panic while it waits.
        jobs.send(Job { work, run: Arc::clone(&run) }).map_err(|_| gone())?;
        if !self.sleeps_on {
            canceller.wake();
        }
        Ok(Cancellation { canceller, run })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.dismiss();
        }
    }
}

/// The state of one thread.
struct Thread {
    id: u64,
    signal: CancelSignal,
    canceller: Canceller,
    sleep: Arc<Sleep>,
    /// The shared state of the workers. If it was dropped, this thread ends after its current job.
    state: Weak<Mutex<State>>,
    idle_for: Duration,
}

impl Thread {
    fn work(mut self, first: &Receiver<Job>) {
        let mut next = first.recv().ok();
        while let Some(job) = next {
            self.signal.watch(job.run);
            (job.work)(&self.signal);
            next = self.wait();
        }
    }

    /// Returns the next job, or `None` when the thread must end.
    fn wait(&self) -> Option<Job> {
        let (sender, jobs): (SyncSender<Job>, Receiver<Job>) = sync_channel(1);
        let worker =
            Worker { jobs: sender, canceller: self.canceller.clone(), sleep: Arc::clone(&self.sleep) };
        lock(&*self.state.upgrade()?).idle.insert(self.id, worker);
        let until = Instant::now() + self.idle_for;
        loop {
            let woken = self.sleep.sleep(until.saturating_duration_since(Instant::now()));
            match jobs.try_recv() {
                // If the pipe holds a message, it is about this job, or about an earlier job and without effect.
                Ok(job) => return Some(job),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            let state = self.state.upgrade()?;
            let mut state = lock(&state);
            if !state.idle.contains_key(&self.id) {
                drop(state);
                // The job is about to arrive: a caller took this thread out of the list.
                return jobs.recv().ok();
            }
            if !woken || Instant::now() >= until {
                state.idle.remove(&self.id);
                return None;
            }
            // A late cancellation of an earlier run woke this thread. The pipe is emptied under the lock, while no
            // caller can reserve this thread, so that the message of new work is not lost.
            self.signal.is_cancelled();
        }
    }
}

/// A handle that cancels the work of a thread.
#[derive(Debug)]
pub(crate) struct Cancellation {
    canceller: Canceller,
    run: Cancelled,
}

impl Cancellation {
    pub(crate) fn cancel(&self) {
        self.canceller.cancel(&self.run);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread::{self, ThreadId};
    use std::time::Duration;

    use super::{Workers, lock};

    fn run(workers: &Workers) -> ThreadId {
        let (sender, receiver) = channel();
        workers
            .reserve()
            .unwrap()
            .start(Box::new(move |_| sender.send(thread::current().id()).unwrap()))
            .unwrap();
        let id = receiver.recv().unwrap();
        // The thread becomes idle a moment after the job reports.
        for _ in 0..1000 {
            if !lock(&workers.state).idle.is_empty() {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        id
    }

    #[test]
    fn an_idle_thread_is_reused() {
        let workers = Workers::new(Duration::from_secs(60));
        assert_eq!(run(&workers), run(&workers));
    }

    #[test]
    fn an_idle_thread_ends_after_its_time() {
        let workers = Workers::new(Duration::from_millis(1));
        let first = run(&workers);
        while !lock(&workers.state).idle.is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        assert_ne!(first, run(&workers));
    }

    #[test]
    fn threads_end_with_the_workers() {
        let workers = Workers::new(Duration::from_secs(60));
        let (sender, receiver) = channel::<()>();
        workers
            .reserve()
            .unwrap()
            .start(Box::new(move |_| {
                // The drop of `sender` tells the receiver below that the work has ended. After that, the idle thread
                // must not keep the state of the workers alive.
                let _held = sender;
            }))
            .unwrap();
        assert!(receiver.recv().is_err());
        let state = std::sync::Arc::downgrade(&workers.state);
        drop(workers);
        for _ in 0..1000 {
            if state.strong_count() == 0 {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("a thread holds the workers");
    }

    #[test]
    fn a_late_cancellation_does_not_cancel_the_next_run() {
        let workers = Workers::new(Duration::from_secs(60));
        let (sender, receiver) = channel();
        let (go, wait) = channel::<()>();
        let cancellation = workers
            .reserve()
            .unwrap()
            .start(Box::new(move |signal| {
                wait.recv().unwrap();
                sender.send(signal.is_cancelled()).unwrap();
            }))
            .unwrap();
        cancellation.cancel();
        go.send(()).unwrap();
        assert!(receiver.recv().unwrap());
        cancellation.cancel();

        run(&workers);
        let (sender, receiver) = channel();
        workers
            .reserve()
            .unwrap()
            .start(Box::new(move |signal| sender.send(signal.is_cancelled()).unwrap()))
            .unwrap();
        assert!(!receiver.recv().unwrap());
    }
}
