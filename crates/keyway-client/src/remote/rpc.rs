//! The errors of Locker's second generation: codes and kinds of JSON-RPC.

use std::time::Duration;

use super::{RemoteClass, RemoteError};

/// An error of the protocol `locker.sdk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcError<'a> {
    /// The field `code`.
    pub code: i64,
    /// The field `data.kind`.
    pub kind: &'a str,
    /// The field `data.retryable`.
    pub retryable: bool,
    /// The field `data.retry_after_seconds`.
    pub retry_after: Option<Duration>,
}

const OPERATION: i64 = -32000;
const AUTHENTICATION: i64 = -32001;
const PERMISSION: i64 = -32003;
const NOT_FOUND: i64 = -32004;
const CONFLICT: i64 = -32009;
const VALIDATION: i64 = -32022;
const RATE_LIMIT: i64 = -32029;
const CONNECTION: i64 = -32050;
const SERVER: i64 = -32051;
const LOCAL_STORAGE: i64 = -32060;
const INTEGRITY: i64 = -32070;

impl RpcError<'_> {
    /// Returns the class of the error. The kind decides it for the codes of a failed operation and of a conflict, and
    /// the code decides it for all other errors.
    pub fn class(&self) -> RemoteClass {
        match self.code {
            OPERATION => match self.kind {
                "cancelled" => RemoteClass::Cancelled,
                "request_rejected" => RemoteClass::RequestRejected,
                "response_too_large" => RemoteClass::ResponseTooLarge,
                "conflict" => RemoteClass::Conflict,
                "validation_error" => RemoteClass::Validation,
                "integrity_error" | "transport_integrity_error" | "data_integrity_error" | "data_error" => {
                    RemoteClass::Integrity
                }
                _ if self.says_already_exists() => RemoteClass::AlreadyExists,
                _ => RemoteClass::Operation,
            },
            AUTHENTICATION => RemoteClass::Authentication,
            PERMISSION => RemoteClass::PermissionDenied,
            NOT_FOUND => RemoteClass::NotFound,
            CONFLICT if self.says_already_exists() => RemoteClass::AlreadyExists,
            CONFLICT => RemoteClass::Conflict,
            VALIDATION => RemoteClass::Validation,
            RATE_LIMIT => RemoteClass::RateLimit,
            CONNECTION => RemoteClass::Connection,
            SERVER => RemoteClass::Server,
            LOCAL_STORAGE => RemoteClass::LocalStorage,
            INTEGRITY => RemoteClass::Integrity,
            -32099..=-32000 => RemoteClass::Operation,
            _ => RemoteClass::Protocol,
        }
    }

    fn says_already_exists(&self) -> bool {
        matches!(
            self.kind,
            "already_exists" | "duplicate_hash" | "secret_already_exists" | "environment_already_exists"
        )
    }

    /// Tells whether to trust the service when it says that a retry may succeed: only if another attempt can do no
    /// harm.
    fn may_be_retried(&self) -> bool {
        match self.code {
            RATE_LIMIT | CONNECTION => true,
            SERVER => self.kind != "internal_error",
            OPERATION | AUTHENTICATION | PERMISSION | NOT_FOUND | CONFLICT | VALIDATION | LOCAL_STORAGE
            | INTEGRITY => false,
            code => (-32099..=-32000).contains(&code),
        }
    }

    /// Returns the HTTP status that Locker's own client gives the error, or `None` if that client gives it no status.
    fn status(&self) -> Option<u16> {
        match self.class() {
            RemoteClass::Authentication => Some(401),
            RemoteClass::PermissionDenied => Some(403),
            RemoteClass::NotFound => Some(404),
            RemoteClass::Conflict | RemoteClass::AlreadyExists => Some(409),
            RemoteClass::Validation if self.code == VALIDATION => Some(422),
            RemoteClass::RequestRejected => Some(400),
            RemoteClass::ResponseTooLarge => Some(413),
            RemoteClass::RateLimit => Some(429),
            RemoteClass::Server => Some(500),
            RemoteClass::Connection => Some(503),
            _ => None,
        }
    }

    /// Converts to an error, without the service's message.
    pub fn to_error(&self) -> RemoteError {
        let after = self.retry_after.filter(|_| self.code == RATE_LIMIT);
        RemoteError::new(self.class())
            .with_word(Some(self.kind))
            .with_reported_status(self.status())
            .with_retry(self.retryable && self.may_be_retried(), after)
    }
}
