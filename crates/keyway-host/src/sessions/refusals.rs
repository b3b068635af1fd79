//! Decides which candidates of a fetch the host does not ask for.

use std::convert::Infallible;
use std::sync::Arc;

use keyway_core::Timestamp;
use keyway_credentials::{Busy, Candidate, CredentialStoreName, Denial, FetchOutcome, Holder};

use super::lock::Lock;
use super::queue::Queues;

/// The locks and the queues that may stop a fetch.
#[derive(Debug)]
pub(super) struct Refusals {
    pub(super) store: CredentialStoreName,
    pub(super) holder: Option<Holder>,
    pub(super) now: Timestamp,
    pub(super) locks: Vec<Lock>,
    pub(super) queues: Arc<Queues>,
    /// The candidate in whose queue the session is the first. All other candidates were asked for before the session
    /// waited.
    pub(super) first_for: Option<Candidate>,
}

impl Refusals {
    /// Returns the outcome for a candidate that the store must not be asked for: the session waited for a different
    /// candidate, a lock stops the candidate, or other sessions already wait for it. Returns `None` if the store may be
    /// asked.
    pub(super) fn of(&self, candidate: &Candidate) -> Option<FetchOutcome<Infallible>> {
        if self.first_for.as_ref().is_some_and(|first| first != candidate) {
            return Some(FetchOutcome::NotFound);
        }
        if self.lock(Some(candidate)).is_some() {
            return Some(FetchOutcome::Denied(Denial::new("The account is locked by an operator.")));
        }
        (self.first_for.is_none() && self.queues.is_awaited(&self.store, candidate))
            .then(|| FetchOutcome::Busy(Busy::new()))
    }

    /// Returns a lock that stops the candidate. Without a candidate, returns a lock that stops all candidates.
    pub(super) fn lock(&self, candidate: Option<&Candidate>) -> Option<&Lock> {
        self.locks.iter().find(|lock| lock.stops(self.now, &self.store, self.holder.as_ref(), candidate))
    }
}
