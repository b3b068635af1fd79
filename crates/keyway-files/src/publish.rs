//! Publishes a complete file under its final name.

use std::fs;
use std::io;
use std::path::Path;

/// Gives the file `draft` the name `path` in the same folder, and never replaces a file. A reader finds either the
/// whole file or no file. On return, the name `draft` may still refer to the same file; in that case the caller removes
/// the name. Blocks. The new name is durable after [`sync_folder`](crate::sync_folder).
///
/// If the file system does not support or allow a second name (FAT, some network and FUSE file systems),
/// the file is renamed.
///
/// # Errors
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when `path` exists. Otherwise the error of the system. If the file
/// can be neither linked nor renamed, the error is that of the link. After an error nothing was changed.
pub fn publish(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        // `PermissionDenied` stands for EPERM and EACCES, `Unsupported` for EOPNOTSUPP and ENOSYS.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) =>
        {
            match rename_without_replacing(draft, path) {
                Err(other) if other.kind() != io::ErrorKind::AlreadyExists => Err(error),
                result => result,
            }
        }
        result => result,
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_without_replacing(draft: &Path, path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, draft, CWD, path, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_without_replacing(_draft: &Path, _path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, any(target_os = "linux", target_vendor = "apple")))]
mod tests {
    use super::*;

    #[test]
    fn a_draft_never_replaces_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let (draft, path) = (folder.path().join("draft"), folder.path().join("file"));
        fs::write(&draft, "draft").unwrap();
        for publish in [publish, rename_without_replacing] {
            fs::write(&path, "first").unwrap();
            assert_eq!(publish(&draft, &path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&path).unwrap(), b"first");
        }
        fs::remove_file(&path).unwrap();
        rename_without_replacing(&draft, &path).unwrap();
        assert!(!draft.exists() && path.exists());
    }
}
