//! Decides which thread commits, and when: the calling thread or the writer thread.
//!
//! Every batch goes into a queue. In [`CommitMode::Inline`] the caller then lets the other tasks of its thread run
//! once, so that they can queue their batches. The first caller that runs again and finds the writer free is the
//! leader: it commits all waiting batches as one group. So a single caller commits on its own thread without a wake-up,
//! and many callers share a sync.
//!
//! No caller depends on another future being polled again. A leader holds the writer only within one poll. The writer
//! thread takes over if batches remain after a leader's group, if a leader's short wait for another process ends
//! without success, if a read held the writer, or if a future is dropped before it led.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use futures_channel::oneshot;

use super::connection;
use super::file::{self, Presence};
use super::readers::Readers;
use super::writer::Writer;
use super::{CommitMode, Sqlite, SqliteOptions};
use crate::{Batch, CommitOutcome, StorageError, let_others_run};

/// How long a caller's own thread waits for another process before the writer thread takes over the wait. A few
/// transactions take this long.
const INLINE_PATIENCE: Duration = Duration::from_micros(500);
/// The size limits of a group that a caller commits. They bound how long the caller's thread is blocked.
const INLINE_GROUP: Group = Group { batches: 128, bytes: 4 << 20 };
/// The size limits of a group that the writer thread commits. They bound how long the first batch of a group waits for
/// the last.
const THREAD_GROUP: Group = Group { batches: 512, bytes: 16 << 20 };

type Answer = Result<CommitOutcome, StorageError>;

#[derive(Debug)]
struct Job {
    batch: Batch,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// True if the writer thread is needed.
    called: bool,
    closed: bool,
}

/// The state that all clones of a handle share with the writer thread.
#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    options: SqliteOptions,
    readers: Readers,
    writer: Mutex<Writer>,
    queue: Mutex<Queue>,
    called: Condvar,
    /// Whether the outcome of the last commit is unknown.
    is_unsettled: Arc<AtomicBool>,
}

impl Shared {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the connections for reading. First settles a commit whose outcome is unknown: until then, reads may miss
    /// records that the next run finds.
    ///
    /// # Errors
    /// The outcome is still unknown.
    pub(super) fn readers(&self) -> Result<&Readers, StorageError> {
        if self.is_unsettled.load(Ordering::Acquire) {
            // Callers that find the writer taken by this read leave their jobs in the queue.
            let _call = CallTheThread { shared: self, needed: true };
            self.writer.lock().unwrap_or_else(PoisonError::into_inner).settle()?;
        }
        Ok(&self.readers)
    }

    /// Commits the validated `batch` on the caller's thread or on the writer thread.
    pub(super) async fn commit(&self, batch: Batch) -> Answer {
        let (answer, mut receiver) = oneshot::channel();
        self.enqueue(Job { batch, answer })?;
        // From here on, every way out of this function drops `call` and so wakes the writer thread, unless
        // `call.needed` is cleared.
        let mut call = CallTheThread { shared: self, needed: true };
        if self.options.commit_mode == CommitMode::Inline {
            let_others_run().await;
            // A caller whose batch is already committed does not lead, because later callers are still queueing their
            // batches.
            if let Ok(Some(answer)) = receiver.try_recv() {
                call.needed = false;
                return answer;
            }
            call.needed = self.lead() == Led::LeftOver;
        }
        drop(call);
        // An answer is lost only if the thread that took the job panicked, perhaps after the commit.
        receiver.await.unwrap_or_else(|_| {
            let source = Arc::new(std::io::Error::other("the thread that committed panicked"));
            Err(StorageError::Indeterminate { source })
        })
    }

