//! Replacement and removal of a shared file.

use std::ffi::OsStr;
use std::io::{self, Write as _};

use crate::{FileError, Found, Lock, SharedFile, owner};

impl SharedFile {
    /// Replaces the content that was read by `content`. At any moment, also after a power failure, the file
    /// holds either all of the old or all of the new. Blocks.
    ///
    /// `found` is the result of [`read`](Self::read) under this lock, `None` if there was no file.
    ///
    /// # Errors
    /// [`FileError::Changed`] if the file differs from `found`. [`FileError::Indeterminate`] if the file
    /// was replaced and the folder could not be synced. With every other [`FileError`] nothing was changed.
    pub fn replace(&self, _: &Lock, found: Option<&Found>, content: &[u8]) -> Result<(), FileError> {
        // A longer file could not be read again.
        if content.len() > self.max_bytes() {
            return Err(FileError::TooLong {
                path: self.path(),
                bytes: content.len() as u64,
                limit: self.max_bytes(),
            });
        }
        // The lock is held, so no other process uses the temporary file. An existing one was left by a
        // process that died.
        let temporary = self.temporary_name();
        self.remove_left_over()?;
        self.write_new(&temporary, found, content)
            .map_err(|error| self.failed("write the new content of", error))
            .and_then(|()| {
                let same = match (&self.read()?, found) {
                    (Some(now), Some(found)) => now.is_same_as(found),
                    (None, None) => true,
                    _ => false,
                };
                if !same {
                    return Err(FileError::Changed(self.path()));
                }
                let renamed = self.folder().rename(&temporary, self.name());
                renamed.map_err(|error| self.failed("replace", error))
            })
            .inspect_err(|_| {
                // The first error is reported.
                let _ = self.folder().remove(&temporary);
            })?;
        self.sync()
    }

    /// Removes the file, if it is there, and its lock. Blocks.
    ///
    /// # Errors
    /// [`FileError::Indeterminate`] if the file was removed and the folder could not be synced. With every other
    /// [`FileError`] the file is still there. A lock file that cannot be removed stays, which does no harm.
    pub fn remove(&self, lock: Lock) -> Result<(), FileError> {
        self.remove_left_over()?;
        self.folder().remove(self.name()).map_err(|error| self.failed("remove", error))?;
        let synced = self.sync();
        let _ = lock.discard();
        synced
    }

    fn remove_left_over(&self) -> Result<(), FileError> {
        self.folder()
            .remove(&self.temporary_name())
            .map_err(|error| self.failed("remove what was left beside", error))
    }

    fn write_new(&self, name: &OsStr, found: Option<&Found>, content: &[u8]) -> io::Result<()> {
        let mut file = self.folder().create(name)?;
        file.write_all(content)?;
        owner::give_file(&file, found.map(Found::metadata), self.folder(), self.rights())?;
        file.sync_all()
    }

    /// Makes a completed change durable.
    fn sync(&self) -> Result<(), FileError> {
        self.folder().sync().map_err(|source| FileError::Indeterminate { path: self.path(), source })
    }

    fn failed(&self, what: &'static str, source: io::Error) -> FileError {
        FileError::Io { what, path: self.path(), source }
    }
}
