//! Reading, replacing and removing a file as a whole (decision C6).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::Paths;
use super::owner::give_to_owner_of;

/// The content of the file; `None` if there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Asked before opening, because opening a named pipe would wait for its other end.
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts `content` in the file's place, for its owner only, who stays the same: afterwards, and after a power
/// failure at any moment, the file holds either all of the old or all of the new.
///
/// The caller holds the lock, so nobody else uses the temporary file; one that is there
/// was left by a process that died.
pub(crate) fn replace(paths: &Paths, content: &[u8]) -> io::Result<()> {
    remove_if_there(&paths.temporary)?;
    write_new(paths, content).and_then(|()| fs::rename(&paths.temporary, &paths.file)).inspect_err(|_| {
        // The first error is the one to tell.
        let _ = fs::remove_file(&paths.temporary);
    })?;
    sync_directory(&paths.directory)
}

/// Removes the file and what a write that died left beside it.
pub(crate) fn remove(paths: &Paths) -> io::Result<()> {
    remove_if_there(&paths.temporary)?;
    remove_if_there(&paths.file)?;
    sync_directory(&paths.directory)
}

/// Makes the folder, for its owner only, and what leads to it, durably.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = directory
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    missing.iter().filter_map(|made| made.parent()).try_for_each(|parent| {
        sync_directory(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
    })
}

fn write_new(paths: &Paths, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&paths.temporary)?;
    give_to_owner_of(&paths.file, &file)?;
    file.write_all(content)?;
    file.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes names that changed in the directory durable.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Other systems have no such call.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // As on Unix.
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
