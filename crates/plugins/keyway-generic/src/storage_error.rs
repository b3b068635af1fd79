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
        error @ (StorageError::DiskFull { .. } | StorageError::ReadOnly { .. }) => {
            StoreError::not_ready("the storage", error.to_string())
        }
        other => StoreError::system("use the storage", other),
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::{Effect, PluginError as _};

    use super::*;

    #[test]
    fn a_fault_that_an_operator_mends_is_the_headline() {
        let source = std::sync::Arc::new(std::io::Error::other("no space"));
        for (error, told) in [
            (
                StorageError::DiskFull { path: "/s.db".into(), source },
                "the storage cannot be used: the disk of /s.db is full: free some space and try again",
            ),
            (
                StorageError::ReadOnly { path: "/s.db".into() },
                "the storage cannot be used: /s.db cannot be written: give this process's user the right to \
                 write it, or name another file",
            ),
        ] {
            let error = from_storage(error);
            assert_eq!((error.to_string().as_str(), error.effect()), (told, Effect::None));
            assert!(!error.kind().is_retryable());
        }
    }

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
