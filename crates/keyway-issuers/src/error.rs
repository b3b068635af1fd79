//! The errors of an issuer.

use std::borrow::Cow;
use std::time::Duration;

use keyway_core::{CallError, Effect, ErrorKind, MissingResource, PluginError, with_causes};

use crate::{Action, CredentialRef, Violation, Violations};

/// An error of another library, kept as the cause.
pub type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// An error of an operation of an [`Issuer`](crate::Issuer).
///
/// `Display` is for the operator, [`user_message`](Self::user_message) for the user that requested a credential, and
/// [`detail`](PluginError::detail) for the log (WaTTS seed, keys `user_msg` and `log_msg`). No variant holds a secret
/// value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// The plugin refused, with its own messages; nothing happened (WaTTS seed, result `error`).
    #[error("the plugin refused: {user_message}")]
    Refused {
        /// The message for the user.
        user_message: String,
        /// The message for the log.
        log_message: String,
    },
    /// The plugin failed, with its own messages, and says that an effect may remain (key `effect_unknown`).
    #[error("the plugin failed, and whether there was an effect is not known: {user_message}")]
    Failed {
        /// The message for the user.
        user_message: String,
        /// The message for the log.
        log_message: String,
    },
    /// The issuer does not offer the operation.
    #[error("this issuer does not offer {what}")]
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
    /// The plugin needs a resource that the host does not provide.
    #[error(transparent)]
    MissingResource(#[from] MissingResource),
    /// Something that the issuer needs is missing or unfit, and stays so until an operator repairs it; nothing
    /// happened.
    #[error("{what} cannot be used: {reason}")]
    NotReady {
        /// The missing or unfit object.
        what: &'static str,
        /// The location, the reason and the remedy, without secret content.
        reason: String,
    },
    /// An external system cannot be reached at present; nothing happened.
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
    /// A program could not be started; nothing happened.
    #[error("the program of the plugin could not be started: check its path and that it may be executed")]
    NotStarted {
        /// The cause.
        #[source]
        source: BoxedError,
    },
    /// A program was started, but its run failed.
    #[error("the program of the plugin failed: {reason}")]
    Program {
        /// The reason, without anything that the program printed.
        reason: String,
        /// The end of the program's error output, for the log.
        note: String,
        /// The cause.
        #[source]
        source: Option<BoxedError>,
    },
    /// The system under the issuer failed. An effect may remain.
    #[error("the issuer could not {what}")]
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
    /// The plugin broke the contract; the host discarded its answer.
    #[error(transparent)]
    ContractViolation(Box<ContractViolation>),
}

/// The plugin broke the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plugin broke its contract in {action}: {violations}")]
pub struct ContractViolation {
    /// The action.
    pub action: Action,
    /// The violations.
    pub violations: Violations,
    /// The reference to a credential (`state` on the wire) in the discarded answer, if any.
    ///
    /// The credential exists and must be revoked (decisions W2 and W6).
    pub orphan: Option<CredentialRef>,
    /// A further note for the log: the end of a program's error output.
    pub note: String,
}

impl IssuerError {
    /// Creates a [`Refused`](Self::Refused) error.
    pub fn refused(user_message: impl Into<String>, log_message: impl Into<String>) -> Self {
        Self::Refused { user_message: user_message.into(), log_message: log_message.into() }
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

    /// Creates a [`ContractViolation`](Self::ContractViolation) that names no credential.
    pub fn violation(action: Action, violations: impl Into<Violations>) -> Self {
        Self::ContractViolation(Box::new(ContractViolation {
            action,
            violations: violations.into(),
            orphan: None,
            note: String::new(),
        }))
    }

    /// Adds a note for the log to an error that has a field for it: a contract violation, a program that failed, or the
    /// plugin's own refusal or failure.
    #[must_use]
    pub fn with_note(mut self, text: &str) -> Self {
        match &mut self {
            Self::ContractViolation(violation) => violation.note.push_str(text),
            Self::Program { note, .. } => note.push_str(text),
            Self::Refused { log_message, .. } | Self::Failed { log_message, .. } if !text.is_empty() => {
                log_message.push_str("; ");
                log_message.push_str(text);
            }
            _ => {}
        }
        self
    }

    /// Returns the reference to a credential that the plugin made, if the host discarded the answer with this
    /// reference.
    pub fn orphan(&self) -> Option<&CredentialRef> {
        match self {
            Self::ContractViolation(violation) => violation.orphan.as_ref(),
            _ => None,
        }
    }

    /// Returns the violations, if the plugin broke its contract.
    pub fn violations(&self) -> &[Violation] {
        match self {
            Self::ContractViolation(violation) => violation.violations.as_slice(),
            _ => &[],
        }
    }

    /// Returns the message for the user that requested a credential: the plugin's own message, or otherwise a sentence
    /// that reveals nothing internal.
    pub fn user_message(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Refused { user_message, .. } | Self::Failed { user_message, .. } => user_message,
            Self::Unsupported { .. } => "This service does not offer that.",
            Self::Invalid { .. } => return Cow::Owned(self.to_string()),
            Self::Unavailable { .. } | Self::Call(CallError::NotReopened { .. } | CallError::Busy { .. }) => {
                "The service cannot be reached at the moment. Please try again later."
            }
            Self::Call(CallError::DeadlineExceeded { .. }) => {
                "The service did not answer in time. Please contact the administrator before you try again."
            }
            Self::ContractViolation(_)
            | Self::Call(CallError::Panicked { .. } | CallError::ContractViolation { .. }) => {
                "The service returned a bad result. Please contact the administrator."
            }
            Self::MissingResource(_)
            | Self::NotReady { .. }
            | Self::NotStarted { .. }
            | Self::Program { .. }
            | Self::System { .. }
            | Self::Call(_) => "The service had an error. Please contact the administrator.",
        })
    }
}

