//! Converts errors of the storage engine to those of an authority.

use keyway_certificates::CertificateError;
use keyway_storage::StorageError;

pub(crate) fn from_storage(error: StorageError) -> CertificateError {
    CertificateError::of_system("the storage of the authority", error)
}

/// Creates the error for a damaged record, which an operator has to restore.
pub(crate) fn corrupt(what: &'static str, reason: impl Into<String>) -> CertificateError {
    CertificateError::not_ready(what, format!("it is damaged ({}): restore it from a copy", reason.into()))
}

/// Creates the error for an operation that failed because other writers were faster too often. Nothing happened.
pub(crate) fn busy() -> CertificateError {
    CertificateError::Unavailable {
        what: "the authority, which many use at once,",
        retry_after: None,
        source: None,
    }
}
