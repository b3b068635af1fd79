//! Leases of check-outs, and their renewal.

use std::time::Duration;

use keyway_core::{IntentId, Timestamp};

use crate::{Candidate, LeaseId, SessionContext};

/// A lease: the vault's handle to a check-out (decision S2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The store's own id.
    pub id: LeaseId,
    /// The moment at which the lease ends by itself, by the clock of [`OpenContext::clock`](crate::OpenContext). `None`
    /// if it does not end by itself. The host checks the lease in before this moment.
    pub expires_at: Option<Timestamp>,
    /// The lease can be [renewed](crate::CredentialStore::renew).
    pub renewable: bool,
    /// No other session gets these credentials during the lease.
    pub exclusive: bool,
}

impl Lease {
    /// Creates a lease that does not end by itself, and is neither renewable nor exclusive.
    pub const fn new(id: LeaseId) -> Self {
        Self { id, expires_at: None, renewable: false, exclusive: false }
    }

    /// Sets the moment at which the lease ends by itself.
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
    /// The intended renewal. If the host repeats the request, it uses the same id.
    pub intent: IntentId,
    /// The lease.
    pub lease: Lease,
    /// The account and the asset.
    pub candidate: Candidate,
    /// The session.
    pub session: SessionContext,
    /// The duration of the lease that the host wants, from now on. A store may give less. With `None` the store
    /// chooses.
    pub extension: Option<Duration>,
}

impl LeaseRenewal {
    /// Creates a request in which the store chooses the duration.
    pub const fn new(intent: IntentId, lease: Lease, candidate: Candidate, session: SessionContext) -> Self {
        Self { intent, lease, candidate, session, extension: None }
    }

    /// Sets the duration of the lease that the host wants, from now on.
    #[must_use]
    pub const fn with_extension(mut self, extension: Duration) -> Self {
        self.extension = Some(extension);
        self
    }
}
