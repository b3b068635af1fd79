//! Reads the environments of processes, each within a time limit.
//!
//! The system reads an environment from the memory of its process. That read can wait for a lock, or for a page
//! on a disk that is gone. The process itself decides the length of its environment.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::is_shortage;
use super::status::{Status, errno};
use crate::run::mark::RunMark;

/// The result of checking a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Marked,
    /// The process could not be checked yet: it is being loaded, or the host has no descriptor left at the moment.
    Undecided,
    Another,
}

impl Look {
    /// Returns the result for a process that could not be read.
    pub(super) const fn after(error: Errno) -> Self {
        // A process that is gone, or of another user, cannot be read either.
        if is_shortage(error) { Self::Undecided } else { Self::Another }
    }
}

/// The limit of the bytes read from an environment. An ordinary one has a few thousand bytes.
pub(super) const MOST_READ: u64 = 1 << 20;

/// The number of reads in one check. A process that loads another program during a read cuts it off, and the mark can
/// be in the missing part.
const READS: usize = 8;

/// Looks for a mark in the environment of a process.
pub(super) fn look(pid: i32, mark: &RunMark) -> Look {
    let (mut first, mut is_same) = (None, true);
    for _ in 0..READS {
        let file = match File::open(format!("/proc/{pid}/environ")) {
            Ok(file) => file,
            Err(error) => return Look::after(errno(&error)),
        };
        let mut environ = Vec::new();
        let read = file.take(MOST_READ).read_to_end(&mut environ);
        if read.is_ok() && mark.is_in(&environ) {
            return Look::Marked;
        }
        let Some(status) = Status::of(pid).ok().filter(|status| status.is_alive()) else {
            return Look::Another;
        };
        if status.is_loading() {
            return Look::Undecided;
        }
        if read.is_err() || environ.len() as u64 == status.environment_length().min(MOST_READ) {
            return Look::Another;
        }
        let seen = (status.environment, environ.len());
        is_same &= *first.get_or_insert(seen) == seen;
    }
    // Another program has its environment at another address, unless the system does not choose addresses at random.
    // It is hardly ever cut off at the same place each time. So no part of an environment that never changes is missing
    // because of another program: it cannot be read.
    if is_same { Look::Another } else { Look::Undecided }
}

/// A thread that checks processes, and is given up if a check takes too long.
#[derive(Debug)]
pub(super) struct Reader {
    asked: Sender<i32>,
    told: Receiver<Look>,
    given_up: Arc<AtomicBool>,
}

/// The number of threads that were given up and still hang.
static GIVEN_UP: AtomicUsize = AtomicUsize::new(0);

impl Reader {
    /// The time limit for one check.
    pub(super) const PATIENCE: Duration = Duration::from_millis(250);
    /// The maximum number of hanging threads. While that many hang, no process is checked.
    const MOST_GIVEN_UP: usize = 8;

    /// Starts the thread. Returns `None` if too many threads hang, or if the system has no thread left.
    pub(super) fn start(mut look: impl FnMut(i32) -> Look + Send + 'static) -> Option<Self> {
        if GIVEN_UP.load(Ordering::Relaxed) >= Self::MOST_GIVEN_UP {
            return None;
        }
        let (asked, questions) = channel();
        let (answers, told) = channel();
        let given_up = Arc::new(AtomicBool::new(false));
        let hung = Arc::clone(&given_up);
        let work = move || {
            for pid in questions {
                let looked = look(pid);
                if answers.send(looked).is_err() {
                    break;
                }
            }
            if hung.load(Ordering::Acquire) {
                GIVEN_UP.fetch_sub(1, Ordering::Relaxed);
            }
        };
        let thread = thread::Builder::new().name("keyway-process-read".into()).stack_size(128 * 1024);
        thread.spawn(work).ok()?;
        Some(Self { asked, told, given_up })
    }

    /// Checks a process. Returns `None` if the check does not end in time; then the reader is useless.
    pub(super) fn look(&self, pid: i32, until: Instant) -> Option<Look> {
        self.asked.send(pid).ok()?;
        let patience = Self::PATIENCE.min(until.saturating_duration_since(Instant::now()));
        if let Ok(look) = self.told.recv_timeout(patience) {
            return Some(look);
        }
        GIVEN_UP.fetch_add(1, Ordering::Relaxed);
        self.given_up.store(true, Ordering::Release);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use super::{GIVEN_UP, Look, Ordering, Reader, RunMark, look};
    use crate::environment::Environment;

    #[test]
    fn a_process_with_an_empty_environment_is_decided() {
        let mut child = Command::new("/bin/sleep").arg("1000").env_clear().spawn().unwrap();
        let id = i32::try_from(child.id()).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let mark = RunMark::draw().unwrap();
        let mut looked = look(id, &mark);
        while looked == Look::Undecided {
            assert!(Instant::now() < until, "the process is never loaded");
            std::thread::sleep(Duration::from_millis(1));
            looked = look(id, &mark);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(looked, Look::Another);
    }

    #[test]
    fn a_process_that_loads_one_program_after_another_is_found() {
        const AGAIN: &str = r#"exec /bin/sh -c "$0" "$0""#;
        let mark = RunMark::draw().unwrap();
        let mut child = Command::new("/bin/sh")
            .args(["-c", AGAIN, AGAIN])
            .env_clear()
            .env("A", "x".repeat(20_000))
            .env(Environment::RUN_MARK, mark.as_str())
            .spawn()
            .unwrap();
        let id = i32::try_from(child.id()).unwrap();
        let looks: Vec<_> = (0..5_000).map(|_| look(id, &mark)).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(looks.iter().filter(|look| **look == Look::Another).count(), 0);
        assert!(looks.contains(&Look::Marked));
    }

    #[test]
    fn a_hanging_check_is_given_up_up_to_a_limit() {
        let later = || Instant::now() + Duration::from_secs(60);
        let quick = Reader::start(|pid| if pid == 1 { Look::Marked } else { Look::Another }).unwrap();
        assert_eq!(quick.look(1, later()), Some(Look::Marked));
        assert_eq!(quick.look(2, later()), Some(Look::Another));

        let mut gates = Vec::new();
        loop {
            let (gate, wait) = channel::<()>();
            let hanging = Reader::start(move |_| {
                let _ = wait.recv();
                Look::Marked
            });
            let Some(hanging) = hanging else { break };
            gates.push(gate);
            let begun = Instant::now();
            assert_eq!(hanging.look(1, begun + Duration::from_millis(20)), None);
            assert!(begun.elapsed() < Reader::PATIENCE, "the time that is left counts");
        }
        assert_eq!(gates.len(), Reader::MOST_GIVEN_UP);
        drop(gates);
        let until = later();
        while GIVEN_UP.load(Ordering::Relaxed) > 0 {
            assert!(Instant::now() < until, "a thread came back and was not noticed");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
