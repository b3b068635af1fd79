//! The failures that an answer can report, as the official SDKs know them.

use std::time::Duration;

use keyway_client::{CredentialsError, Error, ErrorKind, PluginError as _, RemoteClass};
use keyway_core::Effect;
use keyway_secrets::StoreError;

/// A failure of a request. Each failure has a code and a kind from the catalogue that all official SDKs share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Parse,
    InvalidRequest,
    MethodNotFound,
    InvalidParameters,
    /// The request asks for something that this program never does, such as `insecure_skip_tls_verify`.
    RequestRejected,
    AnswerTooLarge,
    Operation,
    Unauthorized,
    MissingCredentials,
    InvalidAccessKeyId,
    MalformedSecretAccessKey,
    Forbidden,
    SecretNotFound,
    EnvironmentNotFound,
    Conflict,
    SecretExists,
    EnvironmentExists,
    AlreadyExists,
    Validation,
    RateLimited {
        /// The whole seconds to wait, at most a day.
        after: Option<u32>,
    },
    Network,
    Unavailable,
    Internal,
    /// The store cannot be used: it does not exist, or its keys do not fit.
    Database,
    /// A file cannot be read.
    File,
    /// A file is missing.
    Path,
    DataIntegrity,
}

/// The longest delay that the protocol can name, in seconds.
const LONGEST_DELAY: u64 = 86400;

impl Failure {
    /// Returns code, kind, and whether a read may be tried again.
    pub(crate) const fn row(self) -> (i32, &'static str, bool) {
        match self {
            Self::Parse => (-32700, "parse_error", false),
            Self::InvalidRequest => (-32600, "invalid_request", false),
            Self::MethodNotFound => (-32601, "method_not_found", false),
            Self::InvalidParameters => (-32602, "invalid_params", false),
            Self::RequestRejected => (-32000, "request_rejected", false),
            Self::AnswerTooLarge => (-32000, "response_too_large", false),
            Self::Operation => (-32000, "operation_error", false),
            Self::Unauthorized => (-32001, "unauthorized", false),
            Self::MissingCredentials => (-32001, "missing_credentials", false),
            Self::InvalidAccessKeyId => (-32001, "invalid_access_key_id", false),
            Self::MalformedSecretAccessKey => (-32001, "malformed_secret_access_key", false),
            Self::Forbidden => (-32003, "forbidden", false),
            Self::SecretNotFound => (-32004, "secret_not_found", false),
            Self::EnvironmentNotFound => (-32004, "environment_not_found", false),
            Self::Conflict => (-32009, "conflict", false),
            Self::AlreadyExists => (-32009, "already_exists", false),
            Self::SecretExists => (-32009, "secret_already_exists", false),
            Self::EnvironmentExists => (-32009, "environment_already_exists", false),
            Self::Validation => (-32022, "validation_error", false),
            Self::RateLimited { .. } => (-32029, "rate_limited", true),
            Self::Network => (-32050, "network_error", true),
            Self::Unavailable => (-32051, "service_unavailable", true),
            Self::Internal => (-32051, "internal_error", false),
            Self::Database => (-32060, "database_error", false),
            Self::File => (-32060, "file_error", false),
            Self::Path => (-32060, "path_error", false),
            Self::DataIntegrity => (-32070, "data_integrity_error", false),
        }
    }

    /// Returns the seconds to wait before the next request, if this is [`RateLimited`](Self::RateLimited) and the time
    /// is known.
    pub(crate) const fn retry_after(self) -> Option<u32> {
        match self {
            Self::RateLimited { after } => after,
            _ => None,
        }
    }

    fn rate_limited(after: Option<Duration>) -> Self {
        // Rounds up, so that the caller does not try again too early.
        let seconds = after.map(|after| after.as_secs() + u64::from(after.subsec_nanos() > 0));
        Self::RateLimited {
            after: seconds.and_then(|seconds| u32::try_from(seconds.min(LONGEST_DELAY)).ok()),
        }
    }

    /// Converts the error of a write. A write that may have taken effect is not one that the caller may try again, so
    /// such a failure is [`Internal`](Self::Internal), which says nothing about the effect.
    pub(crate) fn of_write(error: Error) -> Self {
        let is_unknown = error.effect() == Effect::Unknown;
        match Self::from(error) {
            Self::Network | Self::Unavailable | Self::RateLimited { .. } if is_unknown => Self::Internal,
            failure => failure,
        }
    }

    /// Converts an error that comes after a write took effect.
    pub(crate) fn after_write(error: Error) -> Self {
        let _ = Self::from(error);
        tracing::error!("what was written before this error stays");
        Self::Internal
    }

