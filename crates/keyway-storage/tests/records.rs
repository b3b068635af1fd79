//! Tests properties of engines that no rule of the kit covers, or that a rule covers only with a single thread.

use std::task::{Context, Waker};
use std::thread;

use keyway_storage::{Batch, CommitOutcome, Expectation, KeyRange, Memory, Storage};
use pollster::block_on;

fn put() -> Batch {
    Batch::new().put("a", "hunter2", Expectation::Absent)
}

fn commits_only_when_polled(store: &dyn Storage) {
    drop(store.commit(put()));
    assert!(block_on(store.get(b"a")).unwrap().is_none(), "a future that was never polled did something");
    let mut polled = store.commit(put());
    let _ = polled.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

#[test]
fn a_commit_that_is_never_polled_does_nothing_in_memory() {
    commits_only_when_polled(&Memory::new());
}

#[cfg(feature = "sqlite")]
#[test]
fn a_commit_that_is_never_polled_does_nothing_in_a_file() {
    use keyway_storage::{CommitMode, Sqlite};

    for mode in [CommitMode::Inline, CommitMode::Thread] {
        let folder = tempfile::tempdir().unwrap();
        let options = Sqlite::options().commit_mode(mode);
        commits_only_when_polled(&options.open_or_create(folder.path().join("store.db")).unwrap());
    }
}

/// On each of four threads, drops commits after zero, one or two polls, and makes a commit after each dropped one.
fn drops_of_threads_block_nothing(store: &dyn Storage) {
    thread::scope(|scope| {
        for caller in 0..4_u8 {
            scope.spawn(move || {
                for round in 0..50_u8 {
                    let half = |half| [b'd', caller, round, half];
                    let pair = Batch::new().put(half(0), "x", Expectation::Absent).put(
                        half(1),
                        "x",
                        Expectation::Absent,
                    );
                    let mut dropped = store.commit(pair);
                    for _ in 0..round % 3 {
                        if dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                            break;
                        }
                    }
                    drop(dropped);
                    let kept = Batch::new().put([b'e', caller, round], "x", Expectation::Absent);
                    assert!(matches!(block_on(store.commit(kept)), Ok(CommitOutcome::Committed(_))));
                }
            });
        }
    });
}

/// Checks that a dropped commit is stored as a whole or not at all, and that no other commit is lost.
fn is_whole_after_drops(store: &dyn Storage) {
    let is_there = |key: &[u8]| block_on(store.get(key)).unwrap().is_some();
    for caller in 0..4_u8 {
        for round in 0..50_u8 {
            let [first, second] = [0, 1].map(|half| is_there(&[b'd', caller, round, half]));
            assert_eq!(first, second, "a dropped commit is stored as a whole or not at all");
            assert!(round % 3 != 0 || !first, "a future that was never polled did something");
            assert!(is_there(&[b'e', caller, round]), "a commit is lost");
        }
    }
}

#[test]
fn dropped_commits_of_several_threads_block_no_other_in_memory() {
    let store = Memory::new();
    drops_of_threads_block_nothing(&store);
    is_whole_after_drops(&store);
}

#[cfg(feature = "sqlite")]
#[test]
fn dropped_commits_of_several_threads_block_no_other_in_a_file() {
    use keyway_storage::{CommitMode, Sqlite};

    for mode in [CommitMode::Inline, CommitMode::Thread] {
        let folder = tempfile::tempdir().unwrap();
        let open =
            || Sqlite::options().commit_mode(mode).open_or_create(folder.path().join("store.db")).unwrap();
        let store = open();
        drops_of_threads_block_nothing(&store);
        is_whole_after_drops(&store);
        drop(store);
        is_whole_after_drops(&open());
    }
}

#[test]
fn pages_and_records_show_sizes_and_no_values() {
    let store = Memory::new();
    let _ = block_on(store.commit(put())).unwrap();
    let page = block_on(store.scan(&KeyRange::all(), None, 1)).unwrap();
    let text = format!("{page:?} {:?}", block_on(store.get(b"a")));
    assert!(text.contains("7 bytes") && !text.contains("hunter2") && !text.contains("104, 117"), "{text}");
}
