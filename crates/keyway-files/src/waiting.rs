//! Marks a lock file while a caller waits for the lock.
//!
//! A waiting caller tries the lock from time to time, and a caller that takes the lock again right after its release
//! would always be faster. So a new caller looks for the mark, and lets the waiting ones try first (H307).
//!
//! The mark is the time of the file's last change. It needs no further file and ends by itself, even if the waiting
//! process dies. A mark that cannot be read or set, or that a change of the clock makes wrong, costs fairness only.

use std::fs::File;
use std::time::{Duration, SystemTime};

/// Sets the mark.
pub(crate) fn mark(lock: &File) {
    if !is_lock_file(lock) {
        return;
    }
    #[cfg(unix)]
    {
        use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};

        // A user who may write the file may set both times to the present, but no other times.
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let _ = futimens(lock, &Timestamps { last_access: now, last_modification: now });
    }
    #[cfg(not(unix))]
    let _ = lock.set_modified(SystemTime::now());
}

/// Removes the mark. Other callers that wait set it again.
pub(crate) fn clear(lock: &File) {
    if is_lock_file(lock) {
        let _ = lock.set_modified(SystemTime::UNIX_EPOCH);
    }
}

/// Tells whether a file can be a lock file. The owner of the folder may have put another name of any file in its place,
/// and this process may have more rights than the owner. The times of such a file must stay.
fn is_lock_file(file: &File) -> bool {
    let Ok(metadata) = file.metadata() else { return false };
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&metadata) != 1 {
        return false;
    }
    metadata.len() == 0
}

/// Tells whether the file was marked within this time.
pub(crate) fn is_marked(lock: &File, within: Duration) -> bool {
    let marked = lock.metadata().and_then(|metadata| metadata.modified()).ok();
    marked.and_then(|marked| marked.elapsed().ok()).is_some_and(|age| age < within)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_mark_is_seen_until_it_is_outdated_or_removed() {
        let lock = tempfile::NamedTempFile::new().unwrap();
        let lock = lock.as_file();
        clear(lock);
        assert!(!is_marked(lock, LONG));
        mark(lock);
        assert!(is_marked(lock, LONG) && !is_marked(lock, Duration::ZERO));
        clear(lock);
        assert!(!is_marked(lock, LONG));
        lock.set_modified(SystemTime::now() + LONG).unwrap();
        assert!(!is_marked(lock, LONG), "the clock was set back");
    }

    /// Tests an attack: the owner of the folder puts a second name of another user's file in place of the lock file.
    #[test]
    fn a_file_that_is_no_lock_file_keeps_its_times() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        let times = |file: &File| file.metadata().unwrap().modified().unwrap();
        for content in ["theirs", ""] {
            fs::write(&file, content).unwrap();
            fs::hard_link(&file, &link).unwrap();
            let lock = File::options().write(true).open(&link).unwrap();
            lock.set_modified(SystemTime::UNIX_EPOCH + LONG).unwrap();
            let before = times(&lock);
            mark(&lock);
            clear(&lock);
            assert_eq!(times(&lock), before, "{content:?}");
            fs::remove_file(&link).unwrap();
        }
    }
}
