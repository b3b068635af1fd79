//! Tests a store that was opened by a relative path. It must use the same file after the process changes its working
//! directory.
//!
//! The test is alone in its file, because the working directory belongs to the whole process.
#![cfg(feature = "sqlite")]

use std::env;

use keyway_storage::{Batch, Expectation, KeyRange, Sqlite, Storage};
use pollster::block_on;

#[test]
fn a_relative_path_means_the_folder_of_the_opening() {
    let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    env::set_current_dir(here.path()).unwrap();
    let store = Sqlite::open_or_create("host.db").unwrap();
    assert!(block_on(store.commit(Batch::new().put("a", "1", Expectation::Absent))).is_ok());

    // Daemons change their working directory. Connections are opened on demand, so some are opened after the change.
    env::set_current_dir(elsewhere.path()).unwrap();
    assert_eq!(store.verify().unwrap(), 1);
    let other = Sqlite::open_or_create("host.db").unwrap();
    assert!(block_on(other.commit(Batch::new().put("b", "2", Expectation::Absent))).is_ok());
    assert!(block_on(other.commit(Batch::new().put("c", "3", Expectation::Absent))).is_ok());
    assert_eq!(store.verify().unwrap(), 1, "another store of the same name is another store");
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let page = block_on(store.scan(&KeyRange::all(), None, 10)).unwrap();
                    assert_eq!(page.entries.len(), 1);
                }
            });
        }
    });
    env::set_current_dir(env::temp_dir()).unwrap();
}
