//! The operations that mutants of engines can override.

use crate::notation::operations;

operations! { $ of keyway_storage::StorageError;
    get(key: &[u8]) -> Option<keyway_storage::Record>;
    scan(range: &keyway_storage::KeyRange, after: Option<&[u8]>, limit: usize) -> keyway_storage::Page;
    commit(batch: keyway_storage::Batch) -> keyway_storage::CommitOutcome;
}

pub(super) use operation;
