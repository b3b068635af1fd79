//! Who commits when: the calling thread or the writer thread.
//!
//! A caller that finds nobody committing and nobody waiting commits by itself
//! ([`CommitMode::Inline`]). Everybody else queues, and the writer thread commits what
//! waits as one group. Since nobody commits by himself while somebody waits, the thread
//! cannot be passed over; and since only the thread serves the queue, it does not matter
//! whether a caller's future is ever polled again.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_channel::oneshot;

use super::readers::Readers;
use super::writer::Writer;
use super::{CommitMode, Sqlite, SqliteOptions, file};
use crate::{Batch, Outcome, StorageError};

/// How long a caller's own thread waits for another process before the writer thread takes
/// over the waiting: a few transactions.
const INLINE_PATIENCE: Duration = Duration::from_micros(500);
/// What goes into one group at most: it bounds how long its first batch waits.
const GROUP_BATCHES: usize = 512;
const GROUP_BYTES: usize = 16 << 20;

type Answer = Result<Outcome, StorageError>;

/// What [`Shared::submit`] did with a batch.
pub(super) enum Submitted {
    Done(Answer),
    Queued(oneshot::Receiver<Answer>),
}

#[derive(Debug)]
struct Job {
    batch: Batch,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// What all clones of a handle and the writer thread share.
#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    options: SqliteOptions,
    readers: Readers,
    writer: Mutex<Writer>,
    queue: Mutex<Queue>,
    queued: Condvar,
}

impl Shared {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Commits the batch here and now, or queues it. `batch` was validated.
    pub(super) fn submit(&self, batch: Batch) -> Submitted {
        if self.options.commit_mode == CommitMode::Inline
            && let Some(mut writer) = self.writer_if_nobody_waits()
        {
            match writer.commit(&batch, INLINE_PATIENCE) {
                // Another process is writing: wait for it elsewhere.
                Err(StorageError::Unavailable { .. }) => {}
                answer => return Submitted::Done(answer),
            }
        }
        let (answer, receiver) = oneshot::channel();
        let mut queue = self.queue();
        if queue.closed {
            return Submitted::Done(Err(StorageError::Closed));
        }
        queue.jobs.push_back(Job { batch, answer });
        drop(queue);
        self.queued.notify_one();
        Submitted::Queued(receiver)
    }

    fn writer_if_nobody_waits(&self) -> Option<MutexGuard<'_, Writer>> {
        let queue = self.queue();
        if queue.closed || !queue.jobs.is_empty() {
            return None;
        }
        match self.writer.try_lock() {
            Ok(writer) => Some(writer),
            // A transaction that a panic left open is undone by the next one.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The writer thread: until the store is closed and nobody waits any more.
    fn serve(&self) {
        let _end = EndOfService { shared: self };
        loop {
            let mut queue = self.queue();
            while queue.jobs.is_empty() {
                if queue.closed {
                    return;
                }
                queue = self.queued.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            drop(queue);
            // First the writer, then the jobs: while a caller commits, the group grows, and
            // while jobs wait in the queue nobody else takes the writer.
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let jobs = take_group(&mut self.queue().jobs);
            let batches: Vec<&Batch> = jobs.iter().map(|job| &job.batch).collect();
            let answers = writer.commit_group(&batches, self.options.busy_deadline);
            drop(writer);
            for (job, answer) in jobs.into_iter().zip(answers) {
                // Nobody listens any more when the future was dropped; the batch stays.
                let _ = job.answer.send(answer);
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the queue when the writer thread ends, so that nobody waits for a thread that a
/// panic ended: an answer that is dropped tells its waiter.
struct EndOfService<'a> {
    shared: &'a Shared,
}

impl Drop for EndOfService<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.closed = true;
        let left = std::mem::take(&mut queue.jobs);
        drop(queue);
        drop(left);
    }
}

fn take_group(jobs: &mut VecDeque<Job>) -> Vec<Job> {
    let mut bytes = 0;
    let fitting = jobs.iter().take(GROUP_BATCHES).take_while(|job| {
        let first = bytes == 0;
        bytes += job.batch.bytes().max(1);
        first || bytes <= GROUP_BYTES
    });
    let count = fitting.count();
    jobs.drain(..count).collect()
}

/// What the clones of a [`Sqlite`] hold: closes the store when the last one is dropped.
#[derive(Debug)]
pub(super) struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn close(&self) {
        self.shared.queue().closed = true;
        self.shared.queued.notify_all();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // An answer may wake a task that holds the last handle and drops it, on the
            // writer thread itself, which cannot wait for its own end.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
        drop(thread);
        self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner).close();
        self.shared.readers.close();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

impl Sqlite {
    pub(super) fn open_with(path: &Path, options: &SqliteOptions) -> Result<Self, StorageError> {
        file::prepare(path)?;
        let writer = Writer::open(path, options)?;
        let readers = Readers::new(path.to_owned(), options.clone())?;
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            options: options.clone(),
            readers,
            writer: Mutex::new(writer),
            queue: Mutex::default(),
            queued: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name("keyway-storage".to_owned()).spawn(move || serving.serve()).map_err(
                |error| StorageError::Engine { action: "start the writer thread", source: Arc::new(error) },
            )?;
        Ok(Self { handle: Arc::new(Handle { shared, thread: Mutex::new(Some(thread)) }) })
    }
}
