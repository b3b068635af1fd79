//! The events of a session: authentication completed, and session ended.

use keyway_core::IntentId;

use crate::{Candidate, Lease, SessionContext};

/// An event of a session (seed, `do_authentication_completed` and `do_session_ended`).
///
/// The host sends each event once. After a crash, the host may send an event again, with the same intent (decision S6).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionEvent {
    /// The intended notice.
    pub intent: IntentId,
    /// The session. Its connection contains the user's login only if the host decides to pass the login on.
    pub session: SessionContext,
    /// The session's check-outs from this store. For a completed authentication, these are the check-outs that the
    /// session held at that time. For the end of the session, they include the check-outs that were checked in before,
    /// as far as the host still remembers them.
    pub check_outs: Vec<CheckOut>,
}

impl SessionEvent {
    /// Creates an event of a session without check-outs.
    pub const fn new(intent: IntentId, session: SessionContext) -> Self {
        Self { intent, session, check_outs: Vec::new() }
    }

    /// Adds a check-out.
    #[must_use]
    pub fn with_check_out(mut self, check_out: CheckOut) -> Self {
        self.check_outs.push(check_out);
        self
    }
}

/// The candidate and the lease of credentials that a session got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckOut {
    /// The account and the asset.
    pub candidate: Candidate,
    /// The lease, if the store gives leases.
    pub lease: Option<Lease>,
}

impl CheckOut {
    /// Creates a check-out.
    pub const fn new(candidate: Candidate, lease: Option<Lease>) -> Self {
        Self { candidate, lease }
    }
}
