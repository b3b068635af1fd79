//! A lock that keeps other processes of this plugin from writing.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, openat};

/// An exclusive lock between processes and between calls. It ends when it is dropped, and
/// when the process ends in whatever way.
///
/// Its file stays: whoever removed it would let in two at once.
#[derive(Debug)]
pub(super) struct Lock {
    // Held for its lock.
    _file: File,
}

impl Lock {
    /// Takes the lock; `None` when others held it for all of `patience`. Blocks.
    pub(super) fn acquire(directory: &File, name: &OsStr, patience: Duration) -> io::Result<Option<Self>> {
        const LONGEST_PAUSE: Duration = Duration::from_millis(20);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(directory, name, flags, Mode::from_raw_mode(0o600))?);
        let started = Instant::now();
        let mut pause = Duration::from_micros(200);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { _file: file })),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if started.elapsed() >= patience {
                return Ok(None);
            }
            sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_who_comes_later_waits() {
        let folder = tempfile::tempdir().unwrap();
        let directory = File::open(folder.path()).unwrap();
        let acquire = |patience| Lock::acquire(&directory, OsStr::new(".lock"), patience).unwrap();
        let held = acquire(Duration::ZERO).unwrap();
        let asked = Instant::now();
        assert!(acquire(Duration::from_millis(30)).is_none());
        assert!(asked.elapsed() >= Duration::from_millis(30));
        std::thread::scope(|scope| {
            let later = scope.spawn(|| acquire(Duration::from_secs(60)).is_some());
            sleep(Duration::from_millis(20));
            drop(held);
            assert!(later.join().unwrap());
        });
        assert!(folder.path().join(".lock").exists());
    }
}
