//! Replaces and removes a shared file.

use std::ffi::OsStr;
use std::io::{self, Write as _};

use crate::{FileError, Found, Lock, SharedFile, owner};

impl SharedFile {
    /// Replaces the content of the file by `content`. At any moment, even after a power failure, the file holds either
    /// the complete old content or the complete new content. Blocks.
    ///
    /// `found` is the result of [`read`](Self::read) under this lock. It is `None` if there was no file.
    ///
    /// # Errors
    /// [`FileError::Changed`] if the file differs from `found`. [`FileError::Indeterminate`] if the file was replaced,
    /// but the folder could not be synced. After every other [`FileError`] nothing was changed.
    pub fn replace(&self, _: &Lock, found: Option<&Found>, content: &[u8]) -> Result<(), FileError> {
        // A file longer than the limit could not be read again.
        if content.len() > self.max_bytes() {
            return Err(FileError::TooLong {
                path: self.path(),
                bytes: content.len() as u64,
                limit: self.max_bytes(),
            });
        }
        // This process holds the lock, so no other process uses the temporary file. If a temporary file exists, a
        // process that died left it.
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
                // If the removal of the temporary file fails too, only the first error is reported.
                let _ = self.folder().remove(&temporary);
            })?;
        self.sync()
    }

    /// Removes the file, if it exists, and its lock file. Blocks.
    ///
    /// # Errors
    /// [`FileError::Indeterminate`] if the file was removed, but the folder could not be synced. After every other
    /// [`FileError`] the file still exists. A lock file that cannot be removed is no error, because it does no harm.
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
        let replaced = found.map(Found::metadata);
        owner::give_file(&file, self.name(), replaced, self.folder(), self.rights())?;
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
