//! What can go wrong with a client.

use std::time::Duration;

use keyway_core::{Effect, ErrorKind, MediaKind, PluginError};
use keyway_secrets::{EnvironmentName, NameError, SecretAddress, SecretName, StoreError};

use crate::{BundleError, Row};
#[cfg(feature = "locker")]
use crate::{CredentialsError, RedactedBody, RemoteError};

/// Why an operation of a client failed.
///
/// It belongs to a [`Row`] of the error table of the Locker seed (decision L6):
/// [`code`](Self::code), [`http_status`](Self::http_status) and
/// [`description`](Self::description) are those of the row,
/// [`user_message`](Self::user_message) says what happened here. Key and environment may be
/// named, a value never is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such secret, in none of the layers that the policy allows.
    #[error("there is no secret \"{key}\"{}", Place(.environment.as_ref(), *.shared_too))]
    SecretNotFound {
        /// The key.
        key: SecretName,
        /// The environment that the client stands in.
        environment: Option<EnvironmentName>,
        /// Whether the shared secrets were looked at too.
        shared_too: bool,
    },
    /// No such environment (decision L2: never a fall back, never the default value).
    #[error("there is no environment \"{environment}\": create it first, or check its spelling")]
    EnvironmentNotFound {
        /// The environment.
        environment: EnvironmentName,
    },
    /// The value is no text, and a text was asked for.
    #[error("the value of {address} is no text but {kind}: read it with `retrieve`")]
    NotText {
        /// Which secret.
        address: SecretAddress,
        /// What the value is.
        kind: MediaKind,
    },
    /// The name of a key or of an environment is not allowed.
    #[error(transparent)]
    InvalidName(#[from] NameError),
    /// The store failed or refused.
    #[error(transparent)]
    Store(StoreError),
    /// A service behind the store failed or refused.
    #[cfg(feature = "locker")]
    #[error(transparent)]
    Remote(Box<RemoteError>),
    /// The credentials are missing or malformed.
    #[cfg(feature = "locker")]
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// What is to be imported or exported is not acceptable. Nothing was written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// An import was cut short by a failure. What it had written stays.
    #[error("the import stopped at the secret \"{key}\" after {written} of {total}: import again to go on")]
    ImportInterrupted {
        /// The key that could not be written.
        key: SecretName,
        /// How many secrets had been written before.
        written: usize,
        /// How many there were to write.
        total: usize,
        /// Why.
        source: Box<Error>,
    },
    /// The blocking client was called where blocking would stop an executor.
    #[error("the blocking client was called inside of asynchronous code: use the asynchronous client there")]
    InsideRuntime,
}

impl Error {
    /// The row of the error table.
    pub fn row(&self) -> Row {
        Row::of(self.kind())
    }

    /// The code of the row, for example `not_found`.
    pub fn code(&self) -> &'static str {
        self.row().code()
    }

    /// The HTTP status of the row; none for `cli_error` and `locker_error`.
    pub fn http_status(&self) -> Option<u16> {
        self.row().http_status()
    }

    /// What happened and what to do about it, for the user. The same as `Display`.
    pub fn user_message(&self) -> String {
        self.to_string()
    }

    /// What errors of this row mean in general.
    pub fn description(&self) -> &'static str {
        self.row().description()
    }

    /// Whether the same call, unchanged, may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            #[cfg(feature = "locker")]
            Self::Remote(remote) => remote.is_retryable(),
            other => other.kind().is_retryable(),
        }
    }

    /// How long to wait before trying again, when the failing side said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            #[cfg(feature = "locker")]
            Self::Remote(remote) => remote.retry_after(),
            other => other.kind().retry_after(),
        }
    }

    /// What a service answered, redacted; `None` where there is no service.
    #[cfg(feature = "locker")]
    pub fn http_body(&self) -> Option<&RedactedBody> {
        match self {
            Self::Remote(remote) => remote.body(),
            _ => None,
        }
    }

    /// Whether this says that a secret is not there: the only failure in whose place a
    /// default value is answered (decision L5).
    pub fn is_secret_not_found(&self) -> bool {
        match self {
            Self::SecretNotFound { .. } => true,
            #[cfg(feature = "locker")]
            Self::Remote(remote) => remote.is_secret_not_found(),
            _ => false,
        }
    }
}

impl PluginError for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::SecretNotFound { .. } | Self::EnvironmentNotFound { .. } => ErrorKind::NotFound,
            Self::NotText { .. } | Self::InvalidName(_) | Self::Bundle(_) => ErrorKind::Invalid,
            Self::Store(error) => error.kind(),
            #[cfg(feature = "locker")]
            Self::Remote(remote) => remote.kind(),
            #[cfg(feature = "locker")]
            Self::Credentials(error) => error.kind(),
            Self::ImportInterrupted { source, .. } => source.kind(),
            Self::InsideRuntime => ErrorKind::Unsupported,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Store(error) => error.effect(),
            #[cfg(feature = "locker")]
            Self::Remote(remote) => remote.effect(),
            #[cfg(feature = "locker")]
            Self::Credentials(_) => Effect::None,
            Self::ImportInterrupted { .. } => Effect::Unknown,
            Self::SecretNotFound { .. }
            | Self::EnvironmentNotFound { .. }
            | Self::NotText { .. }
            | Self::InvalidName(_)
            | Self::Bundle(_)
            | Self::InsideRuntime => Effect::None,
        }
    }
}

#[cfg(feature = "locker")]
impl From<RemoteError> for Error {
    fn from(remote: RemoteError) -> Self {
        Self::Remote(Box::new(remote))
    }
}

impl From<StoreError> for Error {
    /// A store in front of a service reports the error of the service as the cause; it is taken out here, so
    /// that its row is kept.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::SecretNotFound { address: SecretAddress { environment, name } } => {
                Self::SecretNotFound { key: name, environment, shared_too: false }
            }
            StoreError::EnvironmentNotFound { environment } => Self::EnvironmentNotFound { environment },
            StoreError::InvalidName(error) => Self::InvalidName(error),
            #[cfg(feature = "locker")]
            StoreError::System { what, source } => match source.downcast::<RemoteError>() {
                Ok(remote) => Self::Remote(remote),
                Err(source) => Self::Store(StoreError::System { what, source }),
            },
            #[cfg(feature = "locker")]
            StoreError::Unavailable { what, retry_after, source: Some(source) } => {
                match source.downcast::<RemoteError>() {
                    Ok(remote) => Self::Remote(remote),
                    Err(source) => {
                        Self::Store(StoreError::Unavailable { what, retry_after, source: Some(source) })
                    }
                }
            }
            other => Self::Store(other),
        }
    }
}

/// Says where a secret was looked for.
struct Place<'a>(Option<&'a EnvironmentName>, bool);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0, self.1) {
            (None, _) => f.write_str(" that belongs to no environment"),
            (Some(environment), false) => write!(f, " in the environment \"{environment}\""),
            (Some(environment), true) => {
                write!(f, " in the environment \"{environment}\", nor one that belongs to no environment")
            }
        }
    }
}
