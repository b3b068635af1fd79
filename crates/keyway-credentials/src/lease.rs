//! Leases of check-outs, and their renewal.

use std::time::Duration;

use keyway_core::{IntentId, Timestamp};

use crate::{Candidate, LeaseId, SessionContext};

/// A lease: what the vault knows a check-out by (decision S2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The store's own id.
    pub id: LeaseId,
    /// The moment at which the lease ends by itself, by the clock of
    /// [`OpenContext::clock`](crate::OpenContext). `None` if it does not. The host checks it in before that.
    pub expires_at: Option<Timestamp>,
    /// The lease can be [renewed](crate::CredentialStore::renew).
    pub renewable: bool,
    /// No other session gets these credentials as long as the lease lasts.
    pub exclusive: bool,
}

impl Lease {
    /// Creates a lease without an end, neither renewable nor exclusive.
    pub const fn new(id: LeaseId) -> Self {
        Self { id, expires_at: None, renewable: false, exclusive: false }
    }

    /// Sets the end.
    #[must_use]
    pub const fn expires_at(mut self, moment: Timestamp) -> Self {
        self.expires_at = Some(moment);
        self
    }

    /// Sets whether the lease can be renewed.
    #[must_use]
    pub const fn renewable(mut self, renewable: bool) -> Self {
        self.renewable = renewable;
        self
    }

    /// Sets whether the lease keeps these credentials from other sessions.
    #[must_use]
    pub const fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }
}

/// The request to renew a lease.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeaseRenewal {
    /// The intended renewal. The host sends the same id when it asks again.
    pub intent: IntentId,
    /// The lease.
    pub lease: Lease,
    /// The account and the asset.
    pub candidate: Candidate,
    /// The session.
    pub session: SessionContext,
    /// The time for which the host wants the lease from now on; a store may give less. `None` leaves it to the
    /// store.
    pub extension: Option<Duration>,
}

impl LeaseRenewal {
    /// Creates a request that leaves the time to the store.
    pub const fn new(intent: IntentId, lease: Lease, candidate: Candidate, session: SessionContext) -> Self {
        Self { intent, lease, candidate, session, extension: None }
    }

    /// Sets the time for which the host wants the lease from now on.
    #[must_use]
    pub const fn with_extension(mut self, extension: Duration) -> Self {
        self.extension = Some(extension);
        self
    }
}
