//! Tests failing syncs, which strace injects.

use std::path::Path;

use keyway_tests::services::OrSkip as _;
use keyway_tests::torture::trace::strace;

use crate::act::{DONE, Operation};
use crate::fixture::Fixture;

/// Carries the operation out while the n-th sync of the process fails with `error`.
fn run(fixture: &Fixture, strace: &Path, operation: Operation, sync: usize, error: &str) -> String {
    let failure = format!("error={error}:when={sync}");
    fixture.run(strace, operation, &[("fsync,fdatasync", &failure)])
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
        let answer = run(&fixture, &strace, operation, sync_of_the_folder(operation), "EIO");
        assert!(answer.starts_with("Indeterminate: "), "{operation:?}: {answer}");
        let after = fixture.content(operation);
        assert_ne!(after, before, "{operation:?} happened");
        assert_eq!(after.is_none(), operation == Operation::Delete);
        if operation == Operation::Delete {
            // The second attempt has nothing to remove, but must still make the removal durable.
            let answer = run(&fixture, &strace, operation, 1, "EIO");
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
            let answer = run(&fixture, &strace, operation, sync_of_the_folder(operation), error);
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
            let answer = run(&fixture, &strace, operation, 1, error);
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
        let answer = run(&inner, &strace, Operation::Initialize, sync, "EIO");
        assert!(answer.starts_with("Internal: "), "{answer}");
        assert_eq!(std::fs::read_dir(inner.folder.path()).unwrap().count(), 0);
        assert_eq!(Operation::Initialize.run(&inner.path), DONE);
    }
}
