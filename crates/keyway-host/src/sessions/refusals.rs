//! Decides which candidates of a fetch the host does not ask for.

use std::convert::Infallible;
use std::sync::Arc;

use keyway_core::Timestamp;
use keyway_credentials::{Busy, Candidate, CredentialStoreName, Denial, FetchOutcome, Holder};

use super::lock::Lock;
use super::queue::Queues;

/// The locks and the queues that may stop a fetch.
#[derive(Clone, Debug)]
pub(super) struct Refusals {
    pub(super) store: CredentialStoreName,
    pub(super) holder: Option<Holder>,
    pub(super) now: Timestamp,
    pub(super) locks: Vec<Lock>,
    pub(super) queues: Arc<Queues>,
    /// The candidate in whose queue the session is the first. All other candidates were asked for before the session
    /// waited.
    pub(super) first_for: Option<Candidate>,
    /// The candidates that the session holds. It does not wait behind the sessions that wait for it.
    pub(super) held: Vec<Candidate>,
}

impl Refusals {
    /// Returns the outcome for a candidate that the store must not be asked for: the session waited for a different
    /// candidate, a lock stops the candidate, or other sessions already wait for it and this session does not hold it.
    /// Returns `None` if the store may be asked.
    pub(super) fn of(&self, candidate: &Candidate) -> Option<FetchOutcome<Infallible>> {
        if self.first_for.as_ref().is_some_and(|first| first != candidate) {
            return Some(FetchOutcome::NotFound);
        }
        if self.lock(Some(candidate)).is_some() {
            return Some(FetchOutcome::Denied(Denial::new("The account is locked by an operator.")));
        }
        let may_ask = self.first_for.is_some() || self.held.contains(candidate);
        (!may_ask && self.queues.is_awaited(&self.store, candidate)).then(|| FetchOutcome::Busy(Busy::new()))
    }

    /// Returns the refusals for a session that holds these candidates.
    pub(super) fn holding(self: &Arc<Self>, held: Vec<Candidate>) -> Arc<Self> {
        if held.is_empty() { Arc::clone(self) } else { Arc::new(Self { held, ..(**self).clone() }) }
    }

    /// Returns a lock that stops the candidate. Without a candidate, returns a lock that stops all candidates.
    pub(super) fn lock(&self, candidate: Option<&Candidate>) -> Option<&Lock> {
        self.locks.iter().find(|lock| lock.stops(self.now, &self.store, self.holder.as_ref(), candidate))
    }
}
