//! The steps of a placed order until it has its certificate.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyway_certificates::{
    CertificateError, CertificateOrder, ClientMessage, IssuedCertificate, OrderOutcome, Waiting,
};
use keyway_core::{Effect, PluginError as _};
use serde_json::json;

use crate::acme::Acme;
use crate::certificate;
use crate::client::document;
use crate::documents::{Authorization, OrderState, OrderStatus};
use crate::failure::{Failure, MAX_REFUSED_READS};
use crate::kept::{End, Kept};
use crate::order_request::{AcmeRequest, Readiness, read};
use crate::placement::Seen;
use crate::problem::{ProblemDocument, ProblemKind};
use crate::proving::CONTINUES;

const CLEANED_UP: &str = "The order has ended, and is being cleaned up.";
/// The number of failed clean-ups after which a certificate is handed out, although proofs are left.
const MAX_CLEANUPS: u32 = 10;
/// The longest delay between the clean-ups for which a certificate waits.
const CLEANUP_DELAY: Duration = Duration::from_secs(60);

/// Makes the outcome of an order that must wait for the server.
pub(crate) fn waiting(message: &str, retry_after: Option<Duration>) -> OrderOutcome {
    let waiting = Waiting::new(message);
    OrderOutcome::WaitingForCa(match retry_after {
        Some(delay) => waiting.retry_after(delay),
        None => waiting,
    })
}

impl Acme {
    /// Reads a placed order from the server, and continues it. If the order has failed, only continues its clean-up
    /// (decision H356).
    pub(crate) async fn looked_at(
        &self,
        order: &CertificateOrder,
        url: String,
        until: Instant,
    ) -> Result<OrderOutcome, CertificateError> {
        let kept = Kept(&order.plugin_meta);
        if let Some(end) = kept.end() {
            let ended = OrderOutcome::InvalidOperation(end.message.as_str().into());
            let settled = self.settled(order, &url, ended, until).await?;
            return match end.error {
                Some(detail) if settled.waiting().is_none() => {
                    Err(CertificateError::refused(end.message, detail))
                }
                _ => Ok(settled),
            };
        }
        match self.seen(url.clone(), until).await {
            Ok(seen) => self.gone_on(order, seen, until).await,
            Err(failure) => self.failed(order, &url, failure, until).await,
        }
    }

