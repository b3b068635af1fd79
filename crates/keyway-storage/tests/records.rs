//! What no rule of the kit demands of an engine, and what pages and records show.

use std::task::{Context, Waker};

use keyway_storage::{Batch, Expectation, KeyRange, Memory, Storage};
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

#[test]
fn pages_and_records_show_sizes_and_no_values() {
    let store = Memory::new();
    let _ = block_on(store.commit(put())).unwrap();
    let page = block_on(store.scan(&KeyRange::all(), None, 1)).unwrap();
    let text = format!("{page:?} {:?}", block_on(store.get(b"a")));
    assert!(text.contains("7 bytes") && !text.contains("hunter2") && !text.contains("104, 117"), "{text}");
}
