//! The credentials that a store returns: passwords, private keys, certificates and one-time codes (decision S7).

use std::time::Duration;

use keyway_core::{SecretText, Timestamp};

use crate::PrivateKey;

/// One or more credentials of one kind, to be tried in order.
///
/// The list is never empty: a store without credentials answers [`NotFound`](crate::FetchOutcome::NotFound).
///
/// ```
/// use keyway_credentials::{Password, Passwords};
///
/// let passwords = Passwords::new(Password::new("new one")).or(Password::new("old one"));
/// assert_eq!(passwords.iter().map(Password::expose).collect::<Vec<_>>(), ["new one", "old one"]);
/// assert!(Passwords::of([]).is_none());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Credentials<T>(Vec<T>);

/// Passwords, to be tried in order (SPS seed, `do_get_password_list`).
pub type Passwords = Credentials<Password>;
/// Private keys, to be tried in order (SPS seed, `do_get_private_key_list`).
pub type PrivateKeys = Credentials<PrivateKey>;
/// Certificates with their keys, to be tried in order.
pub type Certificates = Credentials<CertificateCredential>;
/// One-time codes. Each has its own period.
pub type TotpCodes = Credentials<TotpCode>;

impl<T> Credentials<T> {
    /// Creates a list of one credential.
    pub fn new(first: T) -> Self {
        Self(vec![first])
    }

    /// Creates a list, or returns `None` if there are no credentials.
    pub fn of(all: impl IntoIterator<Item = T>) -> Option<Self> {
        let all: Vec<T> = all.into_iter().collect();
        (!all.is_empty()).then_some(Self(all))
    }

    /// Adds a credential that is tried after the others.
    #[must_use]
    pub fn or(mut self, next: T) -> Self {
        self.0.push(next);
        self
    }

    /// Returns the first credential.
    pub fn first(&self) -> &T {
        &self.0[0]
    }

    /// Returns an iterator over the credentials, in the order in which they are tried.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<'a, T> IntoIterator for &'a Credentials<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> IntoIterator for Credentials<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A password. `Debug` does not show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password(SecretText);

impl Password {
    /// Creates a password, which may be empty.
    pub fn new(password: impl Into<SecretText>) -> Self {
        Self(password.into())
    }

    /// Returns the password.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// A certificate and its private key, such as a certificate of SSH. `Debug` does not show the key.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CertificateCredential {
    /// The certificate: a line in the format of OpenSSH, or PEM with the chain.
    pub certificate: String,
    /// The private key.
    pub key: PrivateKey,
}

impl CertificateCredential {
    /// Creates a certificate with its key.
    pub fn new(certificate: impl Into<String>, key: PrivateKey) -> Self {
        Self { certificate: certificate.into(), key }
    }
}

/// A one-time code (RFC 6238). `Debug` does not show it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TotpCode {
    /// The code.
    pub code: SecretText,
    /// The start of the period in which the code is valid.
    pub valid_from: Timestamp,
    /// The length of the period.
    pub period: Duration,
}

impl TotpCode {
    /// The period that most issuers use.
    pub const USUAL_PERIOD: Duration = Duration::from_secs(30);

    /// Creates a code for the usual period.
    pub fn new(code: impl Into<SecretText>, valid_from: Timestamp) -> Self {
        Self { code: code.into(), valid_from, period: Self::USUAL_PERIOD }
    }

    /// Sets the length of the period.
    #[must_use]
    pub const fn with_period(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_credential() {
        let passwords = Passwords::new(Password::new("n33dle"));
        let code = TotpCode::new("n33dle", Timestamp::from_milliseconds(0));
        assert!(!format!("{passwords:?} {code:?}").contains("n33dle"));
    }
}
