//! Durable names in a folder.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes created, renamed and removed names in the folder `path` durable. Blocks for as long as the disk
/// takes.
///
/// If a file system cannot sync a folder (`EINVAL` or `ENOTSUP`), that is no error: it has nothing to wait for.
/// Systems without such a call do nothing.
///
/// # Errors
/// The error of the system. The names may not survive a power failure then.
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
