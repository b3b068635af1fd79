//! Whose files they are.

use std::fs::File;
use std::io;
use std::path::Path;

/// Gives `file`, which this process has just made, to the owner of `like`, if that is there: root may write
/// the store of a service, and the service must be able to open it afterwards.
///
/// Only for new files: the path of one that is there may be a link that somebody laid.
#[cfg(unix)]
pub(super) fn give_to_owner_of(like: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};

    let wanted = match std::fs::metadata(like) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let is = file.metadata()?;
    if wanted.uid() != is.uid() {
        return fchown(file, Some(wanted.uid()), Some(wanted.gid()));
    }
    if wanted.gid() != is.gid() {
        // The group has no rights to the file, so it does not matter when this is not allowed.
        let _ = fchown(file, None, Some(wanted.gid()));
    }
    Ok(())
}

/// Other systems have no such thing.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // As on Unix.
pub(super) fn give_to_owner_of(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}
