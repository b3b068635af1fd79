//! Tests files with access-control lists. The mode of such a file shows the mask of the list as the rights of the
//! group.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use keyway_files::{Rights, SharedFile};
use rustix::fs::{XattrFlags, getxattr, setxattr};
use rustix::io::Errno;

const OF_FILE: &str = "system.posix_acl_access";
const OF_NEW_FILES: &str = "system.posix_acl_default";

/// Returns a list that gives one further user the right to read, and the group no right.
fn list() -> Vec<u8> {
    const NO_ID: u32 = u32::MAX;
    // The owner, the further user, the group, the mask, and all others.
    let entries = [(1_u16, 6_u16, NO_ID), (2, 4, 54321), (4, 0, NO_ID), (16, 4, NO_ID), (32, 0, NO_ID)];
    let entries = entries.iter().flat_map(|(tag, rights, id)| {
        [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
    });
    2_u32.to_le_bytes().into_iter().chain(entries).collect()
}

fn list_of(path: &Path) -> Option<Vec<u8>> {
    let mut list = [0; 256];
    getxattr(path, OF_FILE, &mut list).ok().map(|length| list[..length].to_vec())
}

/// Gives a file or a folder the list. Returns false if the file system has no lists.
fn gave(path: &Path, name: &str) -> bool {
    match setxattr(path, name, &list(), XattrFlags::empty()) {
        Err(Errno::NOTSUP) => {
            // Reports the skip to `cargo xtask test`.
            if let Some(report) = std::env::var_os("KEYWAY_SKIP_REPORT") {
                let mut report = File::options().create(true).append(true).open(report).unwrap();
                report.write_all(b"acl\taccess-control lists\tthe file system has none\n").unwrap();
            }
            false
        }
        given => {
            given.unwrap();
            true
        }
    }
}

fn change(path: &Path, rights: Rights) {
    let file = SharedFile::resolve(path, rights, 64).unwrap();
    let write = |_: Option<&[u8]>| Ok::<_, ()>((Some(b"new".to_vec()), ()));
    file.change(Duration::from_secs(10), write).unwrap().unwrap();
    assert_eq!(fs::read(path).unwrap(), b"new");
}

const KEPT: Rights = Rights::Kept { new_mode: 0o644 };

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_file_keeps_its_list() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    fs::write(&path, "old").unwrap();
    if !gave(&path, OF_FILE) {
        return;
    }
    let before = (mode(&path), list_of(&path));
    assert_eq!(before, (0o640, Some(list())));
    change(&path, KEPT);
    assert_eq!((mode(&path), list_of(&path)), before);
    change(&path, Rights::Private);
    assert_eq!(mode(&path), 0o600, "neither the group nor the further user has rights");
}

#[test]
fn a_file_without_a_list_gets_none_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    if !gave(folder.path(), OF_NEW_FILES) {
        return;
    }
    change(&path, KEPT);
    assert_eq!((mode(&path), list_of(&path)), (0o640, None));
}
