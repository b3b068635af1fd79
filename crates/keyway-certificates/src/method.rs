//! The methods that act on one order.

use std::fmt;
use std::str::FromStr;

/// A method of a certificate authority that acts on one order. An answer of the plugin can name the method that the
/// host calls next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RetryMethod {
    /// [`CertificateAuthority::issue`](crate::CertificateAuthority::issue).
    Issue,
    /// [`CertificateAuthority::check`](crate::CertificateAuthority::check).
    Check,
    /// [`CertificateAuthority::modify`](crate::CertificateAuthority::modify).
    Modify,
    /// [`CertificateAuthority::cancel`](crate::CertificateAuthority::cancel).
    Cancel,
}

/// The error for a text that is not a method of an order. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a method of a certificate order: use issue_certificate_request, check_certificate_status, \
     modify_certificate_request or cancel_certificate_request"
)]
pub struct UnknownMethod;

impl RetryMethod {
    /// All methods.
    pub const ALL: [Self; 4] = [Self::Issue, Self::Check, Self::Modify, Self::Cancel];

    /// Returns the name of the method in the seed, "Barbican Core Plugin Sequence".
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issue => "issue_certificate_request",
            Self::Check => "check_certificate_status",
            Self::Modify => "modify_certificate_request",
            Self::Cancel => "cancel_certificate_request",
        }
    }
}

impl FromStr for RetryMethod {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or(UnknownMethod)
    }
}

impl fmt::Display for RetryMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
