//! Decides which candidates of a fetch the host does not ask for.

use std::convert::Infallible;
use std::sync::Arc;

use keyway_core::Timestamp;
use keyway_credentials::{Busy, Candidate, CredentialStoreName, Denial, FetchOutcome, Holder};

use super::lock::Lock;
use super::queue::Queues;

/// The locks and the queues that a fetch meets.
#[derive(Debug)]
pub(super) struct Refusals {
    pub(super) store: CredentialStoreName,
    pub(super) holder: Option<Holder>,
    pub(super) now: Timestamp,
    pub(super) locks: Vec<Lock>,
    pub(super) queues: Arc<Queues>,
    /// The candidate whose queue the session is the first of. The others were asked for before it waited.
    pub(super) first_for: Option<Candidate>,
}

impl Refusals {
    /// Returns the outcome in place of that of the store, if the store must not be asked: a lock stops the
    /// candidate, or other sessions came earlier.
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

    /// Returns the lock that stops a candidate, or with none the one that stops every candidate.
    pub(super) fn lock(&self, candidate: Option<&Candidate>) -> Option<&Lock> {
        self.locks.iter().find(|lock| lock.stops(self.now, &self.store, self.holder.as_ref(), candidate))
    }
}
