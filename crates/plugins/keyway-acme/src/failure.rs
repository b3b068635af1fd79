//! The failures of requests, and their meaning for an order.

use std::time::Duration;

use keyway_certificates::{CertificateError, OrderOutcome, Waiting};

use crate::account_key::AccountKeyError;
use crate::problem::{Problem, ProblemKind};

/// The number of calls in a row with a refused read after which an order ends. The host waits between two calls, so a
/// copy of the server that is behind has caught up long before.
pub(crate) const MAX_REFUSED_READS: u32 = 10;
const SERVER: &str = "the ACME server";
pub(crate) const UNREACHED: &str = "The certificate authority cannot be reached at the moment.";

/// The failure of a request or of a step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server was not reached, or asked to try again later. The request had no effect.
    #[error("the ACME server cannot be reached at the moment: {reason}")]
    Unavailable { retry_after: Option<Duration>, reason: String },
    /// There was no answer, a redirect, or the server answered that it had an error. The request may have had its
    /// effect.
    #[error("the ACME server gave no usable answer: {reason}")]
    NoAnswer { reason: String },
    /// Another server answered in place of the ACME server, for example a gateway or a captive portal. The request may
    /// have had its effect.
    #[error("the answer is not that of an ACME server: {reason}")]
    Foreign { retry_after: Option<Duration>, reason: String },
    /// The server refused the request.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The server refused to show an object. Its copy may be outdated, so the object may exist.
    #[error(transparent)]
    Unread(Problem),
    /// The server shows a valid order, but not its certificate. Its copy may be outdated.
    #[error("the ACME server shows a valid order without its certificate: {reason}")]
    Withheld { reason: String },
    /// The server's answer does not follow RFC 8555.
    #[error("the ACME server does not keep to RFC 8555: {0}")]
    Protocol(&'static str),
    /// The host did not store the plugin's data of the order, perhaps because another worker took over the order. The
    /// call leaves out its effect, and does not end the order.
    #[error(transparent)]
    Unsaved(CertificateError),
    /// The host's storage, its responder or the system failed.
    #[error(transparent)]
    Other(#[from] CertificateError),
}

impl From<AccountKeyError> for Failure {
    fn from(error: AccountKeyError) -> Self {
        CertificateError::not_ready("the key of the ACME account", error.to_string()).into()
    }
}

impl Failure {
    /// Converts the failure of a read. A refusal because of the account stays as it is, because it also holds for every
    /// other request.
    pub(crate) fn of_read(self) -> Self {
        match self {
            Self::Problem(problem) if !problem.kind.is_of_account() => Self::Unread(problem),
            other => other,
        }
    }

    /// Converts the failure of the read of a certificate. If another server answered, it may do so for good: the ACME
    /// server has just shown the order. The delay that the other server asked for is left out, so that an outage does
    /// not use up the calls that [`MAX_REFUSED_READS`] allows within an hour.
    pub(crate) fn of_download(self) -> Self {
        match self {
            Self::Unread(problem) => Self::Withheld { reason: problem.to_string() },
            Self::Foreign { reason, .. } => Self::Withheld { reason },
            other => other,
        }
    }

    /// Tells whether the server did not show an object that it should have.
    pub(crate) const fn is_refused_read(&self) -> bool {
        matches!(self, Self::Unread(_) | Self::Withheld { .. })
    }

    /// Converts a refused read after which no other one follows. The certificate that the server does not show may be
    /// in use elsewhere, and the host has nothing to revoke it with (decision H364).
    pub(crate) fn for_good(self) -> Self {
        match self {
            Self::Unread(problem) => Self::Problem(problem),
            Self::Withheld { reason } => Self::Other(CertificateError::refused(
                "The certificate authority made a certificate, but does not hand it out. The certificate may be valid.",
                format!(
                    "the ACME server does not show the certificate of a valid order, and it cannot be revoked: {reason}"
                ),
            )),
            other => other,
        }
    }

    /// Tells whether the server refused for this reason.
    pub(crate) fn is(&self, kind: &ProblemKind) -> bool {
        matches!(self, Self::Problem(problem) if problem.kind == *kind)
    }

    /// Tells whether the ACME server, or a server in its place, refused the request.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Problem(_) | Self::Unread(_) | Self::Foreign { .. })
    }

    /// Tells whether the request certainly had no effect at the server.
    pub(crate) const fn leaves_nothing(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Problem(_))
    }

    /// Converts the failure to the error of a call that is not for an order.
    pub(crate) fn into_error(self) -> CertificateError {
        match self {
            Self::Unavailable { retry_after, reason } => {
                CertificateError::Unavailable { what: SERVER, retry_after, source: Some(reason.into()) }
            }
            Self::NoAnswer { reason } | Self::Foreign { reason, .. } | Self::Withheld { reason } => {
                CertificateError::system("get an answer of its ACME server", reason)
            }
            Self::Protocol(what) => CertificateError::system("understand its ACME server", what),
            Self::Unsaved(error) | Self::Other(error) => error,
            Self::Problem(problem) | Self::Unread(problem) => match problem.kind {
                ProblemKind::AccountDoesNotExist => CertificateError::not_ready(
                    "the account at the ACME server",
                    format!(
                        "{problem}: restore the connection's records, or open the connection under a new name"
                    ),
                ),
                ProblemKind::ExternalAccountRequired => CertificateError::not_ready(
                    SERVER,
                    "it binds each account to an external one: lend an ExternalAccount to the plugin",
                ),
                _ => CertificateError::refused(problem.client_message(), problem.to_string()),
            },
        }
    }

    /// Converts the failure to the outcome or the error of a call for an order. `is_placed` tells whether the server
    /// has the order. If so, and a request got no answer or a system of the host is unavailable, the order waits and is
    /// checked again later. If another server answered, or the server did not show an object, the authority is
    /// unavailable, and the host limits the number of attempts, except for a renewal. So the caller counts the calls
    /// with a refused read. After [`MAX_REFUSED_READS`] in a row, it passes the failure [for good](Self::for_good),
    /// which ends the order (decisions B7, H305, H358 and H364).
    pub(crate) fn into_outcome(self, is_placed: bool) -> Result<OrderOutcome, CertificateError> {
        let later = |retry_after: Option<Duration>| {
            let waiting = Waiting::new(UNREACHED);
            retry_after.map_or(waiting.clone(), |delay| waiting.retry_after(delay))
        };
        Ok(match self {
            Self::NoAnswer { .. } if is_placed => OrderOutcome::WaitingForCa(later(None)),
            Self::NoAnswer { .. } | Self::Unread(_) | Self::Withheld { .. } => {
                OrderOutcome::CaUnavailable(later(None))
            }
            Self::Other(CertificateError::Unavailable { retry_after, .. }) if is_placed => {
                OrderOutcome::WaitingForCa(later(retry_after))
            }
            Self::Unavailable { retry_after, .. }
            | Self::Foreign { retry_after, .. }
            | Self::Other(CertificateError::Unavailable { retry_after, .. }) => {
                OrderOutcome::CaUnavailable(later(retry_after))
            }
            Self::Problem(problem) => match problem.kind {
                ProblemKind::UserActionRequired => {
                    OrderOutcome::ClientDataIssue(Waiting::new(problem.client_message()))
                }
                ProblemKind::AccountDoesNotExist
                | ProblemKind::ExternalAccountRequired
                | ProblemKind::Unauthorized => return Err(Self::Problem(problem).into_error()),
                _ => OrderOutcome::InvalidOperation(problem.client_message().into()),
            },
            Self::Protocol(_) | Self::Unsaved(_) | Self::Other(_) => return Err(self.into_error()),
        })
    }
}