    fn enqueue(&self, job: Job) -> Result<(), StorageError> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(StorageError::Closed);
        }
        queue.jobs.push_back(job);
        Ok(())
    }

    /// Commits the waiting batches, if the writer is free.
    fn lead(&self) -> Led {
        let mut writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            // The next transaction undoes a transaction that a panic left open.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // The current holder of the writer checks the queue after releasing it, or wakes the writer thread.
            Err(TryLockError::WouldBlock) => return Led::Everything,
        };
        let jobs = INLINE_GROUP.take(&mut self.queue().jobs);
        let result = commit_group(&mut writer, &jobs, INLINE_PATIENCE);
        drop(writer);
        let left = answer(jobs, result, |answer| !matches!(answer, Err(StorageError::Unavailable { .. })));
        if !left.is_empty() {
            let mut queue = self.queue();
            if queue.closed {
                // The writer thread may have ended already, so the jobs are not queued again.
                drop(queue);
                answer_all(left, &StorageError::Unavailable { retry_after: None });
            } else {
                left.into_iter().rev().for_each(|job| queue.jobs.push_front(job));
            }
        }
        if self.queue().jobs.is_empty() { Led::Everything } else { Led::LeftOver }
    }

    /// Runs the writer thread until the store is closed and no job waits.
    fn serve(&self) {
        let _end = EndOfService { shared: self };
        let mut queue = self.queue();
        loop {
            if !queue.called && !queue.closed {
                queue = self.called.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            queue.called = false;
            if queue.jobs.is_empty() {
                if queue.closed {
                    return;
                }
                continue;
            }
            drop(queue);
            // The thread locks the writer before it takes the jobs, so that the group grows while another caller
            // commits.
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let jobs = THREAD_GROUP.take(&mut self.queue().jobs);
            let result = commit_group(&mut writer, &jobs, self.options.busy_deadline);
            drop(writer);
            answer(jobs, result, |_| true);
            queue = self.queue();
            // Callers that found the writer taken by this thread have left their jobs in the queue.
            queue.called |= !queue.jobs.is_empty();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A guard that closes the queue when the writer thread ends, and answers the jobs in it. If the thread panicked, no
/// caller waits for ever.
struct EndOfService<'a> {
    shared: &'a Shared,
}

impl Drop for EndOfService<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.closed = true;
        let left = std::mem::take(&mut queue.jobs);
        drop(queue);
        answer_all(left, &StorageError::Closed);
    }
}

/// The state in which a caller leaves the queue after it has tried to lead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Led {
    /// No job is left without a thread to serve it, so the writer thread need not be woken.
    Everything,
    /// Jobs are left in the queue, so the writer thread must be woken.
    LeftOver,
}

/// A guard that wakes the writer thread when it is dropped, if `needed` is set. So the thread wakes even if the future
/// of a commit is dropped between queueing and leading, or if a read panics.
struct CallTheThread<'a> {
    shared: &'a Shared,
    needed: bool,
}

impl Drop for CallTheThread<'_> {
    fn drop(&mut self) {
        if self.needed {
            self.shared.queue().called = true;
            self.shared.called.notify_one();
        }
    }
}

/// The size limits of one transaction.
struct Group {
    batches: usize,
    bytes: usize,
}

impl Group {
    /// Takes the first jobs that fit into the limits, but at least one if the queue is not empty.
    fn take(&self, jobs: &mut VecDeque<Job>) -> Vec<Job> {
        let mut bytes = 0_usize;
        let fitting = jobs.iter().take(self.batches).enumerate().take_while(|(place, job)| {
            bytes += job.batch.bytes();
            *place == 0 || bytes <= self.bytes
        });
        let count = fitting.count();
        jobs.drain(..count).collect()
    }
}

fn commit_group(writer: &mut Writer, jobs: &[Job], patience: Duration) -> Result<Vec<Answer>, StorageError> {
    let batches: Vec<&Batch> = jobs.iter().map(|job| &job.batch).collect();
    writer.commit_group(&batches, patience)
}

/// Sends each job its answer, or the same error to all jobs. Answers that are not final are not sent; their jobs are
/// returned.
fn answer(
    jobs: Vec<Job>,
    result: Result<Vec<Answer>, StorageError>,
    is_final: impl Fn(&Answer) -> bool,
) -> Vec<Job> {
    let answers = result.unwrap_or_else(|error| jobs.iter().map(|_| Err(error.clone())).collect());
    let mut left = Vec::new();
    for (job, answer) in jobs.into_iter().zip(answers) {
        if is_final(&answer) {
            // If the future was dropped, the answer has no receiver; the batch stays committed.
            let _ = job.answer.send(answer);
        } else {
            left.push(job);
        }
    }
    left
}

