//! Converts errors of the storage engine to errors of a store.

use keyway_secrets::StoreError;
use keyway_storage::StorageError;

pub(crate) fn from_storage(error: StorageError) -> StoreError {
    match error {
        StorageError::ValueTooLarge { bytes, limit, .. } => {
            StoreError::TooLarge { what: "the sealed record", bytes, limit }
        }
        StorageError::BatchTooLarge { bytes, limit } => {
            StoreError::TooLarge { what: "the batch of sealed records", bytes, limit }
        }
        StorageError::Unavailable { retry_after } => StoreError::Unavailable {
            what: "the storage",
            retry_after,
            source: Some(Box::new(StorageError::Unavailable { retry_after })),
        },
        error @ StorageError::Locked { .. } => StoreError::Unavailable {
            what: "the storage, whose file another process keeps locked,",
            retry_after: None,
            source: Some(Box::new(error)),
        },
        StorageError::Indeterminate { source } => StoreError::Indeterminate {
            what: "the write to the storage",
            source: Box::new(StorageError::Indeterminate { source }),
        },
        StorageError::Corrupt { detail } => StoreError::corrupt("the storage", detail),
        other => StoreError::system("use the storage", other),
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::PluginError as _;

    use super::*;

    #[test]
    fn a_lock_of_another_process_is_named() {
        let error = from_storage(StorageError::Locked { path: "/s.db".into() });
        assert!(error.kind().is_retryable());
        assert!(
            error.detail().contains("whose file another process keeps locked")
                && error.detail().contains("/s.db"),
            "{}",
            error.detail()
        );
    }
}
