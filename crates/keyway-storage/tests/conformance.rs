//! Runs the kit's suite on every engine, and on wrappers that change nothing.

use std::sync::Arc;

use keyway_conformance::storage::StorageSubject;
use keyway_storage::{CommitMode, FaultyStorage, Layered, Memory, Sqlite, Storage, StorageLayer};

/// A wrapper that forwards every call.
#[derive(Debug)]
struct Plain(Memory);

impl StorageLayer for Plain {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.0
    }
}

fn sqlite(name: &str, mode: CommitMode) -> StorageSubject {
    let subject = StorageSubject::new(name, move |folder| {
        let options = Sqlite::options().commit_mode(mode);
        Ok(Arc::new(options.open_or_create(folder.join("store.db"))?))
    });
    subject.persistent().shared().copyable()
}

keyway_conformance::conformance_main!(
    StorageSubject::new("memory", |_| Ok(Arc::new(Memory::new()))),
    StorageSubject::new("layered", |_| Ok(Arc::new(Layered(Plain(Memory::new()))))),
    // Without a plan of faults, the wrapper behaves as the engine that it wraps.
    StorageSubject::new("faulty", |_| {
        let below: Arc<dyn Storage> = Arc::new(Memory::new());
        Ok(FaultyStorage::over(&below).pauses().into_engine())
    }),
    sqlite("sqlite", CommitMode::Inline),
    sqlite("sqlite-thread", CommitMode::Thread),
);
