//! Converts errors of the storage engine to those of an authority.

use keyway_certificates::CertificateError;
use keyway_storage::StorageError;

pub(crate) fn from_storage(error: StorageError) -> CertificateError {
    const STORAGE: &str = "the storage of the authority";
    match error {
        StorageError::Unavailable { retry_after } => CertificateError::Unavailable {
            what: STORAGE,
            retry_after,
            source: Some(Box::new(StorageError::Unavailable { retry_after })),
        },
        error @ StorageError::Locked { .. } => {
            CertificateError::Unavailable { what: STORAGE, retry_after: None, source: Some(Box::new(error)) }
        }
        error @ (StorageError::Corrupt { .. }
        | StorageError::DiskFull { .. }
        | StorageError::ReadOnly { .. }) => CertificateError::not_ready(STORAGE, error.to_string()),
        other => CertificateError::system("use its storage", other),
    }
}

/// Creates the error for a damaged record, which an operator has to restore.
pub(crate) fn corrupt(what: &'static str, reason: impl Into<String>) -> CertificateError {
    CertificateError::not_ready(what, format!("it is damaged ({}): restore it from a copy", reason.into()))
}

/// Creates the error for an operation that other writers overtook too often; nothing happened.
pub(crate) fn busy() -> CertificateError {
    CertificateError::Unavailable {
        what: "the authority, which many use at once,",
        retry_after: None,
        source: None,
    }
}
