//! A lock that keeps other processes from writing.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::folder::{Folder, Use};
use crate::{FileError, owner, waiting};

/// An exclusive lock on a [`SharedFile`](crate::SharedFile), between processes and between handles of one process.
/// Dropping the lock releases it, and so does the end of the process. The lock file stays.
#[derive(Debug)]
pub struct Lock {
    // The open file that holds the lock.
    _file: File,
    folder: Arc<Folder>,
    name: OsString,
}

impl Lock {
    const LONGEST_PAUSE: Duration = Duration::from_millis(20);
    /// The time that a new caller gives to the callers that wait. Each of them tries the lock within it.
    const OTHERS_FIRST: Duration = Self::LONGEST_PAUSE.saturating_mul(2);
    /// The time after which a mark of a waiting caller is outdated. On a busy machine a pause takes longer.
    const MARK_LASTS: Duration = Self::LONGEST_PAUSE.saturating_mul(3);

    pub(crate) fn acquire(
        folder: &Arc<Folder>,
        name: OsString,
        patience: Duration,
    ) -> Result<Self, FileError> {
        let failed = |source| FileError::Io { what: "lock", path: folder.path_of(&name), source };
        let started = Instant::now();
        let mut pause = Duration::from_micros(200);
        let (mut is_new, mut has_waited) = (!patience.is_zero(), false);
        loop {
            if let Some(file) = open(folder, &name)? {
                if std::mem::take(&mut is_new) && waiting::is_marked(&file, Self::MARK_LASTS) {
                    drop(file);
                    sleep(Self::OTHERS_FIRST.min(patience));
                    pause = Self::LONGEST_PAUSE;
                    continue;
                }
                match file.try_lock() {
                    // Another process may have removed the lock file together with the locked file. A lock on a removed
                    // file is useless, because other processes lock a new one. So the name must still refer to this
                    // file.
                    Ok(()) if folder.has(&name, &file).map_err(failed)? => {
                        if has_waited {
                            waiting::clear(&file);
                        }
                        return Ok(Self { _file: file, folder: Arc::clone(folder), name });
                    }
                    Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                        waiting::mark(&file);
                        has_waited = true;
                    }
                    Ok(()) | Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) => return Err(failed(error)),
                }
            }
            if started.elapsed() >= patience {
                return Err(FileError::Busy(folder.path_of(&name)));
            }
            sleep(pause);
            pause = (pause * 2).min(Self::LONGEST_PAUSE);
        }
    }

    /// Releases the lock and removes the lock file. Use it if the locked file was never created, or was removed.
    ///
    /// # Errors
    /// [`FileError::Io`]. The lock is released nevertheless, and the lock file stays, which does no harm.
    pub fn discard(self) -> Result<(), FileError> {
        // The lock file is removed before the lock is released, so that no other process locks the old file.
        self.folder.remove(&self.name).map_err(|source| FileError::Io {
            what: "remove the lock",
            path: self.path(),
            source,
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.path_of(&self.name)
    }
}

/// Opens the lock file, or creates it. Returns `None` if another process created or removed it at the same time.
fn open(folder: &Folder, name: &OsString) -> Result<Option<File>, FileError> {
    let failed = |what, source| FileError::Io { what, path: folder.path_of(name), source };
    match folder.open_file(name, Use::Lock) {
        Ok(Some(file)) if file.metadata().map_err(|error| failed("ask about", error))?.is_file() => {
            return Ok(Some(file));
        }
        Ok(Some(_)) => return Err(FileError::NotAFile(folder.path_of(name))),
        Ok(None) => {}
        Err(error) => return Err(error),
    }
    let complete = |made: &File| {
        waiting::clear(made);
        owner::give_lock(made, folder)
    };
    match folder.create_complete(name, complete) {
        Ok(made) => Ok(Some(made)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(failed("make the lock", error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    fn folder() -> (tempfile::TempDir, Arc<Folder>) {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::open(directory.path()).unwrap();
        (directory, Arc::new(folder))
    }

    #[test]
    fn one_holds_the_lock_and_later_callers_wait() {
        let (directory, folder) = folder();
        let acquire = |patience| Lock::acquire(&folder, ".lock".into(), patience);
        let held = acquire(Duration::ZERO).unwrap();
        let asked = Instant::now();
        assert!(matches!(acquire(Duration::from_millis(30)), Err(FileError::Busy(_))));
        assert!(asked.elapsed() >= Duration::from_millis(30));
        std::thread::scope(|scope| {
            let later = scope.spawn(|| acquire(Duration::from_secs(60)).is_ok());
            sleep(Duration::from_millis(20));
            drop(held);
            assert!(later.join().unwrap());
        });
        assert!(directory.path().join(".lock").exists());
    }

    #[test]
    fn no_lock_is_held_on_a_removed_file() {
        let (directory, folder) = folder();
        let (held, times) = (AtomicBool::new(false), AtomicU32::new(0));
        let until = Instant::now() + Duration::from_millis(400);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while Instant::now() < until {
                        // Each thread removes the lock file, so another thread often has the removed file open.
                        let lock = match Lock::acquire(&folder, ".lock".into(), Duration::ZERO) {
                            Ok(lock) => lock,
                            Err(FileError::Busy(_)) => continue,
                            Err(error) => panic!("{error:?}"),
                        };
                        assert!(!held.swap(true, Ordering::SeqCst), "two hold the lock");
                        std::thread::yield_now();
                        held.store(false, Ordering::SeqCst);
                        times.fetch_add(1, Ordering::SeqCst);
                        lock.discard().unwrap();
                    }
                });
            }
        });
        assert!(times.into_inner() > 10);
        assert!(!directory.path().join(".lock").exists());
    }

    #[test]
    fn a_caller_that_takes_the_lock_again_at_once_lets_the_waiting_ones_go_first() {
        let (directory, folder) = folder();
        let is_over = AtomicBool::new(false);
        let taken = std::thread::scope(|scope| {
            let (held, holds) = std::sync::mpsc::channel();
            let is_over = &is_over;
            scope.spawn(move || {
                let folder = Arc::new(Folder::open(directory.path()).unwrap());
                while !is_over.load(Ordering::SeqCst) {
                    let lock = Lock::acquire(&folder, ".lock".into(), Duration::from_secs(60)).unwrap();
                    let _ = held.send(());
                    sleep(Duration::from_millis(10));
                    drop(lock);
                }
            });
            let taken: Vec<_> = (0..5)
                .map(|_| {
                    holds.recv().unwrap();
                    Lock::acquire(&folder, ".lock".into(), Duration::from_secs(1)).map(drop)
                })
                .collect();
            is_over.store(true, Ordering::SeqCst);
            taken
        });
        assert!(taken.iter().all(Result::is_ok), "{taken:?}");
    }
}
