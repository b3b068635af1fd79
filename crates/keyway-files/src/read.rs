//! Reads files that this process does not write.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use crate::FileError;
use crate::opened::Opened;

/// Reads a file of at most `max_bytes`. Returns `None` if there is no file. The path may lead through symbolic links.
/// Blocks.
///
/// # Errors
/// [`FileError`]. Nothing is changed.
pub fn read(path: &Path, max_bytes: usize) -> Result<Option<Vec<u8>>, FileError> {
    let Some(opened) = open(path)? else { return Ok(None) };
    opened.read(max_bytes).map(|found| Some(found.into_content()))
}

/// Reads a file of at most `max_bytes` that holds keys or passwords. Returns `None` if there is no file. The path may
/// lead through symbolic links. Blocks.
///
/// # Errors
/// On Unix, [`FileError::Exposed`] and [`FileError::ForeignOwner`] if the file can be read or written by a user other
/// than root and the user of this process. Every other [`FileError`] of reading a file. Nothing is changed.
pub fn read_private(path: &Path, max_bytes: usize) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
    let Some(opened) = open(path)? else { return Ok(None) };
    opened.private()?.read(max_bytes).map(|found| Some(found.into_content().into()))
}

fn open(path: &Path) -> Result<Option<Opened>, FileError> {
    let failed = |source| FileError::Io { what: "open", path: path.to_owned(), source };
    // The type of the file is checked before the file is opened, because opening a pipe would wait for its other end,
    // and opening a device may have side effects.
    let opened = fs::metadata(path)
        .and_then(|metadata| if metadata.is_file() { open_at_once(path).map(Some) } else { Ok(None) });
    match opened {
        Ok(Some(file)) => Opened::new(file, path.to_owned()).map(Some),
        Ok(None) => Err(FileError::NotAFile(path.to_owned())),
        // `NotADirectory` means that a component of the path is not a folder, so there is no file at the path.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Opens a file. If a pipe has taken its place since the check, does not wait for the other end.
#[cfg(unix)]
fn open_at_once(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};

    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open_at_once(path: &Path) -> io::Result<File> {
    File::open(path)
}
