//! The errors of a client.

use std::time::Duration;

use keyway_core::{Effect, ErrorKind, MediaKind, PluginError};
use keyway_secrets::{EnvironmentName, NameError, SecretAddress, SecretName, StoreError};

use crate::{BundleError, Row};
#[cfg(feature = "locker")]
use crate::{CredentialsError, RedactedBody, RemoteError};

/// An error of an operation of a client.
///
/// It belongs to a [`Row`] of the error table of the Locker seed: [`code`](Self::code),
/// [`http_status`](Self::http_status) and [`description`](Self::description) are those of the row, and
/// [`user_message`](Self::user_message) describes this failure. The message may name a key and an environment, but
/// never a value (decision L6).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The secret does not exist in any layer that the policy allows.
    #[error("there is no secret \"{key}\"{}", Place(.environment.as_ref(), *.shared_too))]
    SecretNotFound {
        /// The key.
        key: SecretName,
        /// The environment in which the client works.
        environment: Option<EnvironmentName>,
        /// True if the shared secrets were read too.
        shared_too: bool,
    },
    /// The environment does not exist.
    ///
    /// There is no fallback and no default value for it (decision L2).
    #[error("there is no environment \"{environment}\": create it first, or check its spelling")]
    EnvironmentNotFound {
        /// The environment.
        environment: EnvironmentName,
    },
    /// The value is not a text, and a text was requested.
    #[error("the value of {address} is not a text but {kind}: read it with `retrieve`")]
    NotText {
        /// The address of the secret.
        address: SecretAddress,
        /// The kind of the value.
        kind: MediaKind,
    },
    /// The name of a key or of an environment is invalid.
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
    /// The bundle to import or export is not acceptable. Nothing was written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// An import stopped at a failure. The secrets that were written before the failure remain.
    #[error("the import stopped at the secret \"{key}\" after {written} of {total}: {}", Remedy(source))]
    ImportInterrupted {
        /// The key that could not be written.
        key: SecretName,
        /// The number of secrets that were written before the failure.
        written: usize,
        /// The number of secrets to write.
        total: usize,
        /// The cause.
        source: Box<Error>,
    },
    /// The blocking client was called where blocking would stop an executor.
    #[error("the blocking client was called inside of asynchronous code: use the asynchronous client there")]
    InsideRuntime,
}

impl Error {
    /// Returns the row of the error table.
    pub fn row(&self) -> Row {
        Row::of(self.kind())
    }

    /// Returns the code of the row, for example `not_found`.
    pub fn code(&self) -> &'static str {
        self.row().code()
    }

    /// Returns the HTTP status of the row, or `None` for `cli_error` and `locker_error`.
    pub fn http_status(&self) -> Option<u16> {
        self.row().http_status()
    }

    /// Returns the message for the user: the failure and its remedy. The same as `Display`.
    pub fn user_message(&self) -> String {
        self.to_string()
    }

    /// Returns the general meaning of errors of this row.
    pub fn description(&self) -> &'static str {
        self.row().description()
    }

    /// Tells whether the same call, unchanged, may succeed later.
    ///
    /// A write whose [`effect`](PluginError::effect) is unknown may already have been carried out. Read before you
    /// repeat it.
    pub fn is_retryable(&self) -> bool {
        match self {
            #[cfg(feature = "locker")]
            Self::Remote(remote) => remote.is_retryable(),
            other => other.kind().is_retryable(),
        }
    }

    /// Returns the time to wait before another attempt, if the failing side named it.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            #[cfg(feature = "locker")]
            Self::Remote(remote) => remote.retry_after(),
            other => other.kind().retry_after(),
        }
    }

    /// Returns the redacted answer of a service, or `None` if there is none.
    #[cfg(feature = "locker")]
    pub fn http_body(&self) -> Option<&RedactedBody> {
        match self {
            Self::Remote(remote) => remote.body(),
            _ => None,
        }
    }

    /// Tells whether the secret does not exist.
    ///
    /// A missing secret is the only failure for which a client returns a default value (decision L5).
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
    /// Unwraps the error of a service if the store reports it as the cause, so that the error keeps its row.
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
                    // This error of a store means that the call had no effect.
                    Ok(remote) => remote.without_effect().into(),
                    Err(source) => {
                        Self::Store(StoreError::Unavailable { what, retry_after, source: Some(source) })
                    }
                }
            }
            other => Self::Store(other),
        }
    }
}

/// Shows the next step after an import that stopped.
struct Remedy<'a>(&'a Error);

impl std::fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0.kind() {
            ErrorKind::Invalid | ErrorKind::Unsupported => {
                "change that secret in the file, then import again"
            }
            ErrorKind::Conflict | ErrorKind::AlreadyExists => "import again to go on",
            kind if kind.is_retryable() => "import again to go on",
            _ => "mend the cause, then import again",
        })
    }
}

/// Shows the layers that were searched for a secret.
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
