//! The errors of a certificate authority.

use std::borrow::Cow;
use std::time::Duration;

use keyway_core::json::ObjectLimit;
use keyway_core::{
    CallError, Effect, ErrorKind, InvalidText, MissingResource, PluginError, SystemFault, with_causes,
};

use crate::{CaId, MetadataError};

/// An error from outside, kept as the cause.
pub type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// An error of an operation of a [`CertificateAuthority`](crate::CertificateAuthority).
///
/// An error of a call for an order ends the order as failed, unless the call may have left an effect or can be tried
/// again. So a plugin returns an [`OrderOutcome`](crate::OrderOutcome) instead wherever one fits, above all
/// [`CaUnavailable`](crate::OrderOutcome::CaUnavailable) (seed, "Barbican Core Plugin Sequence"; decision B6).
///
/// `Display` is for the operator, [`client_message`](Self::client_message) for the client of the order, and
/// [`detail`](PluginError::detail) for the log. No variant holds a secret value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The plugin refused, with messages of its own. Nothing happened.
    #[error("the plugin refused: {client_message}")]
    Refused {
        /// The message for the client.
        client_message: String,
        /// The message for the log.
        log_message: String,
    },
    /// The plugin failed, with messages of its own, and reports that an effect may remain.
    #[error("the plugin failed, and whether there was an effect is not known: {client_message}")]
    Failed {
        /// The message for the client.
        client_message: String,
        /// The message for the log.
        log_message: String,
    },
    /// The authority does not offer the operation.
    #[error("this certificate authority does not offer {what}")]
    Unsupported {
        /// The operation or option that is missing.
        what: &'static str,
    },
    /// An argument is not acceptable; nothing happened.
    #[error("{what} is not acceptable: {reason}")]
    Invalid {
        /// The argument.
        what: &'static str,
        /// The reason, without the value.
        reason: String,
    },
    /// A field of the order's metadata is not acceptable; nothing happened.
    ///
    /// The operator `?` converts a [`MetadataError`] to this variant, so read the fields before the first call that has
    /// an effect.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The plugin has no certificate authority with this id; nothing happened.
    #[error("the plugin has no certificate authority \"{}\": list its authorities again", ca.as_str().escape_debug())]
    UnknownCa {
        /// The id.
        ca: CaId,
    },
    /// A text that the plugin got or made does not have the form of its type. An effect may remain.
    #[error(transparent)]
    Text(#[from] InvalidText),
    /// The data that the plugin keeps with an order exceed the limits. An effect may remain.
    #[error(transparent)]
    PluginMeta(#[from] ObjectLimit),
    /// The plugin needs a resource that the host did not pass to it.
    #[error(transparent)]
    MissingResource(#[from] MissingResource),
    /// An object that the authority needs is missing or cannot be used, until an operator repairs it. Nothing happened.
    #[error("{what} cannot be used: {reason}")]
    NotReady {
        /// The object that is needed.
        what: &'static str,
        /// The place, the reason and the remedy, without secret content.
        reason: String,
    },
    /// A system outside cannot be reached at the moment, and a later attempt may succeed. Nothing happened.
    #[error("{what} cannot be reached at the moment")]
    Unavailable {
        /// The system.
        what: &'static str,
        /// The time to wait, if known.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: Option<BoxedError>,
    },
    /// The system under the authority failed. An effect may remain.
    #[error("the certificate authority could not {what}")]
    System {
        /// The attempted action.
        what: &'static str,
        /// The cause.
        #[source]
        source: BoxedError,
    },
    /// The host has no usable answer of the plugin.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl CertificateError {
    /// Creates a [`Refused`](Self::Refused) error.
    pub fn refused(client_message: impl Into<String>, log_message: impl Into<String>) -> Self {
        Self::Refused { client_message: client_message.into(), log_message: log_message.into() }
    }

    /// Creates a [`Failed`](Self::Failed) error.
    pub fn failed(client_message: impl Into<String>, log_message: impl Into<String>) -> Self {
        Self::Failed { client_message: client_message.into(), log_message: log_message.into() }
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

    /// Creates the error of an authority whose own system failed, such as its storage engine. `what` names the system.
    ///
    /// A temporary failure without an effect becomes [`Unavailable`](Self::Unavailable), so a full disk makes an order
    /// wait for space instead of failing it. Damage becomes [`NotReady`](Self::NotReady). A failure that may have left
    /// an effect becomes [`System`](Self::System).
    pub fn of_system(what: &'static str, error: impl PluginError) -> Self {
        match SystemFault::of(&error) {
            SystemFault::Passing { retry_after } => {
                Self::Unavailable { what, retry_after, source: Some(Box::new(error)) }
            }
            SystemFault::Lasting => Self::not_ready(what, error.to_string()),
            _ => Self::system("use a system that it needs", error),
        }
    }

    /// Returns the message for the client of the order. It is the plugin's own message, or else a sentence that reveals
    /// nothing internal.
    pub fn client_message(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Refused { client_message, .. } | Self::Failed { client_message, .. } => client_message,
            Self::Unsupported { .. } => "This certificate authority does not offer that.",
            Self::Invalid { .. } | Self::Metadata(_) | Self::UnknownCa { .. } => {
                return Cow::Owned(self.to_string());
            }
            Self::Unavailable { .. } | Self::Call(CallError::NotReopened { .. } | CallError::Busy { .. }) => {
                "The certificate authority cannot be reached at the moment. Please try again later."
            }
            Self::Call(CallError::DeadlineExceeded { .. }) => {
                "The certificate authority did not answer in time. \
                 Please contact the administrator before you try again."
            }
            Self::PluginMeta(_)
            | Self::Text(_)
            | Self::Call(CallError::Panicked { .. } | CallError::ContractViolation { .. }) => {
                "The certificate authority returned a bad result. Please contact the administrator."
            }
            Self::MissingResource(_) | Self::NotReady { .. } | Self::System { .. } | Self::Call(_) => {
                "The certificate authority had an error. Please contact the administrator."
            }
        })
    }
}

impl PluginError for CertificateError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { .. } => ErrorKind::Denied,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Invalid { .. } | Self::Metadata(_) | Self::MissingResource(_) => ErrorKind::Invalid,
            Self::UnknownCa { .. } => ErrorKind::NotFound,
            Self::Unavailable { retry_after, .. } => ErrorKind::Unavailable { retry_after: *retry_after },
            Self::Failed { .. } => ErrorKind::Other,
            Self::NotReady { .. } | Self::System { .. } => ErrorKind::Internal,
            Self::Text(_) | Self::PluginMeta(_) => ErrorKind::ContractViolation,
            Self::Call(error) => error.kind(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Refused { .. }
            | Self::Unsupported { .. }
            | Self::Invalid { .. }
            | Self::Metadata(_)
            | Self::UnknownCa { .. }
            | Self::MissingResource(_)
            | Self::NotReady { .. }
            | Self::Unavailable { .. } => Effect::None,
            Self::Failed { .. } | Self::Text(_) | Self::PluginMeta(_) | Self::System { .. } => {
                Effect::Unknown
            }
            Self::Call(error) => error.effect(),
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Refused { log_message, .. } | Self::Failed { log_message, .. } => log_message.clone(),
            other => with_causes(other),
        }
    }
}

#[cfg(test)]
mod tests;
