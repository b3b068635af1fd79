//! The errors of a credential store.

use std::borrow::Cow;
use std::time::Duration;

use keyway_core::json::ObjectLimit;
use keyway_core::{CallError, Effect, ErrorKind, InvalidText, MissingResource, PluginError, with_causes};

use crate::{KeyError, LeaseId, VaultLoginError};

/// An error of another library, kept as the cause.
pub type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// An error of an operation of a [`CredentialStore`](crate::CredentialStore).
///
/// An error of a fetch ends the search for credentials; after an [outcome](crate::FetchOutcome) the host can try the
/// next candidate. So a store returns an outcome where one fits. It returns an error only for a failure that it does
/// not understand, or that may have left a lease (decision S1).
///
/// `Display` is for the operator, [`user_message`](Self::user_message) for the user of the session, and
/// [`detail`](PluginError::detail) for the log. No variant holds a secret value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The plugin refused, with messages of its own. Nothing happened.
    #[error("the plugin refused: {user_message}")]
    Refused {
        /// The message for the user.
        user_message: String,
        /// The message for the log.
        log_message: String,
    },
    /// The plugin failed, with messages of its own. An effect may remain.
    #[error("the plugin failed, and whether there was an effect is not known: {user_message}")]
    Failed {
        /// The message for the user.
        user_message: String,
        /// The message for the log.
        log_message: String,
    },
    /// The store does not offer the operation.
    #[error("this credential store does not offer {what}")]
    Unsupported {
        /// The missing operation or option.
        what: &'static str,
    },
    /// An argument is not acceptable. Nothing happened.
    #[error("{what} is not acceptable: {reason}")]
    Invalid {
        /// The argument.
        what: &'static str,
        /// The reason. It does not contain the value.
        reason: String,
    },
    /// There is no login to the vault. Nothing happened.
    #[error("the vault was not asked: {0}")]
    VaultLogin(#[from] VaultLoginError),
    /// The vault no longer has the lease. Nothing happened.
    #[error(
        "the vault does not have the lease \"{}\" any longer: check the credentials out again",
        lease.as_str().escape_debug()
    )]
    UnknownLease {
        /// The lease.
        lease: LeaseId,
    },
    /// A text that the plugin received or made does not have the form of its type. An effect may remain.
    #[error(transparent)]
    Text(#[from] InvalidText),
    /// The vault returned a text that is not a private key. An effect may remain.
    #[error("the vault has a private key that cannot be used: {0}")]
    Key(#[from] KeyError),
    /// The data that the plugin keeps with a session is too large. An effect may remain.
    #[error(transparent)]
    Cookie(#[from] ObjectLimit),
    /// The plugin needs a resource that the host did not lend.
    #[error(transparent)]
    MissingResource(#[from] MissingResource),
    /// An object that the store needs is missing or unfit until an operator mends it. Nothing happened.
    #[error("{what} cannot be used: {reason}")]
    NotReady {
        /// The object.
        what: &'static str,
        /// The place, the reason and the remedy, without secret content.
        reason: String,
    },
    /// An external system cannot be reached, but may be reachable later. Nothing happened.
    #[error("{what} cannot be reached at the moment")]
    Unavailable {
        /// The system.
        what: &'static str,
        /// The time to wait before the next attempt, if known.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: Option<BoxedError>,
    },
    /// The system under the store failed. An effect may remain.
    #[error("the credential store could not {what}")]
    System {
        /// The attempted action.
        what: &'static str,
        /// The cause.
        #[source]
        source: BoxedError,
    },
    /// The host got no usable answer from the plugin.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl CredentialError {
    /// Creates a [`Refused`](Self::Refused) error.
    pub fn refused(user_message: impl Into<String>, log_message: impl Into<String>) -> Self {
        Self::Refused { user_message: user_message.into(), log_message: log_message.into() }
    }

    /// Creates a [`Failed`](Self::Failed) error.
    pub fn failed(user_message: impl Into<String>, log_message: impl Into<String>) -> Self {
        Self::Failed { user_message: user_message.into(), log_message: log_message.into() }
    }

    /// Creates an [`Invalid`](Self::Invalid) error.
    pub fn invalid(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { what, reason: reason.into() }
    }

    /// Creates a [`NotReady`](Self::NotReady) error.
    pub fn not_ready(what: &'static str, reason: impl Into<String>) -> Self {
        Self::NotReady { what, reason: reason.into() }
    }

    /// Creates a [`System`](Self::System) error.
    pub fn system(what: &'static str, source: impl Into<BoxedError>) -> Self {
        Self::System { what, source: source.into() }
    }

    /// Returns the message for the user of the session: the plugin's own message, or else a sentence that reveals
    /// nothing internal.
    pub fn user_message(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Refused { user_message, .. } | Self::Failed { user_message, .. } => user_message,
            Self::Unsupported { .. } => "This credential store does not offer that.",
            Self::Invalid { .. } => return Cow::Owned(self.to_string()),
            Self::Unavailable { .. } | Self::Call(CallError::NotReopened { .. } | CallError::Busy { .. }) => {
                "The credential store cannot be reached at the moment. Please try again later."
            }
            Self::Call(CallError::DeadlineExceeded { .. }) => {
                "The credential store did not answer in time. \
                 Please contact the administrator before you try again."
            }
            Self::Text(_)
            | Self::Key(_)
            | Self::Cookie(_)
            | Self::Call(CallError::Panicked { .. } | CallError::ContractViolation { .. }) => {
                "The credential store returned a bad result. Please contact the administrator."
            }
            Self::VaultLogin(_)
            | Self::UnknownLease { .. }
            | Self::MissingResource(_)
            | Self::NotReady { .. }
            | Self::System { .. }
            | Self::Call(_) => "The credential store had an error. Please contact the administrator.",
        })
    }
}

impl PluginError for CredentialError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { .. } => ErrorKind::Denied,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Invalid { .. } | Self::MissingResource(_) => ErrorKind::Invalid,
            Self::VaultLogin(_) => ErrorKind::Unauthorized,
            Self::UnknownLease { .. } => ErrorKind::NotFound,
            Self::Unavailable { retry_after, .. } => ErrorKind::Unavailable { retry_after: *retry_after },
            Self::Failed { .. } => ErrorKind::Other,
            Self::NotReady { .. } | Self::System { .. } => ErrorKind::Internal,
            Self::Key(_) => ErrorKind::Corrupt,
            Self::Text(_) | Self::Cookie(_) => ErrorKind::ContractViolation,
            Self::Call(error) => error.kind(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Refused { .. }
            | Self::Unsupported { .. }
            | Self::Invalid { .. }
            | Self::VaultLogin(_)
            | Self::UnknownLease { .. }
            | Self::MissingResource(_)
            | Self::NotReady { .. }
            | Self::Unavailable { .. } => Effect::None,
            Self::Failed { .. } | Self::Text(_) | Self::Key(_) | Self::Cookie(_) | Self::System { .. } => {
                Effect::Unknown
            }
            Self::Call(error) => error.effect(),
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Refused { log_message, .. } | Self::Failed { log_message, .. } => log_message.clone(),
            // The messages of these errors contain their cause already.
            Self::VaultLogin(_) | Self::Key(_) => self.to_string(),
            other => with_causes(other),
        }
    }
}

#[cfg(test)]
mod tests;
