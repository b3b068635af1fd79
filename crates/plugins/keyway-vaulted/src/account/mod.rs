//! The account: the value of one secret, with its credentials and with the state of their use.

mod error;
mod form;
mod totp;

use keyway_core::{IntentId, SecretText, SecretValue, Timestamp};
use keyway_credentials::{
    CredentialKind, LeaseId, Password, PrivateKey, Rotation, SessionId, TargetCredential,
};

pub use error::AccountError;
pub use totp::TotpSeed;

/// An account as a secret store keeps it: its credentials, its leases, and an unfinished change of a credential. All of
/// it is one secret, so every change is one compare-and-set (decision S10).
///
/// An operator makes an account and stores its [value](Self::to_value) under the account's name, in the environment of
/// the asset. A secret that is a plain text works as well: it is a private key if it is PEM, and else a password. The
/// first check-out, or a question about an interrupted check-out, stores it again in the form of an account.
///
/// ```
/// use keyway_vaulted::StoredAccount;
///
/// let account = StoredAccount::new().with_password("correct horse");
/// let read = StoredAccount::read(&account.to_value())?;
/// assert_eq!(read.password().unwrap().expose(), "correct horse");
/// assert!(!format!("{read:?}").contains("horse"));
/// # Ok::<(), keyway_vaulted::AccountError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredAccount {
    pub(crate) password: Option<SecretText>,
    pub(crate) key: Option<PrivateKey>,
    pub(crate) totp: Option<TotpSeed>,
    pub(crate) has_certificates: bool,
    pub(crate) leases: Vec<StoredLease>,
    pub(crate) change: Option<StoredChange>,
    pub(crate) returned: Option<Returned>,
    pub(crate) used_code: Option<UsedCode>,
    /// The intents of the fetches that checked nothing out and of which the host was told so. A late fetch with one of
    /// these intents is refused.
    pub(crate) voided: Vec<LeaseId>,
}

/// A check-out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredLease {
    /// The intent of the check-out, which is the id of the lease too.
    pub(crate) id: LeaseId,
    pub(crate) session: SessionId,
    pub(crate) kind: CredentialKind,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    /// The number of requested certificates.
    pub(crate) certificates: u32,
    /// The intent of the last renewal, so that a repeated renewal has the same answer.
    pub(crate) renewal: Option<IntentId>,
}

/// An unfinished change of a credential at its target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredChange {
    /// The lease whose return needs the change.
    pub(crate) lease: LeaseId,
    /// The credential that the target is to accept. Its kind is that of the old credential.
    pub(crate) new: TargetCredential,
    /// Whether the target accepts neither the old credential nor the new one.
    pub(crate) has_diverged: bool,
}

/// The last lease that was returned, so that a repeated check-in has the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    pub(crate) lease: LeaseId,
    pub(crate) rotation: Rotation,
}

/// The last one-time code that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsedCode {
    pub(crate) valid_from: Timestamp,
    pub(crate) lease: LeaseId,
}

impl StoredAccount {
    /// Creates an account without credentials.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the password.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<SecretText>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sets the private key.
    #[must_use]
    pub fn with_key(mut self, key: PrivateKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets the seed of one-time codes.
    #[must_use]
    pub fn with_totp(mut self, seed: TotpSeed) -> Self {
        self.totp = Some(seed);
        self
    }

    /// Lets sessions have short-lived certificates for the account, made by the service that the configuration names.
    #[must_use]
    pub const fn with_certificates(mut self) -> Self {
        self.has_certificates = true;
        self
    }

    /// Returns the password.
    pub fn password(&self) -> Option<Password> {
        self.password.clone().map(Password::new)
    }

    /// Returns the private key.
    pub const fn key(&self) -> Option<&PrivateKey> {
        self.key.as_ref()
    }

    /// Lists the leases: their ids, the sessions that have them, and their ends.
    pub fn leases(&self) -> impl Iterator<Item = (&LeaseId, &SessionId, Timestamp)> {
        self.leases.iter().map(|lease| (&lease.id, &lease.session, lease.until))
    }

    /// Tells whether the target accepts neither the credential of the account nor its replacement. To repair the
    /// account, give the target a credential by hand, and store the account again with that credential.
    pub fn has_diverged(&self) -> bool {
        self.change.as_ref().is_some_and(|change| change.has_diverged)
    }

    /// Returns the new credential of a change that has diverged or is not confirmed yet, for an operator who repairs
    /// the account.
    pub fn unconfirmed(&self) -> Option<&TargetCredential> {
        self.change.as_ref().map(|change| &change.new)
    }

    /// Reads the value of a secret.
    ///
    /// # Errors
    /// [`AccountError`] says what does not fit. It repeats nothing of the value.
    pub fn read(value: &SecretValue) -> Result<Self, AccountError> {
        form::read(value.expose_text().ok_or(AccountError::NotText)?)
    }

    /// Writes the account as the value of a secret.
    pub fn to_value(&self) -> SecretValue {
        SecretValue::text(form::write(self).take())
    }

    /// Returns the credential of this kind that the target knows.
    pub(crate) fn credential(&self, kind: CredentialKind) -> Option<TargetCredential> {
        match kind {
            CredentialKind::Passwords => self.password().map(TargetCredential::Password),
            CredentialKind::PrivateKeys => self.key.clone().map(TargetCredential::PrivateKey),
            _ => None,
        }
    }

    /// Tells whether the account has credentials of this kind.
    pub(crate) fn offers(&self, kind: CredentialKind) -> bool {
        match kind {
            CredentialKind::TotpCodes => self.totp.is_some(),
            CredentialKind::Certificates => self.has_certificates,
            kind => self.credential(kind).is_some(),
        }
    }

    pub(crate) fn lease(&self, id: &LeaseId) -> Option<&StoredLease> {
        self.leases.iter().find(|lease| lease.id == *id)
    }
}
