//! Tests a test program made by `conformance_main!`, as in a plugin's crate.

use std::sync::Arc;

use keyway_conformance::storage::StorageSubject;
use keyway_conformance::{issuers, metadata};
use keyway_storage::{Memory, Sqlite};

keyway_conformance::conformance_main!(
    StorageSubject::new("memory", |_folder| Ok(Arc::new(Memory::new()))),
    StorageSubject::new("sqlite", |folder| Ok(Arc::new(Sqlite::open_or_create(folder.join("store.db"))?)))
        .persistent()
        .shared()
        .copyable(),
    metadata::mutants::strange(),
    issuers::mutants::strange(),
    issuers::mutants::strange_executable(),
);
