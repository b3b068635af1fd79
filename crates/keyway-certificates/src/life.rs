//! The life of a certificate after its issue: revocation and renewal (decision B18).

use std::time::Duration;

use keyway_core::{IntentId, Timestamp};

use crate::{CaId, Pem};

/// The request to revoke a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateRevocation {
    /// The id of the intended effect.
    pub intent: IntentId,
    /// The certificate.
    pub certificate: Pem,
    /// The plugin's own id of the authority that signed the certificate. `None` means the plugin's default authority.
    pub ca: Option<CaId>,
    /// The reason.
    pub reason: RevocationReason,
}

impl CertificateRevocation {
    /// Creates the request to revoke a certificate of the plugin's default authority.
    pub const fn new(intent: IntentId, certificate: Pem, reason: RevocationReason) -> Self {
        Self { intent, certificate, ca: None, reason }
    }

    /// Sets the authority that signed the certificate.
    #[must_use]
    pub fn with_ca(mut self, ca: CaId) -> Self {
        self.ca = Some(ca);
        self
    }
}

/// The reason of a revocation (RFC 5280, section 5.3.1).
///
/// Reason 8, `removeFromCRL`, is missing, because it undoes a revocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RevocationReason {
    /// No reason is given.
    #[default]
    Unspecified,
    /// Others know the private key, or are suspected to know it.
    KeyCompromise,
    /// Others know the private key of an authority, or are suspected to know it.
    CaCompromise,
    /// The subject's name or affiliation changed.
    AffiliationChanged,
    /// Another certificate replaces this one.
    Superseded,
    /// The certificate is no longer needed.
    CessationOfOperation,
    /// The certificate is on hold.
    CertificateHold,
    /// A privilege within the certificate was withdrawn.
    PrivilegeWithdrawn,
    /// Others know the private key of an attribute authority, or are suspected to know it.
    AaCompromise,
}

impl RevocationReason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    /// Returns the code of the reason in a CRL and in a request of ACME.
    pub const fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::CertificateHold => 6,
            Self::PrivilegeWithdrawn => 9,
            Self::AaCompromise => 10,
        }
    }

    /// Returns the reason with this code, if there is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// The question when to renew a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenewalQuestion {
    /// The certificate.
    pub certificate: Pem,
    /// The plugin's own id of the authority that signed the certificate. `None` means the plugin's default authority.
    pub ca: Option<CaId>,
}

impl RenewalQuestion {
    /// Creates the question about a certificate of the plugin's default authority.
    pub const fn new(certificate: Pem) -> Self {
        Self { certificate, ca: None }
    }

    /// Sets the authority that signed the certificate.
    #[must_use]
    pub fn with_ca(mut self, ca: CaId) -> Self {
        self.ca = Some(ca);
        self
    }
}

/// The answer of an authority to the question when to renew a certificate (RFC 9773).
///
/// ```
/// use keyway_certificates::RenewalInformation;
/// use keyway_certificates::core::Timestamp;
///
/// let [start, end] = [1, 2].map(Timestamp::from_milliseconds);
/// assert_eq!(RenewalInformation::new(start, end).unwrap().window_end(), end);
/// assert!(RenewalInformation::new(end, start).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalInformation {
    window_start: Timestamp,
    window_end: Timestamp,
    /// A page for people that explains the window.
    pub explanation_url: Option<String>,
    /// The delay before the host asks again. `None` means the host's default.
    pub check_again_after: Option<Duration>,
}

/// The error for a window that does not end after its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the window for a renewal must end after it starts")]
pub struct InvalidWindow;

impl RenewalInformation {
    /// Creates the answer that the certificate is to be renewed at a random moment of a window.
    ///
    /// # Errors
    /// [`InvalidWindow`] when the window does not end after its start.
    pub fn new(window_start: Timestamp, window_end: Timestamp) -> Result<Self, InvalidWindow> {
        if window_start < window_end {
            Ok(Self { window_start, window_end, explanation_url: None, check_again_after: None })
        } else {
            Err(InvalidWindow)
        }
    }

    /// Sets the page that explains the window.
    #[must_use]
    pub fn with_explanation_url(mut self, url: impl Into<String>) -> Self {
        self.explanation_url = Some(url.into());
        self
    }

    /// Sets the delay before the host asks again.
    #[must_use]
    pub const fn with_check_again_after(mut self, delay: Duration) -> Self {
        self.check_again_after = Some(delay);
        self
    }

    /// Returns the start of the window.
    pub const fn window_start(&self) -> Timestamp {
        self.window_start
    }

    /// Returns the end of the window.
    pub const fn window_end(&self) -> Timestamp {
        self.window_end
    }
}
