//! The question about the outcome of a call. The host asks it after a crash.

use crate::{CheckIn, CredentialKind, Fetch, Lease};

/// An intended call with its arguments. The host does not ask about renewals and events: it repeats them with the same
/// intent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum IntendedCall {
    /// A fetch of this kind of credentials. The fetch has an intent.
    Fetch(CredentialKind, Fetch),
    /// [`check_in`](crate::CredentialStore::check_in).
    CheckIn(CheckIn),
}

impl IntendedCall {
    /// Returns the intended effect: a check-out or a check-in.
    pub fn effect(&self) -> IntendedEffect {
        match self {
            Self::Fetch(..) => IntendedEffect::Request,
            Self::CheckIn(check_in) => IntendedEffect::Revoke(check_in.lease.clone()),
        }
    }
}

/// Creates the question about the outcome of a call.
impl From<IntendedCall> for Reconciliation {
    fn from(call: IntendedCall) -> Self {
        let effect = call.effect();
        Self::new(call, effect)
    }
}

/// The question about the outcome of a call. The host asks it after a crash.
///
/// Decision R2.
pub type Reconciliation = keyway_core::Reconciliation<IntendedCall, Lease>;

/// The effect of an intended call.
pub type IntendedEffect = keyway_core::IntendedEffect<Lease>;

/// The outcome of an intended call.
pub type Reconciled = keyway_core::Reconciled<Lease>;
