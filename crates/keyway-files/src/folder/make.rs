//! Making a folder and what leads to it.

use std::path::{Path, PathBuf};

use super::Folder;
use crate::{FileError, owner};

/// Makes the folder `path`, for its owner only, and what leads to it, durably. Does nothing if it is there.
/// Each new folder belongs to the owner of the one that it is in, where this process may give it away. Blocks.
///
/// # Errors
/// [`FileError`]. What was made before the failure is removed again, if it is empty.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
        .collect();
    // From the outermost on, which has the others in it.
    let Some(outermost) = missing.last() else { return Ok(()) };
    let parent = match outermost.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    make_all(&Folder::open(&parent)?, missing.iter().rev())
}

fn make_all<'a>(parent: &Folder, mut missing: impl Iterator<Item = &'a &'a Path>) -> Result<(), FileError> {
    let Some(next) = missing.next() else { return Ok(()) };
    let Some(name) = next.file_name() else {
        let path = (*next).to_owned();
        return Err(FileError::NotADirectory(path));
    };
    let made = parent.make_folder(name)?;
    let failed = |what, source| FileError::Io { what, path: (*next).to_owned(), source };
    owner::give_folder(parent, &made)
        .map_err(|error| failed("give an owner to the folder", error))
        .and_then(|()| parent.sync().map_err(|error| failed("make durable the folder", error)))
        .and_then(|()| make_all(&made, missing))
        .inspect_err(|_| {
            // The first error is the one to tell. A folder that stayed would pass for durable the next time.
            let _ = parent.remove_folder(name);
        })
}
