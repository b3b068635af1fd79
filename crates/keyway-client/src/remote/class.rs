//! The classes of Locker's errors.

use std::time::Duration;

use keyway_core::ErrorKind;

/// The class of a service's error. The classes are those of the seed's table, and the finer classes of newer Locker
/// clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoteClass {
    /// The credentials were not accepted.
    Authentication,
    /// The credentials do not allow this.
    PermissionDenied,
    /// The requested object does not exist.
    NotFound,
    /// Too many requests.
    RateLimit,
    /// The service cannot be reached.
    Connection,
    /// The service failed.
    Server,
    /// Another writer was first.
    Conflict,
    /// The object exists already.
    AlreadyExists,
    /// The data sent are not acceptable.
    Validation,
    /// The request as a whole was refused.
    RequestRejected,
    /// The answer is larger than allowed.
    ResponseTooLarge,
    /// Data was damaged or tampered with.
    Integrity,
    /// The data that are kept locally cannot be read or written.
    LocalStorage,
    /// The program that talks to the service could not be run, or stopped early.
    Program,
    /// The other side violates the protocol.
    Protocol,
    /// The work was cancelled.
    Cancelled,
    /// The operation failed for an unknown reason.
    Operation,
    /// Any other error.
    Other,
}

impl RemoteClass {
    /// Returns the name of the class in Locker's own Python client, for programs that migrate from
    /// it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "AuthenticationError",
            Self::PermissionDenied => "PermissionDeniedError",
            Self::NotFound => "ResourceNotFoundError",
            Self::RateLimit => "RateLimitError",
            Self::Connection => "APIConnectionError",
            Self::Server => "APIServerError",
            Self::Conflict => "ConflictError",
            Self::AlreadyExists => "AlreadyExistsError",
            Self::Validation => "ValidationError",
            Self::RequestRejected => "RequestRejectedError",
            Self::ResponseTooLarge => "ResponseTooLargeError",
            Self::Integrity => "IntegrityError",
            Self::LocalStorage => "LocalStorageError",
            Self::Program => "CliRunError",
            Self::Protocol => "ProtocolError",
            Self::Cancelled => "OperationCancelledError",
            Self::Operation => "OperationError",
            Self::Other => "LockerError",
        }
    }

    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Authentication => "the service did not accept the credentials: check both access keys",
            Self::PermissionDenied => "the credentials do not allow this operation",
            Self::NotFound => "the service does not have the requested object",
            Self::RateLimit => "the service received too many requests: wait before the next one",
            Self::Connection => "the service could not be reached: check the network connection",
            Self::Server => "the service failed",
            Self::Conflict => "another writer was first: read again and decide again",
            Self::AlreadyExists => "it exists already: modify it, or choose another name",
            Self::Validation => "the service refused what it was sent",
            Self::RequestRejected => "the service refused the request",
            Self::ResponseTooLarge => "the answer is larger than allowed: ask for less at a time",
            Self::Integrity => "the data is damaged or was tampered with",
            Self::LocalStorage => "the data kept on this machine cannot be read or written",
            Self::Program => "the program that talks to the service could not be run, or broke off",
            Self::Protocol => "the other side does not keep to the protocol",
            Self::Cancelled => "the operation was cancelled",
            Self::Operation => "the operation failed, and the service does not say why",
            Self::Other => "the service reports an error that is not known here",
        }
    }

    pub(super) const fn kind(self, retry_after: Option<Duration>) -> ErrorKind {
        match self {
            Self::Authentication => ErrorKind::Unauthorized,
            Self::PermissionDenied => ErrorKind::Denied,
            Self::NotFound => ErrorKind::NotFound,
            Self::RateLimit => ErrorKind::RateLimited { retry_after },
            Self::Connection => ErrorKind::Unavailable { retry_after },
            Self::Server => ErrorKind::Internal,
            Self::Conflict => ErrorKind::Conflict,
            Self::AlreadyExists => ErrorKind::AlreadyExists,
            Self::Validation | Self::RequestRejected => ErrorKind::Invalid,
            Self::Integrity => ErrorKind::Corrupt,
            Self::LocalStorage | Self::Program | Self::Protocol | Self::Cancelled => ErrorKind::Program,
            Self::ResponseTooLarge | Self::Operation | Self::Other => ErrorKind::Other,
        }
    }
}
