//! The outcome of one call for an order.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{CertificateStatus, Pem, RetryMethod};

/// The outcome of [`issue`](crate::CertificateAuthority::issue),
/// [`check`](crate::CertificateAuthority::check), [`modify`](crate::CertificateAuthority::modify) or
/// [`cancel`](crate::CertificateAuthority::cancel) (seed, "Data Transfer Objects").
///
/// | outcome | the order is then | and the host calls |
/// | --- | --- | --- |
/// | `Generated` | active | nothing |
/// | `WaitingForCa` | pending | `check`, after the delay |
/// | `CaUnavailable` | pending | the same method again, after the delay |
/// | `ClientDataIssue` | pending | `check`, after the delay; `modify`, when the client updates the order |
/// | `Canceled` | active, without a certificate | nothing |
/// | `InvalidOperation` | failed | nothing |
///
/// If the plugin chose a delay or a method in [`Waiting`], the host uses these (decisions B1 to B7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderOutcome {
    /// The authority made the certificate.
    Generated(IssuedCertificate),
    /// The authority works on the order.
    WaitingForCa(Waiting),
    /// The authority could not be reached. Nothing happened in this call.
    CaUnavailable(Waiting),
    /// The client has to correct its data, at the host or at the authority itself. The order stays open.
    ClientDataIssue(Waiting),
    /// The order is canceled, by the client or by the authority.
    Canceled(ClientMessage),
    /// The order cannot be carried out.
    InvalidOperation(ClientMessage),
}

impl OrderOutcome {
    /// Returns the status of the order after the call.
    pub const fn status(&self) -> CertificateStatus {
        match self {
            Self::Generated(_) => CertificateStatus::Generated,
            Self::WaitingForCa(_) => CertificateStatus::WaitingForCa,
            Self::CaUnavailable(_) => CertificateStatus::CaUnavailable,
            Self::ClientDataIssue(_) => CertificateStatus::ClientDataIssue,
            Self::Canceled(_) => CertificateStatus::Canceled,
            Self::InvalidOperation(_) => CertificateStatus::InvalidOperation,
        }
    }

    /// Returns the message for the client, which may be empty.
    pub const fn message(&self) -> &ClientMessage {
        match self {
            Self::Generated(issued) => &issued.message,
            Self::WaitingForCa(waiting) | Self::CaUnavailable(waiting) | Self::ClientDataIssue(waiting) => {
                &waiting.message
            }
            Self::Canceled(message) | Self::InvalidOperation(message) => message,
        }
    }

    /// Returns the plugin's wishes about the next call, if the order stays open.
    pub const fn waiting(&self) -> Option<&Waiting> {
        match self {
            Self::WaitingForCa(waiting) | Self::CaUnavailable(waiting) | Self::ClientDataIssue(waiting) => {
                Some(waiting)
            }
            Self::Generated(_) | Self::Canceled(_) | Self::InvalidOperation(_) => None,
        }
    }

    /// Returns the method that the host calls next, or `None` if the order is finished. `answered` is the method that
    /// returned this outcome.
    ///
    /// Decisions B1 to B7.
    pub fn next_method(&self, answered: RetryMethod) -> Option<RetryMethod> {
        let by_default = match self {
            Self::CaUnavailable(_) => answered,
            _ => RetryMethod::Check,
        };
        Some(self.waiting()?.retry_method.unwrap_or(by_default))
    }
}

/// A certificate that an authority made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedCertificate {
    /// The certificate.
    pub certificate: Pem,
    /// The certificates between this certificate and the root. The certificate whose key signed this certificate comes
    /// first.
    pub intermediates: Option<Pem>,
    /// The message for the client.
    pub message: ClientMessage,
}

impl IssuedCertificate {
    /// Creates a certificate without intermediates and message.
    pub fn new(certificate: Pem) -> Self {
        Self { certificate, intermediates: None, message: ClientMessage::default() }
    }

    /// Sets the certificates between the certificate and the root.
    #[must_use]
    pub fn with_intermediates(mut self, intermediates: Pem) -> Self {
        self.intermediates = Some(intermediates);
        self
    }

    /// Sets the message for the client.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<ClientMessage>) -> Self {
        self.message = message.into();
        self
    }
}

impl From<IssuedCertificate> for OrderOutcome {
    fn from(issued: IssuedCertificate) -> Self {
        Self::Generated(issued)
    }
}

/// The state of an order that stays open, and the plugin's wishes about the next call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The message for the client.
    pub message: ClientMessage,
    /// The shortest delay before the next call. `None` means the host's default (seed, `retry_msec`; decision B7).
    pub retry_after: Option<Duration>,
    /// The method that the host calls next. The authority must declare it. `None` means the method that
    /// [`OrderOutcome`] lists for the outcome (decision B7).
    pub retry_method: Option<RetryMethod>,
}

impl Waiting {
    /// Creates the state of an open order, with a message for the client.
    pub fn new(message: impl Into<ClientMessage>) -> Self {
        Self { message: message.into(), retry_after: None, retry_method: None }
    }

    /// Sets the delay before the next call. Zero means the host's default.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = (!delay.is_zero()).then_some(delay);
        self
    }

    /// Sets the method that the host calls next.
    #[must_use]
    pub const fn retry_method(mut self, method: RetryMethod) -> Self {
        self.retry_method = Some(method);
        self
    }
}

/// A message for the client of an order: one line, at most [`MAX_BYTES`](Self::MAX_BYTES).
///
/// A longer text is cut and ends with an ellipsis, and each control character becomes a space, so a plugin may pass on
/// the message of its authority. Messages are shown to clients and stored in the clear, so they must hold nothing
/// internal and no secret. A clone costs one reference count.
///
/// ```
/// use keyway_certificates::ClientMessage;
///
/// assert_eq!(ClientMessage::new("Approval pending.\nSee mail.").as_str(), "Approval pending. See mail.");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ClientMessage(Arc<str>);

impl ClientMessage {
    /// The longest message in bytes.
    pub const MAX_BYTES: usize = 1000;

    /// Creates a message.
    pub fn new(text: impl AsRef<str>) -> Self {
        const ELLIPSIS: char = '\u{2026}';
        let text = text.as_ref();
        let cut = text.len() > Self::MAX_BYTES;
        let room = if cut { Self::MAX_BYTES - ELLIPSIS.len_utf8() } else { text.len() };
        let kept = &text[..text.floor_char_boundary(room)];
        // A control character has one or two bytes and becomes a space, which has one byte, so the text does not grow.
        let blanked = kept.chars().map(|char| if char.is_control() { ' ' } else { char });
        Self(blanked.chain(cut.then_some(ELLIPSIS)).collect::<String>().into())
    }

    /// Returns the message.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> From<T> for ClientMessage {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for ClientMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ClientMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientMessage").field(&self.as_str()).finish()
    }
}

#[cfg(test)]
mod tests;
