//! The kinds of failure that every contract shares.

use std::time::Duration;

/// What kind of failure an error is: the part of an error that a caller acts on.
///
/// Every error type of every contract maps to one of these through
/// [`PluginError::kind`], so that a host can decide to retry, to ask the user or to
/// give up without knowing the contract.
///
/// The codes and statuses of the first eight rows of [`ErrorKind::code`] are those of
/// the error table in the Locker seed (section "Error Handling"); decision L6 adds
/// `conflict` and `invalid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's credentials were not accepted.
    Unauthorized,
    /// The caller is known, and may not do this.
    Denied,
    /// Too many requests; try again after the given time, if one is known.
    RateLimited {
        /// How long to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The thing asked for does not exist.
    NotFound,
    /// The thing to be created exists already.
    AlreadyExists,
    /// Somebody else changed the thing first; read it again and decide anew.
    Conflict,
    /// The thing was deleted or is being deleted; a handle to it is of no more use.
    Deleted,
    /// What the caller passed is not acceptable; the error says what and where.
    Invalid,
    /// This plugin or engine does not offer the operation; another one may.
    Unsupported,
    /// Something outside cannot be reached at the moment; try again.
    Unavailable {
        /// How long to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The data was written by a plugin or a version that the running one must not read.
    Incompatible,
    /// None of the keys at hand opens the data.
    WrongKey,
    /// The data is damaged, truncated or was tampered with.
    Corrupt,
    /// A deadline passed; whether the effect happened is not known.
    DeadlineExceeded,
    /// Whether the effect happened is not known, and somebody must decide.
    Indeterminate,
    /// The plugin broke its contract: it panicked or returned what it must not return.
    ContractViolation,
    /// An external program could not be run or broke off (the seed's "CLI Run Error").
    Program,
    /// The system around the plugin failed: a disk, a thread, the random source.
    Internal,
    /// None of the other kinds.
    Other,
}

impl ErrorKind {
    /// A stable, machine-readable name. It never changes for a kind.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Denied => "permission_denied",
            Self::RateLimited { .. } => "rate_limit",
            Self::NotFound => "not_found",
            Self::Internal => "server_error",
            Self::Unavailable { .. } => "http_error",
            Self::Program => "cli_error",
            Self::Other => "locker_error",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::Deleted => "deleted",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::Incompatible => "incompatible",
            Self::WrongKey => "wrong_key",
            Self::Corrupt => "corrupt",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Indeterminate => "indeterminate",
            Self::ContractViolation => "contract_violation",
        }
    }

    /// The HTTP status that fits, for hosts that speak HTTP. `None` where the seed's
    /// table has none.
    pub const fn http_status(self) -> Option<u16> {
        match self {
            Self::Unauthorized => Some(401),
            Self::Denied => Some(403),
            Self::NotFound => Some(404),
            Self::AlreadyExists | Self::Conflict => Some(409),
            Self::Deleted => Some(410),
            Self::Invalid => Some(422),
            Self::RateLimited { .. } => Some(429),
            Self::Internal
            | Self::Incompatible
            | Self::WrongKey
            | Self::Corrupt
            | Self::Indeterminate
            | Self::ContractViolation => Some(500),
            Self::Unsupported => Some(501),
            Self::Unavailable { .. } => Some(503),
            Self::DeadlineExceeded => Some(504),
            Self::Program | Self::Other => None,
        }
    }

    /// Whether the same call, unchanged, may succeed later.
    ///
    /// `false` for [`Conflict`](Self::Conflict), because the caller has to read again
    /// first, and for [`DeadlineExceeded`](Self::DeadlineExceeded), because the effect
    /// may have happened.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }

    /// How long to wait before trying again, when the failing side said so.
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after } => retry_after,
            _ => None,
        }
    }
}

/// What every error type of every contract can tell.
///
/// `Display` is the message for the user: what happened and what to do about it.
/// [`detail`](Self::detail) is for the log (WaTTS seed: a user message and a log
/// message). Neither ever holds a secret value.
pub trait PluginError: std::error::Error + Send + Sync + 'static {
    /// The kind of failure.
    fn kind(&self) -> ErrorKind;

    /// What a log should keep beside the message: the error and its sources in one line.
    fn detail(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error table of the Locker seed, row by row.
    #[test]
    fn the_seeds_table_is_a_subset() {
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
        for (kind, code, status) in rows {
            assert_eq!((kind.code(), kind.http_status()), (code, status));
        }
    }

    #[test]
    fn only_what_may_pass_by_itself_is_retryable() {
        let wait = Some(Duration::from_secs(3));
        let unavailable = ErrorKind::Unavailable { retry_after: wait };
        assert!(unavailable.is_retryable());
        assert_eq!(unavailable.retry_after(), wait);
        for kind in
            [ErrorKind::Conflict, ErrorKind::DeadlineExceeded, ErrorKind::Invalid, ErrorKind::WrongKey]
        {
            assert!(!kind.is_retryable(), "{kind:?}");
            assert_eq!(kind.retry_after(), None);
        }
    }
}