    /// Converts a failure to the outcome of an order, and counts the refused reads. If the failure ends the order, also
    /// cleans up. A refused checkpoint does not end it: the proofs and the records may be those of another worker now.
    pub(crate) async fn failed(
        &self,
        order: &CertificateOrder,
        url: &str,
        failure: Failure,
        until: Instant,
    ) -> Result<OrderOutcome, CertificateError> {
        if let Failure::Unsaved(error) = failure {
            return Err(error);
        }
        let kept = Kept(&order.plugin_meta);
        let is_last = failure.is_refused_read() && kept.count_refused_read()? >= MAX_REFUSED_READS;
        let failure = if is_last { failure.for_good() } else { failure };
        match failure.into_outcome(true) {
            Ok(outcome) => self.settled(order, url, outcome, until).await,
            Err(error) if error.effect() == Effect::None => {
                let ended = OrderOutcome::InvalidOperation(error.client_message().into());
                let message = ended.message().as_str().to_owned();
                // The detail may contain a long text of the server, so it is cut like a message.
                let detail = ClientMessage::new(error.detail()).as_str().to_owned();
                kept.set_end(&End { message, error: Some(detail) })?;
                let settled = self.settled(order, url, ended, until).await?;
                if settled.waiting().is_some() { Ok(settled) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// Continues a placed order from its current state.
    pub(crate) async fn gone_on(
        &self,
        order: &CertificateOrder,
        seen: Seen,
        until: Instant,
    ) -> Result<OrderOutcome, CertificateError> {
        let url = seen.url.clone();
        match self.advanced(order, seen, until).await {
            Ok(outcome) => {
                Kept(&order.plugin_meta).forget_refused_reads();
                self.settled(order, &url, outcome, until).await
            }
            Err(failure) => self.failed(order, &url, failure, until).await,
        }
    }

    /// Cleans up after an order that has ended. Notes the end of a failed order first, so that the next call does not
    /// prove its names again. If the clean-up fails for now, the order waits for it. A certificate also waits if the
    /// clean-up fails for another reason, because an operator may repair it, but not for ever (decision H357).
    pub(crate) async fn settled(
        &self,
        order: &CertificateOrder,
        url: &str,
        outcome: OrderOutcome,
        until: Instant,
    ) -> Result<OrderOutcome, CertificateError> {
        if outcome.waiting().is_some() {
            return Ok(outcome);
        }
        let kept = Kept(&order.plugin_meta);
        if let OrderOutcome::InvalidOperation(message) = &outcome
            && kept.end().is_none()
        {
            kept.set_end(&End { message: message.as_str().to_owned(), error: None })?;
        }
        let is_made = matches!(outcome, OrderOutcome::Generated(_));
        match (self.release(order, url, is_made, until).await, outcome) {
            (Ok(true), outcome) => Ok(outcome),
            (Ok(false), _) => Ok(waiting(CLEANED_UP, Some(CONTINUES))),
            (Err(error), OrderOutcome::Generated(issued)) => {
                let failed = kept.count_failed_cleanup().unwrap_or(MAX_CLEANUPS);
                if failed < MAX_CLEANUPS {
                    let named = match error {
                        CertificateError::Unavailable { retry_after, .. } => retry_after,
                        _ => None,
                    };
                    let delay = named.unwrap_or(CLEANUP_DELAY).min(CLEANUP_DELAY);
                    return Ok(waiting(CLEANED_UP, Some(delay)));
                }
                // If the records stay too, the certificate is still more important.
                let _ = self.abandon(order, url).await;
                Ok(issued.with_message("Some proofs of the names could not be removed.").into())
            }
            (Err(CertificateError::Unavailable { retry_after, .. }), _) => {
                Ok(waiting(CLEANED_UP, retry_after))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn advanced(
        &self,
        order: &CertificateOrder,
        seen: Seen,
        until: Instant,
    ) -> Result<OrderOutcome, Failure> {
        let (mut seen, mut is_finalized) = (seen, false);
        loop {
            match seen.state.status {
                OrderStatus::Pending => {
                    if let Some(outcome) = self.proved(order, &seen, until).await? {
                        return Ok(outcome);
                    }
                    // All authorizations are valid, so the order should be ready by now.
                    let before = seen.retry_after;
                    seen = self.seen(seen.url, until).await?;
                    if seen.state.status == OrderStatus::Pending {
                        let retry_after = seen.retry_after.or(before);
                        return Ok(waiting("The certificate authority checks the names.", retry_after));
                    }
                }
                OrderStatus::Ready if is_finalized => {
                    return Ok(waiting("The certificate is being made.", seen.retry_after));
                }
                OrderStatus::Ready => {
                    if !self.proofs_removed(order, &BTreeSet::new(), until).await? {
                        return Ok(waiting("The names are proved.", Some(CONTINUES)));
                    }
                    seen = self.finalized(order, seen, until).await?;
                    is_finalized = true;
                }
                OrderStatus::Processing => {
                    return Ok(waiting("The certificate is being made.", seen.retry_after));
                }
                OrderStatus::Valid => return Ok(self.downloaded(&seen.state, until).await?.into()),
                OrderStatus::Invalid => return self.reason(&seen.state, until).await,
            }
        }
    }

    /// Sends the request for the certificate. If the server says that the order is not ready, the order is read again:
    /// a call whose answer was lost may have finalized it.
    async fn finalized(&self, order: &CertificateOrder, seen: Seen, until: Instant) -> Result<Seen, Failure> {
        let payload = json!({ "csr": URL_SAFE_NO_PAD.encode(self.request(order)?.request.as_der()) });
        match self.post(&seen.state.finalize, Some(&payload), until).await {
            Ok(answer) => {
                let state = document(&answer, "a finalized order")?;
                Ok(Seen { state, retry_after: answer.retry_after, url: seen.url })
            }
            Err(failure) if failure.is(&ProblemKind::OrderNotReady) => self.seen(seen.url, until).await,
            Err(failure) => Err(failure),
        }
    }

    /// Reads the request of a placed order.
    pub(crate) fn request(&self, order: &CertificateOrder) -> Result<AcmeRequest, CertificateError> {
        match read(&order.metadata, &order.context, &self.configuration.challenges)? {
            Readiness::Ready(request) => Ok(*request),
            _ => Err(CertificateError::invalid("the order", "it has no request any more")),
        }
    }

    async fn downloaded(&self, state: &OrderState, until: Instant) -> Result<IssuedCertificate, Failure> {
        let url =
            state.certificate.as_deref().ok_or(Failure::Protocol("a valid order has no certificate"))?;
        let answer = self.read(url, until).await.map_err(Failure::of_download)?;
        let chain = String::from_utf8(answer.body);
        let chain = chain.map_err(|_| Failure::Protocol("a certificate is not PEM"))?;
        certificate::split(&chain)
    }

    /// Returns the outcome of an invalid order. Its message gives the reasons from the order and from its
    /// authorizations.
    async fn reason(&self, state: &OrderState, until: Instant) -> Result<OrderOutcome, Failure> {
        let mut reasons: Vec<String> = state.error.iter().map(ProblemDocument::explanation).collect();
        for url in &state.authorizations {
            if reasons.len() > 3 || self.is_late(until) {
                break;
            }
            if let Ok(answer) = self.read(url, until).await {
                let authorization: Authorization = document(&answer, "an authorization")?;
                reasons.extend(authorization.fault());
            }
        }
        let message = format!("The certificate authority refused the order. {}", reasons.join(" "));
        Ok(OrderOutcome::InvalidOperation(message.trim().into()))
    }
}
