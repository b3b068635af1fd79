//! Errors of a host's call to a plugin.

use std::time::Duration;

use crate::{Effect, ErrorKind, PluginError};

/// The reason why the host cannot use the result of a call.
///
/// See decision R7.
///
/// The error of every contract converts from this type, so that a deadline or a panic has the same message in every
/// contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The deadline passed. The call was cancelled, and may have taken effect.
    #[error("{operation} did not answer within {deadline:?}; whether it took effect is not known")]
    DeadlineExceeded {
        /// The name of the operation.
        operation: &'static str,
        /// The time limit of the call.
        deadline: Duration,
    },
    /// The plugin was not called, because an earlier call to it still hangs.
    ///
    /// Until that call ends, or the process ends, the plugin is in quarantine for this store or service. Opening the
    /// store or service again does not end the quarantine.
    #[error(
        "the plugin is not called, because {operation} hangs: it is called again when that call has ended"
    )]
    Quarantined {
        /// The name of the operation that hangs.
        operation: &'static str,
    },
    /// The plugin was not called, because earlier calls of it kept all threads on which it may block.
    #[error(
        "{operation} was not called, because earlier calls kept the plugin busy for {waited:?}: try again later"
    )]
    Busy {
        /// The name of the operation.
        operation: &'static str,
        /// How long the call waited.
        waited: Duration,
    },
    /// The plugin panicked. The panic message is not kept, since it may contain a secret.
    #[error("the plugin broke its contract in {operation}: it panicked")]
    Panicked {
        /// The name of the operation.
        operation: &'static str,
    },
    /// The plugin returned an answer that its contract forbids. The answer was discarded.
    #[error("the plugin broke its contract in {operation}: {violation}")]
    ContractViolation {
        /// The name of the operation.
        operation: &'static str,
        /// The rule that the answer breaks, without secret content.
        violation: String,
    },
    /// The plugin was not called: it panicked in an earlier call, and could not be opened again.
    #[error("the plugin panicked and could not be opened again ({reason}): try again later")]
    NotReopened {
        /// The time after which a call tries again to open the plugin.
        retry_after: Duration,
        /// The reason why the plugin could not be opened, without secret content.
        reason: String,
    },
    /// The plugin was not called, because no tokio runtime is running.
    #[error("there is no tokio runtime to call the plugin on: call it from a task")]
    NoRuntime,
}

impl CallError {
    /// Makes a [`ContractViolation`](Self::ContractViolation).
    pub fn violation(operation: &'static str, violation: impl Into<String>) -> Self {
        Self::ContractViolation { operation, violation: violation.into() }
    }
}

impl PluginError for CallError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::DeadlineExceeded { .. } => ErrorKind::DeadlineExceeded,
            Self::Quarantined { .. } | Self::Busy { .. } => ErrorKind::Unavailable { retry_after: None },
            Self::Panicked { .. } | Self::ContractViolation { .. } => ErrorKind::ContractViolation,
            Self::NotReopened { retry_after, .. } => {
                ErrorKind::Unavailable { retry_after: Some(*retry_after) }
            }
            Self::NoRuntime => ErrorKind::Internal,
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::DeadlineExceeded { .. } | Self::Panicked { .. } | Self::ContractViolation { .. } => {
                Effect::Unknown
            }
            Self::Quarantined { .. } | Self::Busy { .. } | Self::NotReopened { .. } | Self::NoRuntime => {
                Effect::None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_was_not_called_left_no_effect() {
        let (operation, deadline) = ("get", Duration::from_secs(30));
        let retry_after = Duration::from_secs(1);
        let rows = [
            (CallError::DeadlineExceeded { operation, deadline }, Effect::Unknown, "deadline_exceeded"),
            (CallError::Panicked { operation }, Effect::Unknown, "contract_violation"),
            (CallError::violation(operation, "it is empty"), Effect::Unknown, "contract_violation"),
            (CallError::Quarantined { operation }, Effect::None, "unavailable"),
            (CallError::Busy { operation, waited: deadline }, Effect::None, "unavailable"),
            (CallError::NotReopened { retry_after, reason: String::new() }, Effect::None, "unavailable"),
            (CallError::NoRuntime, Effect::None, "internal"),
        ];
        for (error, effect, code) in rows {
            assert_eq!((error.effect(), error.kind().code()), (effect, code), "{error}");
        }
    }
}
