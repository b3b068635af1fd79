//! The kinds of failure that every contract shares.

use std::fmt::{self, Write as _};
use std::time::Duration;

/// The kind of a failure, which tells a caller how to react.
///
/// Every error of every contract has a kind, which [`PluginError::kind`] returns. So a host can decide whether to try
/// again, to ask the user or to give up, without knowledge of the contract. The texts of the Locker seed's error table
/// are in keyway-client (decision R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's credentials were not accepted.
    Unauthorized,
    /// The caller is known, but not permitted to do this.
    Denied,
    /// Too many requests. Try again after the given time, if there is one.
    RateLimited {
        /// The time to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The requested object does not exist.
    NotFound,
    /// The object to be created exists already.
    AlreadyExists,
    /// Another writer changed the object first. Read the object again, and decide again.
    Conflict,
    /// The object was deleted or is being deleted, so a handle to it is useless.
    Deleted,
    /// An argument is not acceptable. The error names the argument and the reason.
    Invalid,
    /// This plugin or engine does not offer the operation, but another plugin or engine may.
    Unsupported,
    /// An external system cannot be reached at the moment. Try again.
    Unavailable {
        /// The time to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The data was written by a plugin or a version whose data the running plugin must not read.
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
    /// An external program could not be run, or ended too early.
    Program,
    /// The local system failed: a disk, a thread, or the random source.
    Internal,
    /// None of the other kinds.
    Other,
}

impl ErrorKind {
    /// Returns the kind's name for programs and logs. The name of a kind never changes.
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
    /// Returns `false` for [`Conflict`](Self::Conflict), because the caller must first read the object again, and for
    /// [`DeadlineExceeded`](Self::DeadlineExceeded), because the effect may have happened.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }

    /// Returns the time to wait before the next attempt, if the error contains one.
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after } => retry_after,
            _ => None,
        }
    }
}

/// Whether a failed call may have had an effect.
///
/// See decision R7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing happened: the same call can be made again.
    None,
    /// The effect is unknown: check before making the call again.
    Unknown,
}

/// The class of a failure of a system that a plugin needs, such as its storage engine. The class tells what the failure
/// means for the call to the plugin.
///
/// Each contract derives its own error from this value (decision H128).
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
    /// Nothing happened, and the failure is temporary, for example a full disk or a lost handle. The call can be made
    /// again.
    Passing {
        /// The time to wait before the next attempt, if the system named one.
        retry_after: Option<Duration>,
    },
    /// Nothing happened, and the failure stays until an operator acts, for example damaged data or a wrong key.
    Lasting,
    /// The effect is unknown, so something may remain.
    Unsettled,
}

impl SystemFault {
    /// Classifies the failure of a system.
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
/// `Display` is the message for the user: the failure and its remedy. [`detail`](Self::detail) is the message for the
/// log (the WaTTS seed has both). Neither message ever contains a secret value.
pub trait PluginError: std::error::Error + Send + Sync + 'static {
    /// Returns the kind of failure.
    fn kind(&self) -> ErrorKind;

    /// Returns whether the failed call may have had an effect.
    fn effect(&self) -> Effect;

    /// Returns the text for the log: the error and its sources in one line. A long text of the sources is cut.
    fn detail(&self) -> String {
        let mut text = self.to_string();
        push_causes(&mut text, self.source());
        text
    }
}

/// Formats an error and its sources in one line, and cuts a long text of the sources. This function is for errors that
/// override [`detail`](PluginError::detail) only for some of their variants.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    push_causes(&mut text, error.source());
    text
}

/// The maximum number of causes in a text. A cause is foreign code, and may name itself as its cause.
const MAX_CAUSES: usize = 32;
/// The maximum size of the causes in a text, in bytes.
const MAX_CAUSE_BYTES: usize = 16 << 10;

fn push_causes(text: &mut String, source: Option<&(dyn std::error::Error + 'static)>) {
    let mut text = Limited { text, left: MAX_CAUSE_BYTES };
    let causes = std::iter::successors(source, |cause| cause.source());
    for cause in causes.take(MAX_CAUSES) {
        if write!(text, ": {cause}").is_err() {
            return;
        }
    }
}

/// A text that takes a limited number of bytes, and then ends the writing.
struct Limited<'a> {
    text: &'a mut String,
    left: usize,
}

impl fmt::Write for Limited<'_> {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let fits = &more[..more.floor_char_boundary(self.left)];
        self.text.push_str(fits);
        self.left -= fits.len();
        if fits.len() == more.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names itself as its cause.
    #[derive(Debug)]
    struct Endless(&'static str);

    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Endless {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(self)
        }
    }

    #[test]
    fn causes_without_end_are_cut() {
        let few = with_causes(&Endless("disk full"));
        assert_eq!(few, vec!["disk full"; MAX_CAUSES + 1].join(": "));
        let long: &'static str = Box::leak("é".repeat(10_000).into_boxed_str());
        let text = with_causes(&Endless(long));
        assert!(text.len() - long.len() <= MAX_CAUSE_BYTES, "{}", text.len());
        assert!(text.len() - long.len() > MAX_CAUSE_BYTES - 2, "{}", text.len());
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
