//! Makes names in a folder durable.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the creation, renaming and removal of names in the folder `path` durable. Blocks for as long as the disk
/// takes.
///
/// It is no error if a file system cannot sync a folder (`EINVAL` or `ENOTSUP`), because there is nothing to wait for.
/// On systems without such a call, the function does nothing.
///
/// # Errors
/// The error of the system. The names may not survive a power failure then.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        // A bare file name has an empty parent path, which stands for the current folder.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        return sync_open_folder(&File::open(path)?);
    }
    Ok(())
}

pub(crate) fn sync_open_folder(folder: &File) -> io::Result<()> {
    match folder.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}
