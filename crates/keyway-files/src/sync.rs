//! Durable names in a folder.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes created, renamed and removed names in the folder `path` durable. Blocks for as long as the disk
/// takes.
///
/// A file system that cannot sync a folder answers `EINVAL` or `ENOTSUP`. It has nothing to wait for, so that
/// is no error. On systems without such a call nothing is done.
///
/// # Errors
/// The error of the system. Whether the names survive a power failure is not known then.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        // The folder of a bare file name.
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
