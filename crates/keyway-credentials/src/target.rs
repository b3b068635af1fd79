//! Targets: the systems that credentials open. A host lends a store the means to change and check credentials at a
//! target (decision S10).

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
    /// A private key. The target stores the public key.
    PrivateKey(PrivateKey),
}

/// The request to replace a credential at its target.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CredentialChange {
    /// The intended change. The store repeats the request with the same id and the same two credentials.
    pub intent: IntentId,
    /// The account and the asset.
    pub candidate: Candidate,
    /// The credential that the target accepts before the change.
    pub old: TargetCredential,
    /// The credential that the target accepts afterwards, instead of the old one.
    pub new: TargetCredential,
}

impl CredentialChange {
    /// Creates a request.
    pub const fn new(
        intent: IntentId,
        candidate: Candidate,
        old: TargetCredential,
        new: TargetCredential,
    ) -> Self {
        Self { intent, candidate, old, new }
    }
}

/// Changes credentials at their targets. A host lends an `Arc<dyn Changer>` to stores that rotate.
///
/// The error tells the store how far the change got:
///
/// ```
/// # mod databases {
/// #     use std::sync::Mutex;
/// #     #[derive(Debug)]
/// #     pub enum Fault { Policy, Connect, Wrong, Lost(std::io::Error) }
/// #     #[derive(Debug)]
/// #     pub struct Servers(pub Mutex<String>);
/// #     impl Servers {
/// #         pub fn set_password(&self, _: &str, _: &str, old: &str, new: &str) -> Result<(), Fault> {
/// #             if new.len() < 8 {
/// #                 return Err(Fault::Policy);
/// #             }
/// #             let mut password = self.0.lock().unwrap();
/// #             if *password != old {
/// #                 return Err(Fault::Wrong);
/// #             }
/// #             *password = new.to_owned();
/// #             Ok(())
/// #         }
/// #         pub fn log_in(&self, _: &str, _: &str, password: &str) -> bool {
/// #             *self.0.lock().unwrap() == password
/// #         }
/// #     }
/// # }
/// use databases::{Fault, Servers};
/// use keyway_credentials::{Changer, CredentialChange, CredentialError, TargetCredential, async_trait};
/// # use keyway_credentials::{Account, Asset, Candidate, IntentId, Password};
///
/// /// Changes passwords of database servers through the client of their vendor.
/// #[derive(Debug)]
/// struct DatabaseChanger(Servers);
///
/// #[async_trait]
/// impl Changer for DatabaseChanger {
///     async fn change(&self, change: &CredentialChange) -> Result<(), CredentialError> {
///         let (TargetCredential::Password(old), TargetCredential::Password(new)) = (&change.old, &change.new) else {
///             return Err(CredentialError::Unsupported { what: "keys of a database server" });
///         };
///         let (asset, account) = (change.candidate.asset.as_str(), change.candidate.account.as_str());
///         match self.0.set_password(asset, account, old.expose(), new.expose()) {
///             Ok(()) => Ok(()),
///             // A store repeats the change after a crash, so the server may have the new password already.
///             Err(Fault::Wrong) if self.0.log_in(asset, account, new.expose()) => Ok(()),
///             // The old password is wrong, or the new one breaks a rule. The store finds out by logins.
///             Err(Fault::Wrong | Fault::Policy) => {
///                 Err(CredentialError::refused("The server refuses the new password.", "refused by the server"))
///             }
///             // Nothing was sent.
///             Err(Fault::Connect) => {
///                 let what = "the database server";
///                 Err(CredentialError::Unavailable { what, retry_after: None, source: None })
///             }
///             // The server may have changed it.
///             Err(Fault::Lost(error)) => Err(CredentialError::system("change a password of a database", error)),
///         }
///     }
///
///     fn takes(&self, credential: &TargetCredential) -> bool {
///         matches!(credential, TargetCredential::Password(_))
///     }
///
///     // The client blocks the thread.
///     fn blocks(&self) -> bool {
///         true
///     }
/// }
/// # pollster::block_on(async {
/// # let changer = DatabaseChanger(Servers("an old one".to_owned().into()));
/// # let root = Candidate::new(Account::new("root")?, Asset::new("db1")?);
/// # let change = |old: &str, new: &str| {
/// #     let password = |text: &str| TargetCredential::Password(Password::new(text));
/// #     CredentialChange::new(IntentId::new("change-1").unwrap(), root.clone(), password(old), password(new))
/// # };
/// # let refused = changer.change(&change("an old one", "short")).await.unwrap_err();
/// # assert!(matches!(refused, CredentialError::Refused { .. }));
/// # changer.change(&change("an old one", "a new one")).await.unwrap();
/// # changer.change(&change("an old one", "a new one")).await.unwrap();
/// # assert_eq!(*changer.0.0.lock().unwrap(), "a new one");
/// # Ok::<(), keyway_credentials::InvalidText>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait Changer: fmt::Debug + Send + Sync {
    /// Makes the target accept the new credential and refuse the old one. Both happen in one step, or neither happens.
    /// The call succeeds without a change if the target already accepts the new credential, because a store repeats the
    /// call after a crash.
    ///
    /// # Errors
    /// An error whose [effect](keyway_core::PluginError::effect) is `None` promises that the target accepts the same
    /// credential as before. The store reacts to each kind of error:
    ///
    /// * A [refusal](CredentialError::refused) means that the target will never accept the change. The store tests the
    ///   old credential with a login. If the target accepts the old credential, the new credential is at fault, and the
    ///   store makes a different one. If the target refuses the old credential, the store tests the new one, which
    ///   another host may have set in the meantime. If the login cannot be tried, the store tries the same new
    ///   credential again later.
    /// * [`Unsupported`](CredentialError::Unsupported) is such a refusal, too, after which the store makes no different
    ///   credential: it takes the old one back unchanged. [`takes`](Self::takes) says so in advance.
    /// * After a different error without an effect, the store tries the same new credential again later.
    /// * After an error whose effect is unknown, the store asks the [`Prober`] which of the two credentials opens the
    ///   target.
    ///
    /// If the target does not accept the old credential, the changer may return an error of any of these kinds, because
    /// the store tests the credentials with logins anyway.
    ///
    /// # Cancel safety
    /// A dropped future may have changed the credential.
    async fn change(&self, change: &CredentialChange) -> Result<(), CredentialError>;

    /// Tells whether the changer can change credentials such as this one; the default is true. If it cannot, a store
    /// takes such a credential back unchanged. Does no I/O.
    fn takes(&self, _credential: &TargetCredential) -> bool {
        true
    }

    /// Tells whether the future may block the thread; the default is false. If it may, a store that uses the changer
    /// declares [`blocking`](crate::Capabilities::blocking) (decision R1).
    fn blocks(&self) -> bool {
        false
    }
}

/// Checks that credentials open their targets. A host lends an `Arc<dyn Prober>` to stores that rotate or verify.
#[async_trait]
pub trait Prober: fmt::Debug + Send + Sync {
    /// Logs in to the target with a credential, and logs out again. It does not read the target's configuration
    /// instead, because only a login proves what the target accepts.
    ///
    /// # Errors
    /// Any error means that the target could not be asked.
    ///
    /// # Cancel safety
    /// A dropped future leaves everything as it was.
    async fn probe(
        &self,
        candidate: &Candidate,
        credential: &TargetCredential,
    ) -> Result<Probed, CredentialError>;

    /// Tells whether the prober can log in with credentials such as this one; the default is true. If it cannot, a
    /// store takes such a credential back unchanged, because it could not check a new one. Does no I/O.
    fn takes(&self, _credential: &TargetCredential) -> bool {
        true
    }

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
