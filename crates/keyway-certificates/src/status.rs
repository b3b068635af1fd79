//! The status of an order, as the seed names it.

use std::fmt;
use std::str::FromStr;

/// The status of a certificate order after a call of its authority (seed, "Certificate Status
/// Class").
///
/// The texts are those of the upstream system; case and blanks matter. Clients see them as the
/// `sub_status` of an order.
///
/// ```
/// use keyway_certificates::CertificateStatus;
///
/// let status: CertificateStatus = "waiting for CA".parse()?;
/// assert_eq!(status, CertificateStatus::WaitingForCa);
/// assert!("WAITING_FOR_CA".parse::<CertificateStatus>().is_err());
/// # Ok::<(), keyway_certificates::UnknownStatus>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateStatus {
    /// The authority made the certificate.
    Generated,
    /// The authority works on the order.
    WaitingForCa,
    /// The client has to correct its data; the order stays open.
    ClientDataIssue,
    /// The authority could not be reached.
    CaUnavailable,
    /// The order is canceled.
    Canceled,
    /// The order cannot be carried out.
    InvalidOperation,
}

/// The error for a text that is no status. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no status of a certificate order: use \"certificate generated\", \"waiting for CA\", \
     \"client data issue seen\", \"CA unavailable for request\", \"request canceled\" or \"invalid operation\""
)]
pub struct UnknownStatus;

impl CertificateStatus {
    /// All statuses.
    pub const ALL: [Self; 6] = [
        Self::Generated,
        Self::WaitingForCa,
        Self::ClientDataIssue,
        Self::CaUnavailable,
        Self::Canceled,
        Self::InvalidOperation,
    ];

    /// Returns the text of the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generated => "certificate generated",
            Self::WaitingForCa => "waiting for CA",
            Self::ClientDataIssue => "client data issue seen",
            Self::CaUnavailable => "CA unavailable for request",
            Self::Canceled => "request canceled",
            Self::InvalidOperation => "invalid operation",
        }
    }

    /// Tells whether an order with this status is finished (decisions B1 to B6).
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Generated | Self::Canceled | Self::InvalidOperation)
    }
}

impl FromStr for CertificateStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus)
    }
}

impl fmt::Display for CertificateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