#[cfg(test)]
mod tests {
    use keyway_core::{Effect, PluginError as _};

    use super::*;

    fn problem(kind: ProblemKind) -> Failure {
        Problem { kind, status: 400, detail: "Why.".into(), instance: None }.into()
    }

    #[test]
    fn a_delay_of_the_server_reaches_the_host() {
        let delay = Some(Duration::from_secs(30));
        let failure = || Failure::Unavailable { retry_after: delay, reason: "429".into() };
        let outcome = failure().into_outcome(true).unwrap();
        assert_eq!(
            (outcome.status().as_str(), outcome.waiting().unwrap().retry_after),
            ("CA unavailable for request", delay)
        );
        assert!(
            matches!(failure().into_error(), CertificateError::Unavailable { retry_after, .. } if retry_after == delay)
        );
    }

    #[test]
    fn a_missing_answer_leaves_a_placed_order_waiting() {
        let failure = || Failure::NoAnswer { reason: "cut off".into() };
        assert!(matches!(failure().into_outcome(true), Ok(OrderOutcome::WaitingForCa(_))));
        assert!(matches!(failure().into_outcome(false), Ok(OrderOutcome::CaUnavailable(_))));
        assert_eq!(failure().into_error().effect(), Effect::Unknown);
    }

    #[test]
    fn the_answer_of_another_server_is_a_failure_that_the_host_counts() {
        let delay = Some(Duration::from_secs(9));
        let failure = || Failure::Foreign { retry_after: delay, reason: "404".into() };
        for is_placed in [false, true] {
            for (failure, delay) in [(failure(), delay), (failure().of_download(), None)] {
                let outcome = failure.into_outcome(is_placed).unwrap();
                assert!(
                    matches!(outcome, OrderOutcome::CaUnavailable(waiting) if waiting.retry_after == delay)
                );
            }
        }
        assert_eq!(failure().into_error().effect(), Effect::Unknown);
        assert!(failure().is_refusal() && !failure().leaves_nothing());
    }

    #[test]
    fn a_refusal_is_for_the_client_unless_the_account_is_at_fault() {
        let rejected = problem(ProblemKind::Other("rejectedIdentifier".into())).into_outcome(true).unwrap();
        assert_eq!(rejected.message().as_str(), "The certificate authority refused: Why.");
        assert!(matches!(rejected, OrderOutcome::InvalidOperation(_)));
        let terms = problem(ProblemKind::UserActionRequired).into_outcome(true).unwrap();
        assert!(matches!(terms, OrderOutcome::ClientDataIssue(_)));
        for kind in [
            ProblemKind::AccountDoesNotExist,
            ProblemKind::ExternalAccountRequired,
            ProblemKind::Unauthorized,
        ] {
            assert_eq!(problem(kind).into_outcome(true).unwrap_err().effect(), Effect::None);
        }
    }
}
