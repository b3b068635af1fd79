//! Tests a store that was opened by a relative path. It must use the same file after the process changes its working
//! directory.
//!
//! The test is alone in its file, because the working directory belongs to the whole process.

mod support;

use std::env;

use pollster::block_on;
use support::*;

#[test]
fn a_relative_path_means_the_folder_of_the_opening() {
    for configuration in [serde_json::json!({"path": "store"}), serde_json::json!({"directory": "."})] {
        let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        env::set_current_dir(here.path()).unwrap();
        let keys = ring(1);
        let store = open_with(configuration, &keys);
        block_on(store.initialize()).unwrap();
        create(&*store, "a", "1").unwrap();
        env::set_current_dir(elsewhere.path()).unwrap();
        assert_eq!(get(&*store, "a").unwrap(), "1");
        create(&*store, "b", "2").unwrap();
        assert!(files_in(elsewhere.path()).is_empty());
        env::set_current_dir(env::temp_dir()).unwrap();
    }
}
