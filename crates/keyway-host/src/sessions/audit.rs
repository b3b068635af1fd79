//! The audit of sessions: reports each transition, without a secret.

use std::fmt;

use keyway_credentials::{
    Candidate, CheckInReason, CredentialKind, CredentialStoreName, Holder, LeaseId, Rotation, SessionId,
};

use super::machine::{Event, Told, What};
use super::record::SessionAtStore;
use super::state::{CheckOut, Stage};
use super::verifying::VerifiedAccount;

/// Receives a report of each transition of a session.
///
/// The host calls the audit after a transition is stored, and keeps no log of its own: the audit writes the reports to
/// the log that the operator reads. It should be quick, because the caller of the session waits for it. A panic of the
/// audit is caught. A closure can be the audit:
///
/// ```
/// use keyway_host::sessions::{SessionAudit, Transition};
///
/// fn is_one(audit: impl SessionAudit) {}
/// is_one(|transition: &Transition<'_>| println!("{transition}"));
/// ```
pub trait SessionAudit: Send + Sync {
    /// Receives the report of a transition. The function must not block.
    fn happened(&self, transition: &Transition<'_>);

    /// Receives the result of a [scheduled](super::Vault::verify_every) verification. The function must not block. The
    /// default does nothing.
    fn verified(&self, account: &VerifiedAccount<'_>) {
        let _ = account;
    }
}

impl<F: Fn(&Transition<'_>) + Send + Sync> SessionAudit for F {
    fn happened(&self, transition: &Transition<'_>) {
        self(transition);
    }
}

/// One transition. `Display` is one line for a log, with escaped names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition<'a> {
    /// The session.
    pub session: &'a SessionId,
    /// The credential store.
    pub store: &'a CredentialStoreName,
    /// The person to whom the session belongs, if the host knows.
    pub holder: Option<&'a Holder>,
    /// The transition.
    pub action: Action,
    /// The kind of credentials, for a fetch.
    pub kind: Option<CredentialKind>,
    /// The account and the asset, for a check-out.
    pub candidate: Option<&'a Candidate>,
    /// The lease.
    pub lease: Option<&'a LeaseId>,
    /// The reason of the check-in.
    pub reason: Option<&'a CheckInReason>,
    /// The user's reason for the fetch.
    pub user_reason: Option<&'a str>,
    /// The ticket of the fetch.
    pub ticket: Option<&'a str>,
    /// The operator, if an operator caused the transition.
    pub operator: Option<&'a Holder>,
    /// The state of the credentials after a check-in (decision S10).
    pub rotation: Option<Rotation>,
    /// Whether the action failed. The host does not repeat a failed fetch. It tries a failed notice again as long as
    /// retries are left, a failed renewal at most until the lease is checked in, and a failed check-in until it
    /// succeeds.
    pub failed: bool,
}

/// The actions of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// A fetch begins.
    Fetch,
    /// Credentials were checked out, or read if the store gives no leases.
    CheckOut,
    /// A fetch found nothing: no candidate has credentials.
    NothingFound,
    /// A fetch ended with an error, and nothing was checked out. The host does not repeat it.
    FetchFailed,
    /// It is unknown whether a fetch made a check-out.
    Unclear,
    /// The host found out which check-outs an unclear fetch made. The reports of these check-outs follow, if there are
    /// any.
    Resolve,
    /// A person decided about an unclear fetch.
    Decide,
    /// A lease was renewed.
    Renew,
    /// A lease was checked in.
    CheckIn,
    /// An operator took a lease back. The check-in of the lease follows.
    Force,
    /// An operator gave a lease up, without asking the store.
    Forget,
    /// The target accepted the credentials.
    AuthenticationCompleted,
    /// The target did not accept the credentials.
    AuthenticationFailed,
    /// The session ended.
    End,
    /// The host that had the session was lost.
    HostLost,
    /// The store was told of an event.
    Notice,
}

impl Action {
    /// Returns the name in lines of a log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::CheckOut => "check_out",
            Self::NothingFound => "nothing_found",
            Self::FetchFailed => "fetch_failed",
            Self::Unclear => "unclear",
            Self::Resolve => "resolve",
            Self::Decide => "decide",
            Self::Renew => "renew",
            Self::CheckIn => "check_in",
            Self::Force => "force",
            Self::Forget => "forget",
            Self::AuthenticationCompleted => "authentication_completed",
            Self::AuthenticationFailed => "authentication_failed",
            Self::End => "end",
            Self::HostLost => "host_lost",
            Self::Notice => "notice",
        }
    }
}

