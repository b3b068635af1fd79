//! Runs the suite on the SQLite engine, once for each way to commit.
#![cfg(feature = "sqlite")]

mod suite;

use std::sync::Arc;

use keyway_storage::{CommitMode, Sqlite, Storage};
use tempfile::TempDir;

struct Subject {
    folder: TempDir,
    mode: CommitMode,
    store: Sqlite,
}

impl Subject {
    fn new(mode: CommitMode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, mode);
        Self { folder, mode, store }
    }
}

fn open(folder: &TempDir, mode: CommitMode) -> Sqlite {
    Sqlite::options().commit_mode(mode).open_or_create(folder.path().join("store.db")).unwrap()
}

impl suite::Subject for Subject {
    fn store(&self) -> Arc<dyn Storage> {
        Arc::new(self.store.clone())
    }

    fn restart(&mut self) {
        self.store.close();
        self.store = open(&self.folder, self.mode);
    }
}

mod inline {
    use super::{CommitMode, Subject, suite};

    suite!(Subject::new(CommitMode::Inline));
}

mod thread {
    use super::{CommitMode, Subject, suite};

    suite!(Subject::new(CommitMode::Thread));
}
