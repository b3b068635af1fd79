//! Tests failing system calls under the SQLite engine. strace makes them fail in a child, which is a second process of
//! this test binary that runs only the test `child`.

use std::path::Path;
use std::process::Command;

use keyway_storage::{Batch, CommitOutcome, Expectation, Sqlite, Storage as _, StorageError};
use keyway_tests::services::OrSkip as _;
use keyway_tests::torture::trace::strace;
use pollster::block_on;

const FILE: &str = "KEYWAY_SQLITE_FAULTS_FILE";
/// The variable that lets the child end after its first step, as a killed process does.
const ENDS: &str = "KEYWAY_SQLITE_FAULTS_ENDS";

/// Opens the store, commits twice, and reports the result of each step.
#[test]
fn child() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let store = match Sqlite::open_or_create(file) {
        Ok(store) => store,
        Err(error) => return say(&format!("open: {}", kind(&error))),
    };
    for key in ["one", "two"] {
        let written = block_on(store.commit(Batch::new().put(key, "value", Expectation::Absent)));
        let written = match written {
            Ok(CommitOutcome::Committed(_)) => "ok",
            Ok(CommitOutcome::Conflict { .. }) => "conflict",
            Err(error) => kind(&error),
        };
        let there = match block_on(store.get(key.as_bytes())) {
            Ok(found) => found.is_some().to_string(),
            Err(error) => kind(&error).to_owned(),
        };
        say(&format!("{key}: {written}, there: {there}"));
        if std::env::var_os(ENDS).is_some() {
            // Closes nothing.
            std::process::exit(0);
        }
    }
    say(&format!("verify: {:?}", store.verify().ok()));
}

fn say(words: &str) {
    use std::io::Write as _;
    writeln!(std::io::stdout().lock(), "said {words}").unwrap();
}

fn kind(error: &StorageError) -> &'static str {
    match error {
        StorageError::DiskFull { .. } => "the disk is full",
        StorageError::Engine { .. } => "nothing written",
        StorageError::Indeterminate { .. } => "not known",
        _ => "another error",
    }
}

/// Returns the output of the child for the store `file`, while calls on `path` fail.
fn said(strace: &Path, path: Option<&Path>, inject: &str, file: &Path) -> Vec<String> {
    let mut command = Command::new(strace);
    said_by(&mut command, path, inject, file)
}

fn said_by(command: &mut Command, path: Option<&Path>, inject: &str, file: &Path) -> Vec<String> {
    command.args(["-f", "-qq", "-o", "/dev/null"]);
    if let Some(path) = path {
        command.arg("-P").arg(path);
    }
    let output = command
        .args(["-e", &format!("inject={inject}")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said: Vec<String> =
        text.lines().filter_map(|line| Some(line.split_once("said ")?.1.to_owned())).collect();
    assert!(!said.is_empty(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    said
}

const WORKS: [&str; 3] = ["one: ok, there: true", "two: ok, there: true", "verify: Some(2)"];

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_store_is_made_where_there_are_no_hard_links() {
    let Some(strace) = strace().or_skip("a store on a file system without hard links") else { return };
    for error in ["EPERM", "EACCES", "EOPNOTSUPP", "ENOSYS"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        assert_eq!(said(&strace, None, &format!("linkat:error={error}"), &file), WORKS, "{error}");
        assert_eq!(names(folder.path()), ["store.db"], "{error}: no draft is left over");
    }
}

#[test]
fn a_store_is_made_where_folders_cannot_be_synced() {
    let Some(strace) = strace().or_skip("a store on a file system whose folders cannot be synced") else {
        return;
    };
    for error in ["EINVAL", "EOPNOTSUPP"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        let calls = format!("fsync:error={error}");
        assert_eq!(said(&strace, Some(folder.path()), &calls, &file), WORKS, "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let broken = said(&strace, Some(folder.path()), "fsync:error=EIO", &folder.path().join("store.db"));
    assert_eq!(broken, ["open: nothing written"], "a disk that fails is another matter");
}

/// Tests a full disk at each write to the log: nothing is written, and the error says that the disk is full.
#[test]
fn a_full_disk_is_told_from_a_sync_that_failed() {
    let Some(strace) = strace().or_skip("a commit on a full disk") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let log = folder.path().join("store.db-wal");
    let mut failed = 0;
    for write in 1..=5 {
        let _ = std::fs::remove_file(&file);
        let calls = format!("pwrite64,write:error=ENOSPC:when={write}");
        let said = said(&strace, Some(&log), &calls, &file);
        if said[0] == "one: the disk is full, there: false" {
            failed += 1;
            assert_eq!(said[1..], ["two: ok, there: true", "verify: Some(1)"], "write {write}");
        } else {
            // The failed write belongs to the second commit or to no commit, so the first commit works.
            assert_eq!(said[0], WORKS[0], "write {write}");
            assert!(!said[1].contains("not known"), "write {write}: {said:?}");
        }
    }
    assert!(failed >= 3, "a header of the log and a frame are more than {failed} writes");

    let _ = std::fs::remove_file(&file);
    let said = said(&strace, Some(&log), "fdatasync,fsync:error=EIO:when=1+", &file);
    assert_eq!(
        said[..2],
        ["one: not known, there: nothing written", "two: nothing written, there: nothing written"]
    );
}

/// Tests a sync of the log that fails after SQLite has written the whole transaction to the log. The next process would
/// find the transaction there, although this process reads the records from before it.
#[test]
fn a_commit_whose_sync_failed_does_not_come_back_after_a_kill() {
    let Some(strace) = strace().or_skip("a sync of the log that fails") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    drop(Sqlite::create(&file).unwrap());
    let log = folder.path().join("store.db-wal");
    let mut answers = Vec::new();
    for calls in ["1", "2", "3", "1..2", "2..3", "1+", "2+"] {
        let mut command = Command::new(&strace);
        command.env(ENDS, "");
        let calls = format!("fdatasync,fsync:error=EIO:when={calls}");
        let said = said_by(&mut command, Some(&log), &calls, &file);
        let store = Sqlite::open(&file).unwrap();
        let is_there = block_on(store.get(b"one")).unwrap().is_some();
        match &*said[0] {
            "one: ok, there: true" => assert!(is_there, "{calls}"),
            "one: nothing written, there: false" | "one: not known, there: false" => {
                assert!(!is_there, "{calls}");
            }
            "one: not known, there: nothing written" => {}
            said => panic!("{calls}: {said}"),
        }
        let _ = block_on(store.commit(Batch::new().delete("one", Expectation::Any))).unwrap();
        answers.extend(said);
    }
    let count = |answer: &str| answers.iter().filter(|said| said.starts_with(answer)).count();
    let kinds = ["one: nothing written", "one: not known, there: false", "one: not known, there: nothing"];
    assert!(kinds.into_iter().all(|kind| count(kind) >= 1), "{answers:?}");
}
