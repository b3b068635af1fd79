//! Check-ins: the request, the reason, the answer, and the trigger.

use std::collections::BTreeMap;
use std::str::FromStr;

use keyway_core::IntentId;

use crate::{Candidate, Holder, Lease, SessionContext};

/// The request to check in a lease (seed, `do_check_in_credential`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckIn {
    /// The id of the intended check-in. If the host repeats the request, it sends the same id.
    pub intent: IntentId,
    /// The lease.
    pub lease: Lease,
    /// The account and the asset of the check-out. The session may have tried other candidates after this check-out.
    pub candidate: Candidate,
    /// The session. Its connection contains the user's login only if the host decides to pass the login on (decision
    /// S6).
    pub session: SessionContext,
    /// The reason.
    pub reason: CheckInReason,
}

impl CheckIn {
    /// Creates a request.
    pub const fn new(
        intent: IntentId,
        lease: Lease,
        candidate: Candidate,
        session: SessionContext,
        reason: CheckInReason,
    ) -> Self {
        Self { intent, lease, candidate, session, reason }
    }
}

/// The reason for a check-in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CheckInReason {
    /// The credentials opened the target, and the session is done with them.
    Used,
    /// The target did not accept the credentials.
    AuthenticationFailed,
    /// The credentials were never tried.
    Unused,
    /// The lease is about to end, or has ended.
    Expired,
    /// The host died while the session held the credentials, and was started again.
    HostLost,
    /// An operator took the credentials back.
    Forced {
        /// The operator.
        by: Holder,
    },
}

/// The answer to a check-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CheckedIn {
    /// The credentials after the check-in.
    pub rotation: Rotation,
}

impl CheckedIn {
    /// Creates an answer.
    pub const fn new(rotation: Rotation) -> Self {
        Self { rotation }
    }
}

/// The effect of the check-in on the credentials: the vault may change them (decision S10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rotation {
    /// The credentials stay as they are.
    #[default]
    NotRotated,
    /// The credentials are changed.
    Rotated,
    /// The credentials will be changed later.
    Scheduled,
    /// The change failed: the target accepts neither the old credentials nor the new ones. The store gives the
    /// credentials to no session until an operator repairs them.
    Diverged,
}

/// The moment at which the host checks in credentials that the target accepted (decision S3).
///
/// The trigger does not affect credentials that the target has not accepted. The host checks in such credentials before
/// the next fetch, or at the end of the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CheckInTrigger {
    /// When the authentication at the target has succeeded. This is the default of the seed.
    #[default]
    AfterAuthentication,
    /// When the session ends. This is the default of later versions of the upstream system.
    AtSessionEnd,
}

impl CheckInTrigger {
    /// Returns the word that stands for the trigger in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AfterAuthentication => "authentication-completed",
            Self::AtSessionEnd => "session-ended",
        }
    }
}

/// Parses the word of the configuration. Case does not matter.
impl FromStr for CheckInTrigger {
    type Err = UnknownTrigger;

    fn from_str(word: &str) -> Result<Self, UnknownTrigger> {
        let all = [Self::AfterAuthentication, Self::AtSessionEnd];
        all.into_iter().find(|trigger| word.eq_ignore_ascii_case(trigger.as_str())).ok_or(UnknownTrigger)
    }
}

/// The error for a word that names no [`CheckInTrigger`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a check-in trigger must be \"authentication-completed\" or \"session-ended\"")]
pub struct UnknownTrigger;

/// The check-in triggers of each protocol (upstream's section `check-in-trigger`).
///
/// ```
/// use keyway_credentials::{CheckInTrigger, CheckInTriggers};
///
/// let triggers = CheckInTriggers::new(CheckInTrigger::AfterAuthentication)
///     .with_protocol("rdp", "session-ended".parse()?);
/// assert_eq!(triggers.of(Some("RDP")), CheckInTrigger::AtSessionEnd);
/// assert_eq!(triggers.of(Some("ssh")), CheckInTrigger::AfterAuthentication);
/// assert_eq!(triggers.of(None), CheckInTrigger::AfterAuthentication);
/// # Ok::<(), keyway_credentials::UnknownTrigger>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckInTriggers {
    otherwise: CheckInTrigger,
    by_protocol: BTreeMap<String, CheckInTrigger>,
}

impl CheckInTriggers {
    /// Creates triggers that are the same for all protocols.
    pub const fn new(otherwise: CheckInTrigger) -> Self {
        Self { otherwise, by_protocol: BTreeMap::new() }
    }

    /// Sets the trigger of a protocol. The case of the protocol's name does not matter.
    #[must_use]
    pub fn with_protocol(mut self, protocol: &str, trigger: CheckInTrigger) -> Self {
        self.by_protocol.insert(protocol.to_lowercase(), trigger);
        self
    }

    /// Returns the trigger of a protocol.
    pub fn of(&self, protocol: Option<&str>) -> CheckInTrigger {
        let own = protocol.and_then(|protocol| self.by_protocol.get(&protocol.to_lowercase()));
        own.copied().unwrap_or(self.otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_upstream_system() {
        for trigger in [CheckInTrigger::AfterAuthentication, CheckInTrigger::AtSessionEnd] {
            assert_eq!(trigger.as_str().to_uppercase().parse(), Ok(trigger));
            assert!(UnknownTrigger.to_string().contains(trigger.as_str()));
        }
        for other in ["", " session-ended", "session_ended", "never"] {
            assert_eq!(other.parse::<CheckInTrigger>(), Err(UnknownTrigger), "{other:?}");
        }
        assert_eq!(CheckInTriggers::default().of(Some("ssh")), CheckInTrigger::AfterAuthentication);
    }
}
