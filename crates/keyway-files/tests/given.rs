//! Tests that a lock and a folder get their name after their owner and their mode. If a process dies in between, no
//! account finds a lock or a folder that belongs to another one for ever.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr)] // Tells a tester who is not root.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::time::Duration;

use keyway_files::{Rights, SharedFile, make_folder};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

/// The account that owns the outer folder, where this process may give files to it.
const ACCOUNT: u32 = 54321;

/// A folder of an account, which records all events of its entries.
struct Watched {
    folder: tempfile::TempDir,
    events: OwnedFd,
    owner: u32,
}

impl Watched {
    fn new(mode: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if chown(folder.path(), Some(ACCOUNT), Some(ACCOUNT)).is_err() {
            eprintln!("tested in part: only root can give files to others");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        let events = inotify::init(CreateFlags::NONBLOCK).unwrap();
        let watched = WatchFlags::CREATE | WatchFlags::ATTRIB | WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO;
        inotify::add_watch(&events, folder.path(), watched).unwrap();
        let owner = fs::metadata(folder.path()).unwrap().uid();
        Self { folder, events, owner }
    }

    /// Returns the entries of the folder that were created, changed or renamed, with what happened to each of them.
    fn happened(&self) -> Vec<(String, ReadFlags)> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.events, &mut buffer);
        let mut happened = Vec::new();
        while let Ok(event) = reader.next() {
            // An event without a name is about the folder itself.
            if let Some(name) = event.file_name() {
                happened.push((name.to_str().unwrap().to_owned(), event.events() - ReadFlags::ISDIR));
            }
        }
        happened
    }

    /// Checks that an entry got its name when it was complete, and no name but this one.
    #[track_caller]
    fn assert_complete(&self, name: &str, mode: u32) {
        let happened = self.happened();
        let of_name: Vec<_> = happened.iter().filter(|(other, _)| other == name).collect();
        assert!(matches!(of_name[..], [(_, ReadFlags::MOVED_TO)]), "{happened:?}");
        assert_eq!(happened.last().map(|(last, _)| &**last), Some(name), "{happened:?}");
        let metadata = fs::metadata(self.folder.path().join(name)).unwrap();
        assert_eq!((metadata.uid(), metadata.mode() & 0o777), (self.owner, mode));
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_lock_has_its_owner_before_it_has_its_name() {
    for (folder, lock) in [(0o700, 0o600), (0o770, 0o660)] {
        let watched = Watched::new(folder);
        let file = SharedFile::resolve(&watched.folder.path().join("f"), Rights::Private, 64).unwrap();
        let held = file.lock(Duration::ZERO).unwrap();
        watched.assert_complete(".f.keyway-lock", lock);
        drop(held);
    }
}

#[test]
fn a_folder_has_its_owner_before_it_has_its_name() {
    let watched = Watched::new(0o700);
    let outer = watched.folder.path().join("outer");
    make_folder(&outer.join("inner")).unwrap();
    watched.assert_complete("outer", 0o700);
    let owner = |folder: &Path| fs::metadata(folder).unwrap().uid();
    assert_eq!((owner(&outer), owner(&outer.join("inner"))), (watched.owner, watched.owner));
}