fn answer_all(jobs: impl IntoIterator<Item = Job>, error: &StorageError) {
    for job in jobs {
        let _ = job.answer.send(Err(error.clone()));
    }
}

/// The state that all clones of a [`Sqlite`] share. It closes the store when the last clone is dropped.
#[derive(Debug)]
pub(super) struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The id of the writer thread, once it has started.
    thread_id: OnceLock<ThreadId>,
}

impl Handle {
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Returns the state for a commit. The first call starts the writer thread; a program that only reads needs no
    /// thread.
    pub(super) fn to_commit(&self) -> Result<&Shared, StorageError> {
        if self.thread_id.get().is_none() {
            let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
            if self.thread_id.get().is_none() {
                let serving = Arc::clone(&self.shared);
                let started =
                    thread::Builder::new().name("keyway-storage".to_owned()).spawn(move || serving.serve());
                let started = started.map_err(|error| StorageError::Engine {
                    action: "start the writer thread",
                    source: Arc::new(error),
                })?;
                let _ = self.thread_id.set(started.thread().id());
                *thread = Some(started);
            }
        }
        Ok(&self.shared)
    }

    pub(super) fn close(&self) {
        self.shared.queue().closed = true;
        self.shared.called.notify_all();
        // An answer may wake a task on the writer thread, and this task may close the store. A thread cannot wait for
        // its own end, nor for a caller that waits for it.
        if self.thread_id.get() != Some(&thread::current().id()) {
            let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
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
    pub(super) fn open_with(
        path: &Path,
        options: &SqliteOptions,
        expected: Presence,
    ) -> Result<Self, StorageError> {
        let path = file::absolute(path)?;
        let named = |error| connection::with_path(&path, error);
        file::prepare(&path, expected).map_err(named)?;
        let readers = Readers::new(path.clone(), options.clone()).map_err(named)?;
        let is_unsettled = Arc::<AtomicBool>::default();
        let writer = Writer::new(path.clone(), options.clone(), Arc::clone(&is_unsettled));
        let shared = Arc::new(Shared {
            path,
            options: options.clone(),
            readers,
            writer: Mutex::new(writer),
            queue: Mutex::default(),
            called: Condvar::new(),
            is_unsettled,
        });
        Ok(Self { handle: Arc::new(Handle { shared, thread: Mutex::default(), thread_id: OnceLock::new() }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expectation, Storage};
    use futures_channel::oneshot;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn jobs(sizes: &[usize]) -> VecDeque<Job> {
        let job = |&size: &usize| Job {
            batch: Batch::new().put("k", vec![0; size - 1], Expectation::Any),
            answer: oneshot::channel().0,
        };
        sizes.iter().map(job).collect()
    }

    #[test]
    fn a_group_is_bounded_and_never_empty_while_somebody_waits() {
        let group = Group { batches: 3, bytes: 100 };
        let take = |sizes: &[usize]| {
            let mut jobs = jobs(sizes);
            let taken = group.take(&mut jobs).len();
            assert_eq!(taken + jobs.len(), sizes.len());
            taken
        };
        assert_eq!([take(&[]), take(&[500]), take(&[500, 1]), take(&[60, 40, 1])], [0, 1, 1, 2]);
        assert_eq!([take(&[1, 1, 1, 1]), take(&[60, 41])], [3, 1]);
    }

    /// Queues three commits as the tasks of one thread do, and checks that one further poll of the second commit
    /// carries out all three.
    #[test]
    fn tasks_of_one_thread_share_a_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open_or_create(folder.path().join("store.db")).unwrap();
        let batch = |key: &str| Batch::new().put(key, "1", Expectation::Absent);
        let mut context = Context::from_waker(Waker::noop());
        let (mut one, mut two, mut three) =
            (store.commit(batch("1")), store.commit(batch("2")), store.commit(batch("3")));
        for future in [&mut one, &mut two, &mut three] {
            assert!(pin!(future).poll(&mut context).is_pending(), "queued, and lets others run");
        }
        assert_eq!(store.handle.shared().queue().jobs.len(), 3);
        assert!(pin!(&mut two).poll(&mut context).is_ready(), "led");
        assert_eq!(store.handle.shared().queue().jobs.len(), 0, "for all of them");
        assert!(pin!(&mut one).poll(&mut context).is_ready());
        assert!(pin!(&mut three).poll(&mut context).is_ready());
    }

    /// Runs a function when its task is woken.
    struct OnWake<F>(F);

    impl<F: Fn() + Send + Sync + 'static> std::task::Wake for OnWake<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }

    #[test]
    fn a_commit_whose_answer_is_lost_is_not_said_to_have_no_effect() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open_or_create(folder.path().join("store.db")).unwrap();
        let batch = |key: &str| Batch::new().put(key, "1", Expectation::Absent);
        let panics = Waker::from(Arc::new(OnWake(|| panic!("a waker that panics"))));
        let (mut one, mut two, mut three) =
            (store.commit(batch("1")), store.commit(batch("2")), store.commit(batch("3")));
        let mut context = Context::from_waker(Waker::noop());
        for future in [&mut one, &mut two, &mut three] {
            assert!(pin!(future).poll(&mut context).is_pending());
        }
        // The second commit waits for the answer of another leader.
        let busy = store.handle.shared().writer.lock().unwrap();
        assert!(pin!(&mut two).poll(&mut Context::from_waker(&panics)).is_pending());
        drop(busy);
        let led = std::panic::AssertUnwindSafe(|| pin!(&mut one).poll(&mut context));
        std::panic::catch_unwind(led).unwrap_err();
        let lost = pollster::block_on(three);
        assert!(matches!(lost, Err(StorageError::Indeterminate { .. })), "{lost:?}");
        assert!(pollster::block_on(store.get(b"3")).unwrap().is_some());
    }

    /// Tests a commit that finds the writer taken by a read, which settles an interrupted commit.
    #[test]
    fn a_commit_does_not_wait_for_ever_behind_a_read_that_settles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = Sqlite::open_or_create(&path).unwrap();
        let batch = |key: &str| Batch::new().put(key, "1", Expectation::Absent);
        assert!(pollster::block_on(store.commit(batch("1"))).is_ok());
        let shared = store.handle.shared();
        shared.is_unsettled.store(true, Ordering::Release);
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let reading = thread::spawn({
            let store = store.clone();
            move || pollster::block_on(store.get(b"1"))
        });
        while shared.writer.try_lock().is_ok() {
            thread::yield_now();
        }
        let mut commit = store.commit(batch("2"));
        let mut poll = || pin!(&mut commit).poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll().is_pending(), "queued");
        assert!(poll().is_pending(), "the writer is taken");
        other.execute_batch("COMMIT").unwrap();
        assert!(reading.join().unwrap().unwrap().is_some());
        let begun = std::time::Instant::now();
        while poll().is_pending() {
            assert!(begun.elapsed() < Duration::from_secs(1), "no thread serves the commit");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_task_that_closes_the_store_while_another_caller_closes_it_does_not_hang() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = Sqlite::options().commit_mode(CommitMode::Thread).open_or_create(&path).unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let closes = Waker::from(Arc::new(OnWake({
            let store = store.clone();
            move || store.close()
        })));
        let mut commit = store.commit(Batch::new().put("1", "1", Expectation::Absent));
        assert!(pin!(&mut commit).poll(&mut Context::from_waker(&closes)).is_pending());
        let (done, end) = std::sync::mpsc::channel();
        let closing = store.clone();
        thread::spawn(move || {
            closing.close();
            done.send(()).unwrap();
        });
        thread::sleep(Duration::from_millis(100));
        other.execute_batch("COMMIT").unwrap();
        end.recv_timeout(Duration::from_secs(10)).expect("the store is closed");
        assert!(pollster::block_on(commit).is_ok());
    }
}
