//! A lock that keeps other processes from writing.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::owner::give_to_owner_of;

/// An exclusive lock between processes and between handles of one process. It ends when
/// it is dropped, and when the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct FileLock {
    // Held for its lock.
    _file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock at `path`; `None` when others held it for all of `patience`. Blocks. A
    /// lock file that is not there is made, for the owner of the file `of`.
    pub(crate) fn acquire(path: &Path, of: &Path, patience: Duration) -> io::Result<Option<Self>> {
        const LONGEST_PAUSE: Duration = Duration::from_millis(20);
        let started = Instant::now();
        let mut pause = Duration::from_micros(200);
        loop {
            if let Some(file) = open(path, of)? {
                match file.try_lock() {
                    // Whoever removes the store removes the lock file too: then this lock is on
                    // a file that nobody else will ever meet.
                    Ok(()) if is_still_at(&file, path)? => {
                        return Ok(Some(Self { _file: file, path: path.to_owned() }));
                    }
                    Ok(()) | Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) => return Err(error),
                }
            }
            if started.elapsed() >= patience {
                return Ok(None);
            }
            sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Gives up the lock and removes its file.
    pub(crate) fn discard(self) -> io::Result<()> {
        // Removed while still held, so that nobody can lock it in between.
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The lock file, made if it is not there; `None` if another one made it or removed it meanwhile.
fn open(path: &Path, of: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened.map(Some),
    }
    options.create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(made) => {
            give_to_owner_of(of, &made)?;
            Ok(Some(made))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let locked = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (locked.dev(), locked.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // As on Unix.
fn is_still_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    #[test]
    fn nobody_holds_a_lock_on_a_file_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".s.lock");
        let (held, times) = (AtomicBool::new(false), AtomicU32::new(0));
        let until = Instant::now() + Duration::from_millis(400);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while Instant::now() < until {
                        // Each removes the lock file, so the others often have the old one open.
                        let Some(lock) = FileLock::acquire(&path, &path, Duration::ZERO).unwrap() else {
                            continue;
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
        assert!(!path.exists());
    }
}
