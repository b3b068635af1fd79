//! Defines the errors of sessions.

use std::borrow::Cow;

use keyway_core::{Effect, ErrorKind, PluginError};
use keyway_credentials::{CredentialError, CredentialKind, CredentialStoreName, Holder};

use super::machine::TransitionError;
use super::vault::VaultFault;
use super::workflow::SessionWorkflow;
use crate::records::RecordError;
use crate::work::Failed;

/// Explains why a session got no credentials, or which call is tried again.
///
/// `Display` is for the operator, [`user_message`](Self::user_message) for the user of the session, and
/// [`detail`](PluginError::detail) for the log. None of them holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionsError {
    /// The call does not fit the session.
    #[error(transparent)]
    Refused(#[from] TransitionError),
    /// The host has no vault of this name.
    #[error("there is no vault \"{name}\": add it to the host")]
    NoVault {
        /// The name.
        name: CredentialStoreName,
    },
    /// The connection to the vault does not work.
    #[error("the vault \"{name}\" cannot be used: {fault}")]
    Fault {
        /// The name of the vault.
        name: CredentialStoreName,
        /// The reason.
        #[source]
        fault: VaultFault,
    },
    /// The store has no credentials of this kind.
    #[error("the vault \"{name}\" has no {kind:?}")]
    NoSuchKind {
        /// The name of the vault.
        name: CredentialStoreName,
        /// The kind.
        kind: CredentialKind,
    },
    /// The host demands the user's reason for a check-out, or a ticket.
    #[error("a fetch needs {what}: ask the user for it")]
    Demanded {
        /// The text that is missing.
        what: &'static str,
    },
    /// A text of the session is too large for its record (decision R8). No store was asked.
    #[error("{what} may have {limit} bytes at most")]
    TooLarge {
        /// The text that is too large.
        what: &'static str,
        /// The maximum size in bytes.
        limit: usize,
    },
    /// A JSON value of the session nests too deep for its record. No store was asked.
    #[error("{what} may nest {levels} levels at most")]
    TooDeep {
        /// The value that nests too deep.
        what: &'static str,
        /// The maximum number of levels.
        levels: usize,
    },
    /// An operator has locked new check-outs. No store was asked.
    #[error("new check-outs are locked by {by}: {reason}")]
    Locked {
        /// The operator.
        by: Holder,
        /// The operator's reason.
        reason: String,
    },
    /// The store failed. The host repeats the calls that it owes the store; for a fetch, see
    /// [`effect`](PluginError::effect).
    #[error("the vault \"{name}\" failed at {call}: {error}")]
    Store {
        /// The name of the vault.
        name: CredentialStoreName,
        /// The call.
        call: &'static str,
        /// The plugin's error.
        #[source]
        error: CredentialError,
    },
    /// The session ended, or another host took over its record, while the store was asked. The new check-out is checked
    /// in.
    #[error("the session was settled while the vault was asked; its check-out is checked in")]
    Overtaken,
    /// The host's own records failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl SessionsError {
    /// Returns the message for the user of the session. It reveals nothing internal.
    pub fn user_message(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Store { error, .. } => return error.user_message(),
            Self::Demanded { what } => return Cow::Owned(format!("Please give {what}.")),
            Self::TooLarge { .. } | Self::TooDeep { .. } => return Cow::Owned(self.to_string()),
            Self::Locked { .. } => "New sessions are locked by an operator.",
            Self::Refused(TransitionError::InFlight) | Self::Overtaken => "Please try again in a moment.",
            _ => "There was an error. Please contact the administrator.",
        })
    }
}

impl From<Failed<SessionWorkflow>> for SessionsError {
    fn from(failed: Failed<SessionWorkflow>) -> Self {
        // A session's record is not counted, so it meets no limit.
        failed.into_failure(TransitionError::TooMany)
    }
}

impl PluginError for SessionsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(refusal) => match refusal {
                TransitionError::NoSession | TransitionError::NoCheckOut => ErrorKind::NotFound,
                TransitionError::Repeated => ErrorKind::AlreadyExists,
                TransitionError::Ended
                | TransitionError::InFlight
                | TransitionError::TooMany
                | TransitionError::Unsettled => ErrorKind::Conflict,
            },
            Self::NoVault { .. } => ErrorKind::NotFound,
            Self::Fault { .. } => ErrorKind::Unavailable { retry_after: None },
            Self::NoSuchKind { .. } => ErrorKind::Unsupported,
            Self::Demanded { .. } | Self::TooLarge { .. } | Self::TooDeep { .. } => ErrorKind::Invalid,
            Self::Locked { .. } => ErrorKind::Denied,
            Self::Store { error, .. } => error.kind(),
            Self::Overtaken => ErrorKind::Conflict,
            Self::Record(error) => error.kind(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Store { error, .. } => error.effect(),
            Self::Record(error) => error.effect(),
            _ => Effect::None,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Store { name, call, error } => {
                format!("the vault {name} failed at {call}: {}", error.detail())
            }
            Self::Record(error) => error.detail(),
            other => other.to_string(),
        }
    }
}
