//! The kinds of failure that every contract shares.

use std::time::Duration;

/// Classifies a failure by what a caller does about it.
///
/// Every error of every contract maps to one through [`PluginError::kind`], so a host decides whether to
/// try again, to ask the user or to give up without knowing the contract. The words of the Locker seed's
/// error table belong to keyway-client (decision R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's credentials were not accepted.
    Unauthorized,
    /// The caller is known, and not permitted to do this.
    Denied,
    /// Too many requests; try again after the given time, if one is known.
    RateLimited {
        /// The time to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The requested object does not exist.
    NotFound,
    /// The object to be created exists already.
    AlreadyExists,
    /// Another writer changed the object first; read it again and decide again.
    Conflict,
    /// The object was deleted or is being deleted; a handle to it is useless now.
    Deleted,
    /// An argument is not acceptable; the error names it and the reason.
    Invalid,
    /// This plugin or engine does not offer the operation; another one may.
    Unsupported,
    /// A system outside cannot be reached at the moment; try again.
    Unavailable {
        /// The time to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The data was written by a plugin or a version that the running one must not read.
    Incompatible,
    /// None of the available keys opens the data.
    WrongKey,
    /// The data is damaged, truncated or was tampered with.
    Corrupt,
    /// A deadline passed, and the effect may have happened.
    DeadlineExceeded,
    /// The effect may have happened, and a person must decide.
    Indeterminate,
    /// The plugin broke its contract: it panicked or returned a forbidden answer.
    ContractViolation,
    /// An external program could not be run, or broke off.
    Program,
    /// The system around the plugin failed: a disk, a thread, the random source.
    Internal,
    /// None of the other kinds.
    Other,
}

impl ErrorKind {
    /// Names the kind for programs and logs. The name of a kind never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Denied => "denied",
            Self::RateLimited { .. } => "rate_limited",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::Deleted => "deleted",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::Unavailable { .. } => "unavailable",
            Self::Incompatible => "incompatible",
            Self::WrongKey => "wrong_key",
            Self::Corrupt => "corrupt",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Indeterminate => "indeterminate",
            Self::ContractViolation => "contract_violation",
            Self::Program => "program",
            Self::Internal => "internal",
            Self::Other => "other",
        }
    }

    /// Tells whether the same call, unchanged, may succeed later.
    ///
    /// It is `false` for [`Conflict`](Self::Conflict), because the caller has to read again first,
    /// and for [`DeadlineExceeded`](Self::DeadlineExceeded), because the effect may have happened.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }

    /// Returns the time to wait before the next attempt, if the failing side named one.
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after } => retry_after,
            _ => None,
        }
    }
}

/// The possible effect of a call that failed.
///
/// See decision R7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing happened: the same call can be made again.
    None,
    /// The effect is unknown: check before making the call again.
    Unknown,
}

/// Tells what the failure of a system that a plugin needs, such as its storage engine, means for the plugin's call.
///
/// The contracts' errors follow from it (decision H128).
///
/// ```
/// use keyway_core::{CallError, SystemFault};
/// use std::time::Duration;
///
/// let late = CallError::DeadlineExceeded { operation: "issue", deadline: Duration::from_secs(1) };
/// assert_eq!(SystemFault::of(&late), SystemFault::Unsettled);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SystemFault {
    /// Nothing happened, and the failure may pass: a full disk, a lost handle. The call can be made again.
    Passing {
        /// The time to wait before that, if the system named one.
        retry_after: Option<Duration>,
    },
    /// Nothing happened, and the failure stays until an operator acts: damaged data, a wrong key.
    Lasting,
    /// An effect may remain.
    Unsettled,
}

impl SystemFault {
    /// Classes the failure of a system.
    pub fn of(error: &dyn PluginError) -> Self {
        match (error.effect(), error.kind()) {
            (Effect::Unknown, _) => Self::Unsettled,
            (Effect::None, ErrorKind::Unavailable { retry_after }) => Self::Passing { retry_after },
            (Effect::None, ErrorKind::Internal | ErrorKind::Deleted) => Self::Passing { retry_after: None },
            (Effect::None, _) => Self::Lasting,
        }
    }
}

/// The common interface of the errors of every contract.
///
/// `Display` is the message for the user: the failure and its remedy. [`detail`](Self::detail) is
/// for the log (WaTTS seed: a user message and a log message). Neither ever holds a secret value.
pub trait PluginError: std::error::Error + Send + Sync + 'static {
    /// Returns the kind of failure.
    fn kind(&self) -> ErrorKind;

    /// Returns the possible effect of the failed call.
    fn effect(&self) -> Effect;

    /// Returns the text for the log: the error and its sources in one line.
    fn detail(&self) -> String {
        let mut text = self.to_string();
        push_causes(&mut text, self.source());
        text
    }
}

/// Returns an error and its sources in one line, for an error that overrides
/// [`detail`](PluginError::detail) for some of its variants.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    push_causes(&mut text, error.source());
    text
}

fn push_causes(text: &mut String, mut source: Option<&(dyn std::error::Error + 'static)>) {
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
