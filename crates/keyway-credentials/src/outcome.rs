//! The outcome of a fetch.

use std::convert::Infallible;
use std::time::Duration;

use keyway_core::Timestamp;

use crate::{Holder, Lease};

/// The outcome of a fetch of one candidate (decision S1).
///
/// Only `Found` ends the search. The host collects the others, one for each candidate, and reports them together:
/// so a store gives the exact outcome, not an empty list. `C` is the type of the credentials.
///
/// | outcome | answer it when | the host then |
/// | --- | --- | --- |
/// | `Found` | there are credentials | ends the search, and keeps the lease |
/// | `NotFound` | the vault has no such account, or none at this asset | asks for the next candidate |
/// | `Busy` | another session holds the account alone | asks for the next, and may wait |
/// | `NeedInfo` | the user has to tell more first | asks for the next, and reports it |
/// | `Unsupported` | the store has no credentials of this kind, for this account | asks for the next |
/// | `Denied` | the vault does not let this user have them | asks for the next |
/// | `Unavailable` | the vault cannot be reached | asks for the next, and reports the time to wait |
///
/// After every outcome but `Found`, the store holds no lease for this fetch. A failure that may have left one is
/// an [error](crate::CredentialError).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FetchOutcome<C> {
    /// There are credentials.
    Found(Found<C>),
    /// There are none.
    NotFound,
    /// Another session holds them alone.
    Busy(Busy),
    /// The user has to tell more first.
    NeedInfo(NeedInfo),
    /// The store does not offer this kind of credentials.
    Unsupported,
    /// The user may not have them.
    Denied(Denial),
    /// The vault cannot be reached, and may be later.
    Unavailable {
        /// The time to wait, if known.
        retry_after: Option<Duration>,
    },
}

impl<C> FetchOutcome<C> {
    /// Returns the credentials and the lease, if there are some.
    pub fn found(self) -> Option<Found<C>> {
        self.into_found().ok()
    }

    /// Returns the credentials and the lease, or else the outcome without them.
    ///
    /// # Errors
    /// The outcome, which is not [`Found`](Self::Found).
    pub fn into_found(self) -> Result<Found<C>, FetchOutcome<Infallible>> {
        match self {
            Self::Found(found) => Ok(found),
            other => Err(other.map(|_| unreachable!("the outcome is not `Found`"))),
        }
    }

    /// Changes the credentials, if there are some, and keeps everything else.
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
    /// The lease, which the host stores and checks in. A store that declares
    /// [`leases`](crate::Capabilities::leases) gives one with every check-out, another store never.
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

/// An account that another session holds alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Busy {
    /// The end of the other lease, if known.
    pub until: Option<Timestamp>,
    /// The holder, as operators see it, if the vault tells.
    pub held_for: Option<Holder>,
}

impl Busy {
    /// Creates a busy account of which nothing is known.
    pub const fn new() -> Self {
        Self { until: None, held_for: None }
    }

    /// Sets the end of the other lease.
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

/// The information that a store needs first (upstream's `need_info` of remote applications).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NeedInfo {
    /// The message for the user: what is missing, without a secret.
    pub message: String,
}

impl NeedInfo {
    /// Creates the demand with a message for the user.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// The vault's refusal to give credentials to this user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The message for the user, without a secret and without anything internal.
    pub message: String,
}

impl Denial {
    /// Creates a refusal with a message for the user.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}