impl fmt::Display for Transition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action.as_str())?;
        for (what, text) in [
            ("session", Some(self.session.as_str())),
            ("store", Some(self.store.as_str())),
            ("holder", self.holder.map(Holder::as_str)),
            ("kind", self.kind.map(super::asking::operation)),
            ("account", self.candidate.map(|candidate| candidate.account.as_str())),
            ("asset", self.candidate.map(|candidate| candidate.asset.as_str())),
            ("lease", self.lease.map(LeaseId::as_str)),
            ("reason", self.reason.map(reason_word)),
            ("user_reason", self.user_reason),
            ("ticket", self.ticket),
            ("operator", self.operator.map(Holder::as_str)),
            ("rotation", self.rotation.map(rotation_word)),
        ] {
            if let Some(text) = text {
                write!(f, " {what}=\"{}\"", text.escape_debug())?;
            }
        }
        write!(f, " outcome={}", if self.failed { "failed" } else { "done" })
    }
}

fn rotation_word(rotation: Rotation) -> &'static str {
    match rotation {
        Rotation::NotRotated => "not_rotated",
        Rotation::Rotated => "rotated",
        Rotation::Scheduled => "scheduled",
        Rotation::Diverged => "diverged",
        _ => "other",
    }
}

fn reason_word(reason: &CheckInReason) -> &'static str {
    match reason {
        CheckInReason::Used => "used",
        CheckInReason::AuthenticationFailed => "authentication_failed",
        CheckInReason::Unused => "unused",
        CheckInReason::Expired => "expired",
        CheckInReason::HostLost => "host_lost",
        CheckInReason::Forced { .. } => "forced",
        _ => "other",
    }
}

/// Reports the transitions that a stored event caused.
pub(super) fn report(audit: &dyn SessionAudit, session: &SessionAtStore, event: &Event) {
    let plain = |action| Transition::new(session, action);
    let transition = match &event.what {
        What::Wake => return,
        What::Fetch { fetch, .. } => Transition {
            kind: Some(fetch.kind),
            user_reason: fetch.reason.as_deref(),
            ticket: fetch.ticket.as_deref(),
            ..plain(Action::Fetch)
        },
        What::AuthenticationCompleted { .. } => plain(Action::AuthenticationCompleted),
        What::AuthenticationFailed => plain(Action::AuthenticationFailed),
        What::End { .. } => plain(Action::End),
        What::HostLost => plain(Action::HostLost),
        What::Force { by, .. } => Transition { operator: Some(by), ..plain(Action::Force) },
        What::Forget { by, .. } => Transition { operator: Some(by), ..plain(Action::Forget) },
        What::Decide { by, .. } => Transition { operator: Some(by), ..plain(Action::Decide) },
        What::Found { check_out, .. } => plain(Action::CheckOut).of(check_out),
        What::NothingFound { failed: false, .. } => plain(Action::NothingFound),
        What::NothingFound { failed: true, .. } => Transition { failed: true, ..plain(Action::FetchFailed) },
        What::Unclear { .. } | What::CannotTell { .. } => plain(Action::Unclear),
        What::Resolved { held, .. } => {
            audit.happened(&plain(Action::Resolve));
            for check_out in held {
                audit.happened(&plain(Action::CheckOut).of(check_out));
            }
            return;
        }
        What::CheckIn { check_out, taken_back } => Transition {
            rotation: taken_back.as_ref().ok().copied(),
            failed: taken_back.is_err(),
            ..plain(Action::CheckIn).of(check_out)
        },
        What::Renewal { check_out, renewed, .. } => {
            Transition { failed: renewed.is_err(), ..plain(Action::Renew).of(check_out) }
        }
        What::Told { what: Told::Authenticated(_) | Told::Ended, failed } => {
            Transition { failed: failed.is_some(), ..plain(Action::Notice) }
        }
    };
    audit.happened(&transition);
}

impl<'a> Transition<'a> {
    pub(super) fn new(session: &'a SessionAtStore, action: Action) -> Self {
        Self {
            session: &session.connection.session_id,
            store: &session.store,
            holder: session.holder.as_ref(),
            action,
            kind: None,
            candidate: None,
            lease: None,
            reason: None,
            user_reason: None,
            ticket: None,
            operator: None,
            rotation: None,
            failed: false,
        }
    }

    /// Adds the facts of the check-out.
    pub(super) fn of(self, check_out: &'a CheckOut) -> Self {
        let reason = match &check_out.stage {
            Stage::Returning { reason, .. } => Some(reason),
            _ => None,
        };
        let lease = check_out.lease.as_ref().map(|lease| &lease.id);
        Self { candidate: Some(&check_out.candidate), lease, reason, ..self }
    }
}
