//! Tests several processes on one file, and processes that are killed.
//!
//! A child process runs this test binary again. It runs only the test `child`, and an environment variable holds its
//! task.
#![cfg(feature = "sqlite")]

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use keyway_storage::{
    Batch, CommitMode, CommitOutcome, Expectation, KeyRange, Sqlite, Storage, StorageError,
};
use pollster::block_on;

const ROLE: &str = "KEYWAY_STORAGE_TEST_CHILD";
const FILE: &str = "KEYWAY_STORAGE_TEST_FILE";
const INCREMENTS: u64 = 150;

fn spawn(role: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(FILE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let store = Sqlite::open_or_create(std::env::var_os(FILE).unwrap()).unwrap();
    match role.as_str() {
        "count" => (0..INCREMENTS).for_each(|_| increment(&store)),
        "write" => write_pairs_until_killed(&store),
        other => panic!("no such role: {other}"),
    }
}

fn increment(store: &Sqlite) {
    loop {
        let record = block_on(store.get(b"counter")).unwrap();
        let (count, expectation) = match record {
            Some(record) => {
                let count = u64::from_be_bytes(record.value.try_into().unwrap());
                (count, Expectation::Revision(record.revision))
            }
            None => (0, Expectation::Absent),
        };
        let batch = Batch::new().put("counter", (count + 1).to_be_bytes(), expectation);
        if matches!(block_on(store.commit(batch)).unwrap(), CommitOutcome::Committed(_)) {
            return;
        }
    }
}

#[test]
fn processes_that_start_together_lose_no_update() {
    let folder = tempfile::tempdir().unwrap();
    // The file does not exist yet, so the children also race to make it.
    let path = folder.path().join("store.db");
    let children: Vec<Child> = (0..3).map(|_| spawn("count", &path)).collect();
    let store = Sqlite::open_or_create(&path).unwrap();
    (0..INCREMENTS).for_each(|_| increment(&store));
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let value = block_on(store.get(b"counter")).unwrap().unwrap().value;
    assert_eq!(u64::from_be_bytes(value.try_into().unwrap()), 4 * INCREMENTS);
    assert_eq!(store.verify().unwrap(), 1);
    store.close();
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["store.db"], "no draft is left over");
}

/// Writes pairs of records on four threads, and prints the acknowledged pairs.
fn write_pairs_until_killed(store: &Sqlite) {
    thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for number in 0_u64.. {
                    let name = format!("{}.{thread}.{number}", std::process::id());
                    let value = vec![b'v'; if number % 5 == 0 { 3_000 } else { 50 }];
                    let pair = Batch::new().put(format!("{name}/a"), value.clone(), Expectation::Absent).put(
                        format!("{name}/b"),
                        value,
                        Expectation::Absent,
                    );
                    assert!(matches!(block_on(store.commit(pair)), Ok(CommitOutcome::Committed(_))));
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "ack {name}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

#[test]
fn an_acknowledged_commit_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut acknowledged = HashSet::new();
    for round in 0..10 {
        let mut child = spawn("write", &path);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        // The child begins to write, and is then killed at a random moment.
        let mut line = String::new();
        while !line.starts_with("ack ") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the child ended by itself");
        }
        let reader = thread::spawn(move || {
            let mut lines = vec![line];
            lines.extend(output.lines().map_while(Result::ok));
            lines
        });
        let micros = RandomState::new().hash_one(round) % 60_000;
        thread::sleep(Duration::from_micros(micros));
        child.kill().unwrap();
        child.wait().unwrap();
        let lines = reader.join().unwrap();
        // The kill may have cut off the last line. What is left of this line names an earlier pair, or no pair.
        acknowledged
            .extend(lines.iter().filter_map(|line| line.trim().strip_prefix("ack ")).map(ToOwned::to_owned));

        let store = Sqlite::open_or_create(&path).unwrap();
        for name in &acknowledged {
            let there = block_on(store.get(format!("{name}/a").as_bytes())).unwrap();
            assert!(there.is_some(), "round {round}: {name} was acknowledged and is gone");
        }
        let halves = all_keys(&store);
        for key in &halves {
            let other =
                key.strip_suffix("/a").map_or_else(|| key.replace("/b", "/a"), |name| format!("{name}/b"));
            assert!(halves.contains(&other), "{key} is there without {other}");
        }
        assert_eq!(store.verify().unwrap(), halves.len() as u64);
    }
    assert!(acknowledged.len() > 10);
}

fn all_keys(store: &Sqlite) -> HashSet<String> {
    let (mut keys, mut after) = (HashSet::new(), None::<Vec<u8>>);
    loop {
        let page = block_on(store.scan(&KeyRange::all(), after.as_deref(), usize::MAX)).unwrap();
        after = page.entries.last().map(|entry| entry.key.clone());
        keys.extend(page.entries.into_iter().map(|entry| String::from_utf8(entry.key).unwrap()));
        if !page.more {
            return keys;
        }
    }
}

#[test]
fn a_held_lock_ends_in_unavailable_and_reads_go_on() {
    for mode in [CommitMode::Inline, CommitMode::Thread] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let deadline = Duration::from_millis(80);
        let store =
            Sqlite::options().commit_mode(mode).busy_deadline(deadline).open_or_create(&path).unwrap();
        let put = |value: &str| block_on(store.commit(Batch::new().put("a", value, Expectation::Any)));
        assert!(put("1").is_ok());

        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let start = Instant::now();
        let refused = put("2").unwrap_err();
        assert!(matches!(&refused, StorageError::Locked { path: named } if *named == path), "{refused:?}");
        assert!(start.elapsed() >= deadline, "{:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_eq!(block_on(store.get(b"a")).unwrap().unwrap().value, b"1");
        other.execute_batch("ROLLBACK").unwrap();
        assert!(put("3").is_ok());
        assert_eq!(block_on(store.get(b"a")).unwrap().unwrap().value, b"3");
    }
}

#[test]
fn closing_answers_everybody_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::open_or_create(folder.path().join("store.db")).unwrap());
    let acknowledged: Vec<u32> = thread::scope(|scope| {
        let writers: Vec<_> = (0..8_u32)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || {
                    let mut done = Vec::new();
                    for number in 0..10_000 {
                        let key = writer * 10_000 + number;
                        let batch = Batch::new().put(key.to_be_bytes(), "x", Expectation::Absent);
                        match block_on(store.commit(batch)) {
                            Ok(CommitOutcome::Committed(_)) => done.push(key),
                            Err(StorageError::Closed) => return done,
                            other => panic!("{other:?}"),
                        }
                    }
                    panic!("never closed")
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(60));
        store.close();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let again = Sqlite::open_or_create(folder.path().join("store.db")).unwrap();
    assert!(!acknowledged.is_empty());
    for key in acknowledged {
        assert!(block_on(again.get(&key.to_be_bytes())).unwrap().is_some());
    }
}