impl PluginError for IssuerError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { .. } => ErrorKind::Denied,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Invalid { .. } | Self::MissingResource(_) => ErrorKind::Invalid,
            Self::Unavailable { retry_after, .. } => ErrorKind::Unavailable { retry_after: *retry_after },
            Self::Failed { .. } | Self::NotStarted { .. } | Self::Program { .. } => ErrorKind::Program,
            Self::NotReady { .. } | Self::System { .. } => ErrorKind::Internal,
            Self::ContractViolation(_) => ErrorKind::ContractViolation,
            Self::Call(error) => error.kind(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Refused { .. }
            | Self::Unsupported { .. }
            | Self::Invalid { .. }
            | Self::MissingResource(_)
            | Self::NotReady { .. }
            | Self::Unavailable { .. }
            | Self::NotStarted { .. } => Effect::None,
            Self::Failed { .. } | Self::Program { .. } | Self::System { .. } | Self::ContractViolation(_) => {
                Effect::Unknown
            }
            Self::Call(error) => error.effect(),
        }
    }

    fn detail(&self) -> String {
        let mut text = match self {
            Self::Refused { log_message, .. } | Self::Failed { log_message, .. } => {
                return log_message.clone();
            }
            other => with_causes(other),
        };
        let note = match self {
            Self::ContractViolation(violation) => violation.note.as_str(),
            Self::Program { note, .. } => note,
            _ => "",
        };
        if !note.is_empty() {
            text.push_str("; it wrote: ");
            text.push_str(note);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rule;

    fn every_error() -> Vec<IssuerError> {
        vec![
            IssuerError::refused("sorry", "denied joe"),
            IssuerError::Failed { user_message: "oh".into(), log_message: "disk full".into() },
            IssuerError::Unsupported { what: "reconcile" },
            IssuerError::invalid("the parameter pub_key", "it is not a public key"),
            IssuerError::Unavailable { what: "the cluster", retry_after: None, source: None },
            IssuerError::not_ready("the key", "there is no such file /etc/ca"),
            IssuerError::NotStarted { source: "no such file".into() },
            IssuerError::Program { reason: "it was killed".into(), note: String::new(), source: None },
            IssuerError::system("write the file", std::io::Error::other("disk full")),
            CallError::DeadlineExceeded { operation: "request", deadline: Duration::from_secs(30) }.into(),
            CallError::Panicked { operation: "request" }.into(),
            IssuerError::violation(Action::Request, Violation::new("state", Rule::Missing)),
            CallError::Quarantined { operation: "revoke" }.into(),
        ]
    }

    #[test]
    fn users_and_logs_are_told_different_things() {
        for error in every_error() {
            let (user, log) = (error.user_message().into_owned(), error.detail());
            assert!(!user.is_empty() && !log.is_empty(), "{error:?}");
            let inside = ["disk full", "no such file", "killed", "state", "denied joe"];
            assert!(!inside.iter().any(|word| user.contains(word)), "{user}");
        }
        let log = IssuerError::system("write the file", std::io::Error::other("disk full")).detail();
        assert_eq!(log, "the issuer could not write the file: disk full");
    }

    #[test]
    fn a_note_reaches_the_log_and_never_the_user() {
        for error in every_error() {
            let noted = error.with_note("segmentation fault");
            let keeps = matches!(
                noted,
                IssuerError::Refused { .. }
                    | IssuerError::Failed { .. }
                    | IssuerError::Program { .. }
                    | IssuerError::ContractViolation(_)
            );
            assert_eq!(noted.detail().contains("segmentation fault"), keeps, "{noted:?}");
            assert!(!noted.user_message().contains("segmentation fault"));
            assert!(!noted.to_string().contains("segmentation fault"));
        }
    }

    #[test]
    fn an_effect_is_ruled_out_only_where_that_is_certain() {
        let uncertain: Vec<_> =
            every_error().into_iter().filter(|error| error.effect() == Effect::Unknown).collect();
        assert_eq!(uncertain.len(), 6, "{uncertain:?}");
        assert!(uncertain.iter().all(|error| !error.kind().is_retryable()));
    }

    #[test]
    fn many_violations_are_cut_short() {
        let found =
            (0..200).map(|index| Violation::new(format!("credential[{index}]"), Rule::Missing)).collect();
        let violations = Violations::none_or(found, ()).unwrap_err();
        let error = IssuerError::violation(Action::Request, violations);
        assert!(error.to_string().ends_with("; and 190 more"), "{error}");
        assert_eq!(error.violations().len(), 200);
    }
}