    fn of_class(class: RemoteClass, kind: ErrorKind) -> Self {
        match class {
            RemoteClass::Connection => Self::Network,
            RemoteClass::AlreadyExists => Self::AlreadyExists,
            RemoteClass::ResponseTooLarge => Self::AnswerTooLarge,
            _ => Self::of_kind(kind),
        }
    }

    fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unauthorized => Self::Unauthorized,
            ErrorKind::Denied => Self::Forbidden,
            ErrorKind::RateLimited { retry_after } => Self::rate_limited(retry_after),
            ErrorKind::AlreadyExists => Self::AlreadyExists,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Invalid | ErrorKind::Unsupported => Self::Validation,
            ErrorKind::Unavailable { .. } | ErrorKind::DeadlineExceeded => Self::Unavailable,
            // A missing store, or project of a service, must not look like a missing secret, for which the SDKs
            // return a default (decision L5).
            ErrorKind::NotFound | ErrorKind::Deleted | ErrorKind::WrongKey | ErrorKind::Incompatible => {
                Self::Database
            }
            ErrorKind::Corrupt => Self::DataIntegrity,
            ErrorKind::Internal
            | ErrorKind::ContractViolation
            | ErrorKind::Program
            | ErrorKind::Indeterminate => Self::Internal,
            _ => Self::Operation,
        }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        match error {
            Error::SecretNotFound { .. } => Self::SecretNotFound,
            Error::EnvironmentNotFound { .. } => Self::EnvironmentNotFound,
            Error::Store(StoreError::SecretExists { .. }) => Self::SecretExists,
            Error::Store(StoreError::EnvironmentExists { .. }) => Self::EnvironmentExists,
            Error::Remote(remote) if remote.is_secret_not_found() => Self::SecretNotFound,
            Error::Remote(remote)
                if remote.class() == RemoteClass::NotFound
                    && remote.word() == Some("environment_not_found") =>
            {
                Self::EnvironmentNotFound
            }
            Error::Remote(remote) => Self::of_class(remote.class(), remote.kind()),
            other => Self::of_kind(other.kind()),
        }
    }
}

/// Converts the error, and logs the reason, which the SDKs do not show.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::from(&error);
        let (_, kind, _) = failure.row();
        match failure {
            Self::SecretNotFound | Self::EnvironmentNotFound => tracing::debug!(kind, "{error}"),
            _ => tracing::error!(kind, "{}", error.detail()),
        }
        failure
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<CredentialsError> for Failure {
    fn from(error: CredentialsError) -> Self {
        match error {
            CredentialsError::InvalidAccessKeyId => Self::InvalidAccessKeyId,
            CredentialsError::MalformedSecretAccessKey => Self::MalformedSecretAccessKey,
            _ => Self::MissingCredentials,
        }
    }
}

#[cfg(test)]
mod tests {
    use keyway_client::RemoteError;

    use super::*;

    #[test]
    fn a_missing_store_is_no_missing_secret() {
        assert_eq!(Failure::from(StoreError::NotInitialized), Failure::Database);
        assert_eq!(Failure::from(StoreError::Deleted), Failure::Database);
    }

    #[test]
    fn a_delay_is_whole_seconds_of_at_most_a_day() {
        for (delay, seconds) in [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (90_000_000, 86400)] {
            let failure = Failure::rate_limited(Some(Duration::from_millis(delay)));
            assert_eq!(failure.retry_after(), Some(seconds));
        }
        assert_eq!(Failure::rate_limited(None).retry_after(), None);
    }

    #[test]
    fn failures_of_a_service_keep_their_meaning() {
        for (class, word, failure) in [
            (RemoteClass::NotFound, Some("secret_not_found"), Failure::SecretNotFound),
            (RemoteClass::NotFound, Some("project_not_found"), Failure::Database),
            (RemoteClass::NotFound, None, Failure::Database),
            (RemoteClass::NotFound, Some("environment_not_found"), Failure::EnvironmentNotFound),
            (RemoteClass::Authentication, None, Failure::Unauthorized),
            (RemoteClass::PermissionDenied, None, Failure::Forbidden),
            (RemoteClass::RateLimit, None, Failure::RateLimited { after: None }),
            (RemoteClass::Connection, None, Failure::Network),
            (RemoteClass::Server, None, Failure::Internal),
            (RemoteClass::Integrity, None, Failure::DataIntegrity),
            (RemoteClass::AlreadyExists, None, Failure::AlreadyExists),
        ] {
            let error = Error::from(RemoteError::new(class).with_word(word));
            assert_eq!(Failure::from(&error), failure, "{class:?}");
        }
    }
}
