//! The question about the outcome of a call, asked after a crash.

use crate::{CheckIn, CredentialKind, Fetch, Lease};

/// A call that was intended, with its arguments. Renewals and events are not asked about: the host makes them
/// again, with the same intent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum IntendedCall {
    /// A fetch of this kind. It has an intent.
    Fetch(CredentialKind, Fetch),
    /// [`check_in`](crate::CredentialStore::check_in).
    CheckIn(CheckIn),
}

impl IntendedCall {
    /// Returns the effect that was intended: to check out, or to check in.
    pub fn effect(&self) -> IntendedEffect {
        match self {
            Self::Fetch(..) => IntendedEffect::Request,
            Self::CheckIn(check_in) => IntendedEffect::Revoke(check_in.lease.clone()),
        }
    }
}

/// Asks for the outcome of a call.
impl From<IntendedCall> for Reconciliation {
    fn from(call: IntendedCall) -> Self {
        let effect = call.effect();
        Self::new(call, effect)
    }
}

/// The question about the outcome of a call, asked after a crash.
///
/// Decision R2.
pub type Reconciliation = keyway_core::Reconciliation<IntendedCall, Lease>;

/// The effect of a call that was intended.
pub type IntendedEffect = keyway_core::IntendedEffect<Lease>;

/// The outcome of a call that was intended.
pub type Reconciled = keyway_core::Reconciled<Lease>;
