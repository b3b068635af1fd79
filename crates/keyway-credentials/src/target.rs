//! Targets: the systems that credentials open. A host lends a store the means to change and to check credentials there
//! (decision S10).

use std::fmt;

use async_trait::async_trait;
use keyway_core::IntentId;

use crate::{Candidate, CredentialError, Password, PrivateKey};

/// A credential that a target can be told to accept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TargetCredential {
    /// A password.
    Password(Password),
    /// A private key. The target knows the public half.
    PrivateKey(PrivateKey),
}

/// The order to replace a credential at its target.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CredentialChange {
    /// The intended change. The store sends the same id when it asks again, with the same two credentials.
    pub intent: IntentId,
    /// The account and the asset.
    pub candidate: Candidate,
    /// The credential that the target accepts before the change.
    pub old: TargetCredential,
    /// The credential that the target accepts afterwards, instead of the old one.
    pub new: TargetCredential,
}

impl CredentialChange {
    /// Creates an order.
    pub const fn new(
        intent: IntentId,
        candidate: Candidate,
        old: TargetCredential,
        new: TargetCredential,
    ) -> Self {
        Self { intent, candidate, old, new }
    }
}

/// Changes credentials at their targets. A host lends one as `Arc<dyn Changer>` to stores that rotate.
#[async_trait]
pub trait Changer: fmt::Debug + Send + Sync {
    /// Makes the target accept the new credential instead of the old one: both at once, or nothing. It succeeds without
    /// a change if the target accepts the new one already, because a store repeats it after a crash.
    ///
    /// # Errors
    /// An error whose [effect](keyway_core::PluginError::effect) is `None` promises that the target accepts what it
    /// accepted before. If it is a [refusal](CredentialError::refused), the target will never take the new credential, and
    /// the store makes another one, if a login with the old one shows that only the new one is to blame; else the store tries
    /// with the same one later. After an error whose effect is unknown the store asks the [`Prober`] which of the two opens
    /// the target. A target that does not accept the old credential is either kind of error: logins tell.
    ///
    /// # Cancel safety
    /// A dropped future may have changed the credential.
    async fn change(&self, change: &CredentialChange) -> Result<(), CredentialError>;

    /// Tells whether the future may block the thread. A store that uses the changer then declares
    /// [`blocking`](crate::Capabilities::blocking) (decision R1). It does not by default.
    fn blocks(&self) -> bool {
        false
    }
}

/// Checks that credentials open their targets. A host lends one as `Arc<dyn Prober>` to stores that rotate or verify.
#[async_trait]
pub trait Prober: fmt::Debug + Send + Sync {
    /// Logs in to the target with a credential, and out again. It reads no file that the target decides by, because
    /// only a login proves the decision.
    ///
    /// # Errors
    /// Any error says that the target could not be asked.
    ///
    /// # Cancel safety
    /// A dropped future leaves everything as it was.
    async fn probe(
        &self,
        candidate: &Candidate,
        credential: &TargetCredential,
    ) -> Result<Probed, CredentialError>;

    /// Tells whether the future may block the thread, as [`Changer::blocks`] does.
    fn blocks(&self) -> bool {
        false
    }
}

/// The answer of a target to a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probed {
    /// The target accepts the credential.
    Opens,
    /// The target was asked, and refuses the credential.
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_credential() {
        let password = TargetCredential::Password(Password::new("n33dle"));
        assert!(!format!("{password:?}").contains("n33dle"));
    }
}
