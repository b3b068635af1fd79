//! The error table of the Locker seed.

use keyway_core::ErrorKind;

/// A row of the error table of the Locker seed ("Error Handling"), or one of two further rows:
/// `conflict` and `invalid`.
///
/// Every [`Error`](crate::Error) belongs to one. [`ErrorKind`] is finer; several of its kinds share
/// a row (decision L6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Row {
    /// The credentials were not accepted.
    Unauthorized,
    /// The credentials do not allow this.
    PermissionDenied,
    /// Too many requests.
    RateLimit,
    /// The requested object does not exist.
    NotFound,
    /// The store, or the service behind it, failed.
    ServerError,
    /// The service cannot be reached.
    HttpError,
    /// Local data cannot be opened, or the operation was interrupted.
    CliError,
    /// Any other error.
    LockerError,
    /// The object exists already, or another writer was first.
    ///
    /// See decision L6.
    Conflict,
    /// An argument is not acceptable.
    ///
    /// See decision L6.
    Invalid,
}

impl Row {
    /// All rows, in the order of the seed's table.
    pub const ALL: [Self; 10] = [
        Self::Unauthorized,
        Self::PermissionDenied,
        Self::RateLimit,
        Self::NotFound,
        Self::ServerError,
        Self::HttpError,
        Self::CliError,
        Self::LockerError,
        Self::Conflict,
        Self::Invalid,
    ];

    /// Returns the row of a kind of failure.
    pub const fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unauthorized => Self::Unauthorized,
            ErrorKind::Denied => Self::PermissionDenied,
            ErrorKind::RateLimited { .. } => Self::RateLimit,
            ErrorKind::NotFound | ErrorKind::Deleted => Self::NotFound,
            ErrorKind::AlreadyExists | ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Invalid | ErrorKind::Unsupported => Self::Invalid,
            ErrorKind::Unavailable { .. } => Self::HttpError,
            // The seed describes this row as "Invalid local data, process interruptions".
            ErrorKind::Program
            | ErrorKind::Incompatible
            | ErrorKind::WrongKey
            | ErrorKind::Corrupt
            | ErrorKind::DeadlineExceeded
            | ErrorKind::Indeterminate => Self::CliError,
            ErrorKind::Internal | ErrorKind::ContractViolation => Self::ServerError,
            _ => Self::LockerError,
        }
    }

    /// Returns the code of the row, for programs to compare.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::PermissionDenied => "permission_denied",
            Self::RateLimit => "rate_limit",
            Self::NotFound => "not_found",
            Self::ServerError => "server_error",
            Self::HttpError => "http_error",
            Self::CliError => "cli_error",
            Self::LockerError => "locker_error",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
        }
    }

    /// Returns the HTTP status of the row, or `None` for `cli_error` and `locker_error`.
    pub const fn http_status(self) -> Option<u16> {
        match self {
            Self::Unauthorized => Some(401),
            Self::PermissionDenied => Some(403),
            Self::RateLimit => Some(429),
            Self::NotFound => Some(404),
            Self::ServerError => Some(500),
            Self::HttpError => Some(503),
            Self::CliError | Self::LockerError => None,
            Self::Conflict => Some(409),
            Self::Invalid => Some(422),
        }
    }

    /// Returns the name of the row.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unauthorized => "Authentication Error",
            Self::PermissionDenied => "Permission Denied Error",
            Self::RateLimit => "Rate Limit Error",
            Self::NotFound => "Resource Not Found Error",
            Self::ServerError => "API Server Error",
            Self::HttpError => "API Connect Error",
            Self::CliError => "CLI Run Error",
            Self::LockerError => "General Locker Error",
            Self::Conflict => "Conflict Error",
            Self::Invalid => "Validation Error",
        }
    }

    /// Returns the general meaning of the row.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Unauthorized => "The access key ID or the secret access key is missing or not valid",
            Self::PermissionDenied => "The credentials do not allow this operation",
            Self::RateLimit => "There were too many requests; wait before the next one",
            Self::NotFound => "The requested object does not exist",
            Self::ServerError => "The store or the service behind it failed",
            Self::HttpError => {
                "The store or the service cannot be reached at the moment; check the connection, or the process that \
                 holds the store's file"
            }
            Self::CliError => {
                "Data at hand could not be opened, or the work was interrupted; whether a write took \
                 effect is not known"
            }
            Self::LockerError => "The operation failed for a reason that has no row of its own",
            Self::Conflict => "It exists already, or another writer changed it first",
            Self::Invalid => "An argument is not acceptable; the message names it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the rows with the error table of the Locker seed, and with the two rows of decision L6.
    #[test]
    fn rows_have_the_codes_and_statuses_of_the_seed() {
        let rows = [
            (ErrorKind::Unauthorized, "unauthorized", Some(401)),
            (ErrorKind::Denied, "permission_denied", Some(403)),
            (ErrorKind::RateLimited { retry_after: None }, "rate_limit", Some(429)),
            (ErrorKind::NotFound, "not_found", Some(404)),
            (ErrorKind::Internal, "server_error", Some(500)),
            (ErrorKind::Unavailable { retry_after: None }, "http_error", Some(503)),
            (ErrorKind::Program, "cli_error", None),
            (ErrorKind::Other, "locker_error", None),
            (ErrorKind::Conflict, "conflict", Some(409)),
            (ErrorKind::Invalid, "invalid", Some(422)),
        ];
        for ((kind, code, status), row) in rows.into_iter().zip(Row::ALL) {
            assert_eq!(Row::of(kind), row, "the order of the table");
            assert_eq!((row.code(), row.http_status()), (code, status));
        }
    }

    #[test]
    fn kinds_without_a_row_of_their_own_have_a_fitting_one() {
        for (kind, row) in [
            (ErrorKind::AlreadyExists, Row::Conflict),
            (ErrorKind::Deleted, Row::NotFound),
            (ErrorKind::Unsupported, Row::Invalid),
            (ErrorKind::WrongKey, Row::CliError),
            (ErrorKind::Corrupt, Row::CliError),
            (ErrorKind::Incompatible, Row::CliError),
            (ErrorKind::DeadlineExceeded, Row::CliError),
            (ErrorKind::Indeterminate, Row::CliError),
            (ErrorKind::ContractViolation, Row::ServerError),
        ] {
            assert_eq!(Row::of(kind), row);
        }
    }
}
