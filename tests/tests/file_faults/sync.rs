//! Tests failing syncs, which strace injects.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyway_tests::services::OrSkip as _;
use keyway_tests::torture::trace::strace;

use crate::act::{DONE, Operation};

struct Fixture {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Fixture {
    /// Makes a folder with everything that the operation needs.
    fn of(operation: Operation) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let fixture = Self { folder, path };
        if !matches!(operation, Operation::Initialize | Operation::Authorize) {
            assert_eq!(Operation::Initialize.run(&fixture.path), DONE);
        }
        fixture
    }

    /// Returns the content of the operation's file.
    fn content(&self, operation: Operation) -> Option<Vec<u8>> {
        let name = if operation == Operation::Authorize { "authorized_keys" } else { "s" };
        fs::read(self.path.join(name)).ok()
    }

    /// Carries the operation out while the n-th sync of the process fails with `error`.
    fn run(&self, strace: &Path, operation: Operation, sync: usize, error: &str) -> String {
        let mut command = Command::new(strace);
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e"]);
        command.arg(format!("inject=fsync,fdatasync:error={error}:when={sync}"));
        operation.run_in(command, &std::env::current_exe().unwrap(), &self.path)
    }
}

/// Returns which sync of the process syncs the folder, counted from 1. A write syncs the new file, renames it, and
/// syncs the folder. A removal only syncs the folder.
fn sync_of_the_folder(operation: Operation) -> usize {
    if operation == Operation::Delete { 1 } else { 2 }
}

#[test]
fn a_change_whose_folder_is_not_synced_happened_and_says_so() {
    let Some(strace) = strace().or_skip("changes of files whose folder cannot be synced") else { return };
    for operation in Operation::ALL {
        let fixture = Fixture::of(operation);
        let before = fixture.content(operation);
        let answer = fixture.run(&strace, operation, sync_of_the_folder(operation), "EIO");
        assert!(answer.starts_with("Indeterminate: "), "{operation:?}: {answer}");
        let after = fixture.content(operation);
        assert_ne!(after, before, "{operation:?} happened");
        assert_eq!(after.is_none(), operation == Operation::Delete);
        if operation == Operation::Delete {
            // The second attempt has nothing to remove, but must still make the removal durable.
            let answer = fixture.run(&strace, operation, 1, "EIO");
            assert!(answer.starts_with("Indeterminate: "), "{answer}");
            assert_eq!(operation.run(&fixture.path), DONE);
        }
    }
}

#[test]
fn a_file_system_that_syncs_no_folder_is_no_error() {
    let Some(strace) = strace().or_skip("files on a file system that cannot sync a folder") else { return };
    for operation in Operation::ALL {
        for error in ["EINVAL", "EOPNOTSUPP"] {
            let fixture = Fixture::of(operation);
            let answer = fixture.run(&strace, operation, sync_of_the_folder(operation), error);
            assert_eq!(answer, DONE, "{operation:?}, {error}");
        }
    }
}

#[test]
fn a_file_that_is_not_synced_does_not_replace_another() {
    let Some(strace) = strace().or_skip("changes of files that cannot be synced") else { return };
    for operation in Operation::ALL {
        if operation == Operation::Delete {
            continue;
        }
        for error in ["EIO", "EINVAL"] {
            let fixture = Fixture::of(operation);
            let before = fixture.content(operation);
            let answer = fixture.run(&strace, operation, 1, error);
            assert!(answer != DONE && !answer.starts_with("Indeterminate"), "{operation:?}: {answer}");
            assert_eq!(fixture.content(operation), before, "{operation:?}");
        }
    }
}

/// Checks that a folder is removed if it could not be made durable. Otherwise the next attempt would find the folder,
/// and assume that it is durable.
#[test]
fn a_folder_that_is_not_made_durable_is_removed_again() {
    let Some(strace) = strace().or_skip("folders that cannot be made durable") else { return };
    for sync in [1, 2] {
        let fixture = Fixture::of(Operation::Initialize);
        let inner = Fixture { path: fixture.path.join("outer/inner"), ..fixture };
        let answer = inner.run(&strace, Operation::Initialize, sync, "EIO");
        assert!(answer.starts_with("Internal: "), "{answer}");
        assert_eq!(fs::read_dir(inner.folder.path()).unwrap().count(), 0);
        assert_eq!(Operation::Initialize.run(&inner.path), DONE);
    }
}
