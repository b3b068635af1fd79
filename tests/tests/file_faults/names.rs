//! Tests file systems that cannot give a name without replacing, which strace simulates.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::time::{Duration, Instant};

use keyway_tests::services::OrSkip as _;
use keyway_tests::torture::trace::strace;

use crate::act::{DONE, Operation};
use crate::fixture::Fixture;

fn names_in(fixture: &Fixture) -> Vec<String> {
    let entries = fs::read_dir(&fixture.path).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_lock_needs_neither_a_rename_without_replacing_nor_a_second_name() {
    let Some(strace) = strace().or_skip("locks on a file system without second names") else { return };
    for error in ["EPERM", "EACCES", "ENOSYS", "EOPNOTSUPP"] {
        let fixture = Fixture::of(Operation::Create);
        let lock = fixture.path.join(".s.keyway-lock");
        fs::remove_file(&lock).unwrap();
        // Only root can give the folder away. Otherwise it stays with the user of this process.
        let _ = chown(&fixture.path, Some(54321), None);
        let owner = fs::metadata(&fixture.path).unwrap().uid();
        let link = format!("error={error}");
        let failures = [("renameat2", "error=EINVAL"), ("linkat", link.as_str())];
        assert_eq!(fixture.run(&strace, Operation::Create, &failures), DONE, "{error}");
        assert_eq!(names_in(&fixture), [".s.keyway-lock", "s"]);
        let made = fs::metadata(&lock).unwrap();
        assert_eq!((made.uid(), made.permissions().mode() & 0o7777), (owner, 0o600));
    }
}

#[test]
fn a_new_folder_replaces_no_empty_folder_of_another_process() {
    let Some(strace) = strace().or_skip("folders on a file system that renames only by replacing") else {
        return;
    };
    let fixture = Fixture::of(Operation::Initialize);
    let inner = Fixture { path: fixture.path.join("outer"), ..fixture };
    let outer = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            // The other process makes the folder after the first one found that it is missing.
            let started = Instant::now();
            while fs::read_dir(inner.folder.path()).unwrap().count() == 0 {
                assert!(started.elapsed() < Duration::from_secs(60), "no folder is made");
                std::thread::sleep(Duration::from_millis(2));
            }
            fs::create_dir(&inner.path).unwrap();
            fs::metadata(&inner.path).unwrap().ino()
        });
        let failure = "error=EINVAL:delay_enter=3000000:when=1";
        assert_eq!(inner.run(&strace, Operation::Initialize, &[("renameat2", failure)]), DONE);
        other.join().unwrap()
    });
    assert_eq!(fs::metadata(&inner.path).unwrap().ino(), outer);
    assert_eq!(fs::read_dir(inner.folder.path()).unwrap().count(), 1, "the draft is removed");
    assert_eq!(names_in(&inner), [".s.keyway-lock", "s"]);
}
