//! The outcome of a fetch.

use std::convert::Infallible;
use std::time::Duration;

use keyway_core::Timestamp;

use crate::{Holder, Lease};

/// The outcome of a fetch of one candidate (decision S1).
///
/// Only `Found` ends the search. The host collects the other outcomes, one for each candidate, and reports them
/// together. So a store returns the exact outcome instead of an empty list. `C` is the type of the credentials.
///
/// | outcome | answer it when | the host then |
/// | --- | --- | --- |
/// | `Found` | there are credentials | ends the search, and keeps the lease |
/// | `NotFound` | the vault has no such account, or none at this asset | asks for the next candidate |
/// | `Busy` | another session holds the account alone | asks for the next, and may wait |
/// | `NeedInfo` | the user has to tell more first | asks for the next, and reports it |
/// | `Unsupported` | the store has no credentials of this kind, for this account | asks for the next |
/// | `Denied` | the vault does not let this user have them, or conceals whether it has the account | asks for the next |
/// | `Unavailable` | the vault cannot be reached | asks for the next, and reports the time to wait |
///
/// After every outcome but `Found`, the store holds no lease for this fetch. A failure that may have left a lease is an
/// [error](crate::CredentialError).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FetchOutcome<C> {
    /// There are credentials.
    Found(Found<C>),
    /// There are no credentials.
    NotFound,
    /// Another session has exclusive use of the account.
    Busy(Busy),
    /// The user has to give more information first.
    NeedInfo(NeedInfo),
    /// The store does not offer this kind of credentials.
    Unsupported,
    /// The vault does not let this user have the credentials.
    Denied(Denial),
    /// The vault cannot be reached, but may be reachable later.
    Unavailable {
        /// The time to wait before the next attempt, if known.
        retry_after: Option<Duration>,
    },
}

impl<C> FetchOutcome<C> {
    /// Returns the credentials and the lease of [`Found`](Self::Found), and `None` for any other outcome.
    pub fn found(self) -> Option<Found<C>> {
        self.into_found().ok()
    }

    /// Returns the credentials and the lease of [`Found`](Self::Found).
    ///
    /// # Errors
    /// Any other outcome is returned as the error.
    pub fn into_found(self) -> Result<Found<C>, FetchOutcome<Infallible>> {
        match self {
            Self::Found(found) => Ok(found),
            other => Err(other.map(|_| unreachable!("the outcome is not `Found`"))),
        }
    }

    /// Converts the credentials, if there are some, and keeps everything else.
    pub fn map<D>(self, change: impl FnOnce(C) -> D) -> FetchOutcome<D> {
        match self {
            Self::Found(Found { credentials, lease }) => {
                FetchOutcome::Found(Found { credentials: change(credentials), lease })
            }
            Self::NotFound => FetchOutcome::NotFound,
            Self::Busy(busy) => FetchOutcome::Busy(busy),
            Self::NeedInfo(need) => FetchOutcome::NeedInfo(need),
            Self::Unsupported => FetchOutcome::Unsupported,
            Self::Denied(denial) => FetchOutcome::Denied(denial),
            Self::Unavailable { retry_after } => FetchOutcome::Unavailable { retry_after },
        }
    }
}

/// Credentials that were found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Found<C> {
    /// The credentials, which the host never stores.
    pub credentials: C,
    /// The lease. The host stores it and checks it in. A store that declares [`leases`](crate::Capabilities::leases)
    /// returns a lease with every check-out, and a store without this capability never returns one.
    pub lease: Option<Lease>,
}

impl<C> Found<C> {
    /// Creates credentials without a lease.
    pub const fn new(credentials: C) -> Self {
        Self { credentials, lease: None }
    }

    /// Sets the lease.
    #[must_use]
    pub fn with_lease(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }
}

impl<C> From<Found<C>> for FetchOutcome<C> {
    fn from(found: Found<C>) -> Self {
        Self::Found(found)
    }
}

/// The details of a busy account: another session has exclusive use of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Busy {
    /// The time at which the lease of the other session ends, if known.
    pub until: Option<Timestamp>,
    /// The holder, in a form for operators, if the vault tells it.
    pub held_for: Option<Holder>,
}

impl Busy {
    /// Creates the details of a busy account when nothing more is known.
    pub const fn new() -> Self {
        Self { until: None, held_for: None }
    }

    /// Sets the time at which the lease of the other session ends.
    #[must_use]
    pub const fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// Sets the holder.
    #[must_use]
    pub fn held_for(mut self, holder: Holder) -> Self {
        self.held_for = Some(holder);
        self
    }
}

/// A request for information that the store needs first (upstream's `need_info` of remote applications).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NeedInfo {
    /// The message for the user. It says what is missing, and contains no secret.
    pub message: String,
}

impl NeedInfo {
    /// Creates the request with a message for the user.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// The vault's refusal to give credentials to this user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The message for the user. It contains no secret, and reveals nothing internal.
    pub message: String,
}

impl Denial {
    /// Creates a refusal with a message for the user.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}
