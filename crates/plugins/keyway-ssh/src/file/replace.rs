//! Putting a new file in the place of an old one.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::{FileError, FilePath, Found};

impl FilePath {
    /// Puts `content` in the place of what was found: afterwards, and after a power failure
    /// at any moment, the file holds either all of the old or all of the new. False when
    /// the file is no longer what was found; then nothing was changed.
    ///
    /// The caller holds the lock, so nobody else uses the temporary file; one that is there
    /// was left by a process that died.
    pub(super) fn replace(
        &self,
        directory: &File,
        found: Option<&Found>,
        content: &[u8],
        new_mode: u32,
    ) -> Result<bool, FileError> {
        let temporary = self.temporary_name();
        remove(directory, &temporary).map_err(|error| self.failed("remove what was left beside", error))?;
        let written = write_new(directory, &temporary, found, content, new_mode)
            .map_err(|error| self.failed("write the new content of", error))
            .and_then(|()| {
                let now = self.find(directory)?;
                // The content too: what is written twice within a tick of the clock bears one time.
                let same = match (&now, found) {
                    (Some(now), Some(found)) => {
                        now.version == found.version && *now.content == *found.content
                    }
                    (None, None) => true,
                    _ => false,
                };
                if !same {
                    return Ok(false);
                }
                renameat(directory, &temporary, directory, self.name())
                    .map(|()| true)
                    .map_err(|error| self.failed("replace", error.into()))
            });
        if !matches!(written, Ok(true)) {
            // The first error is the one to tell.
            let _ = remove(directory, &temporary);
            return written;
        }
        directory.sync_all().map_err(|source| FileError::Uncertain { path: self.path(), source })?;
        Ok(true)
    }
}

fn write_new(
    directory: &File,
    name: &OsStr,
    found: Option<&Found>,
    content: &[u8],
    new_mode: u32,
) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(directory, name, flags, Mode::from_raw_mode(0o600))?);
    file.write_all(content)?;
    let (like, mode) = match found {
        Some(found) => {
            let metadata = found.file.metadata()?;
            let mode = metadata.mode() & 0o7777;
            (metadata, mode)
        }
        None => (directory.metadata()?, new_mode),
    };
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    // After the owner, because changing the owner takes some bits away.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

fn remove(directory: &File, name: &OsStr) -> io::Result<()> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Err(error) if error != Errno::NOENT => Err(error.into()),
        _ => Ok(()),
    }
}
