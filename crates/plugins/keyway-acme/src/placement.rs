//! Placing an order, and finding a placed order after the server's answer was lost.

use std::time::{Duration, Instant};

use keyway_certificates::{CertificateError, CertificateOrder, OrderOutcome, RetryMethod, Waiting};
use serde_json::json;

use crate::acme::Acme;
use crate::certificate;
use crate::client::document;
use crate::documents::{AccountState, Identifier, OrderList, OrderState, OrderStatus};
use crate::failure::{Failure, UNREACHED};
use crate::http::Answer;
use crate::kept::Kept;
use crate::order_request::{AcmeRequest, Readiness, read};
use crate::progress::waiting;

/// The maximum number of an account's orders that are read to find an order whose placing got no answer. If the order
/// is not found among them, the plugin places another one. This is harmless, because the lost order is never finalized.
const MOST_READ: usize = 100;
/// The maximum number of pages of the list of orders that are read.
const MOST_PAGES: usize = 20;

/// An order at the server, as it was last seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) url: String,
    pub(crate) state: OrderState,
    /// The delay before the next look, as the server requests it.
    pub(crate) retry_after: Option<Duration>,
}

impl Acme {
    /// Places an order. If the order was placed before, continues it.
    pub(crate) async fn issued(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        let until = self.until();
        if let Some(url) = self.placed(order).await? {
            return as_placed(self.looked_at(order, url, until).await);
        }
        let request = match read(&order.metadata, &order.context, &self.configuration.challenges)? {
            Readiness::Ready(request) => request,
            Readiness::Unsupported(reason) => return Ok(OrderOutcome::InvalidOperation(reason.into())),
            Readiness::AwaitsRequest => {
                let reason = "the host has made none";
                return Err(CertificateError::invalid("the request from the stored key", reason));
            }
        };
        match self.place(order, &request, until).await {
            Ok(Some(seen)) => as_placed(self.gone_on(order, seen, until).await),
            // The server answered the request for a new order with an open order for the same names, and another order
            // of the host has claimed that one. Some servers answer in this way.
            Ok(None) => {
                let message = "Another order for the same names is open at the certificate authority.";
                Ok(OrderOutcome::WaitingForCa(Waiting::new(message).retry_method(RetryMethod::Issue)))
            }
            Err(failure) => failure.into_outcome(Kept(&order.plugin_meta).order().is_some()),
        }
    }

    /// Places an order and claims it. Returns `None` if the server answers with an order that another order of the host
    /// has claimed.
    async fn place(
        &self,
        order: &CertificateOrder,
        request: &AcmeRequest,
        until: Instant,
    ) -> Result<Option<Seen>, Failure> {
        let kept = Kept(&order.plugin_meta);
        let was_placing = kept.is_placing();
        if was_placing {
            // An earlier call may have placed the order, and lost the answer.
            if let Some(seen) = self.found(order, &request.names, until).await? {
                // The order may end in this call, and its record with it.
                kept.save().await?;
                return Ok(Some(seen));
            }
        }
        kept.set_placing()?;
        kept.save().await?;
        let answer = self.new_order(request, until).await.inspect_err(|failure| {
            // If no call placed anything, the next one need not search for the order.
            if failure.leaves_nothing() && !was_placing {
                kept.remove_placing();
            }
        })?;
        let url = answer.location.clone().ok_or(Failure::Protocol("newOrder gives no URL of the order"))?;
        let state: OrderState = document(&answer, "a new order")?;
        if !self.claim(&order.id, &url, &state).await? {
            return Ok(None);
        }
        kept.set_order(&url)?;
        kept.save().await?;
        Ok(Some(Seen { url, state, retry_after: answer.retry_after }))
    }

    async fn new_order(&self, request: &AcmeRequest, until: Instant) -> Result<Answer, Failure> {
        let directory = self.client.directory(until)?;
        let mut payload = json!({ "identifiers": request.names });
        // A certificate has no renewal id if it does not identify the key of its issuer.
        let replaced = request.replaces.as_ref().filter(|_| directory.renewal_info.is_some());
        let replaced = replaced.and_then(|replaced| certificate::renewal_id(replaced).ok());
        if let Some(replaced) = &replaced {
            payload["replaces"] = replaced.as_str().into();
        }
        match self.post(&directory.new_order, Some(&payload), until).await {
            // The server may refuse the order only because of the replacement: the certificate was replaced before, or
            // belongs to another account. So the order is placed again without the replacement.
            Err(Failure::Problem(_)) if replaced.is_some() => {
                let payload = json!({ "identifiers": request.names });
                self.post(&directory.new_order, Some(&payload), until).await
            }
            answer => answer,
        }
    }

    /// Searches the account's orders for an open order for the same names that no other order of the host has claimed,
    /// and claims it. Returns `None` if no such order is found, for example because the server keeps no list of orders.
    ///
    /// A list that is refused or cannot be understood counts as none, because the order would wait for it for ever.
    pub(crate) async fn found(
        &self,
        order: &CertificateOrder,
        names: &[Identifier],
        until: Instant,
    ) -> Result<Option<Seen>, Failure> {
        match self.found_in_list(order, names, until).await {
            Err(Failure::Problem(_) | Failure::Foreign { .. } | Failure::Protocol(_)) => Ok(None),
            found => found,
        }
    }

    async fn found_in_list(
        &self,
        order: &CertificateOrder,
        names: &[Identifier],
        until: Instant,
    ) -> Result<Option<Seen>, Failure> {
        let account = self.account(until).await?;
        let state: AccountState = document(&self.post(&account.url, None, until).await?, "an account")?;
        let (mut page, mut read) = (state.orders, 0);
        for _ in 0..MOST_PAGES {
            let Some(url) = page else { break };
            let answer = self.post(&url, None, until).await?;
            let list: OrderList = document(&answer, "a list of orders")?;
            for url in list.orders {
                let claimant = self.claimant(&url).await?;
                if claimant.is_some_and(|claimant| claimant != order.id.as_str()) {
                    continue;
                }
                if read == MOST_READ || self.is_late(until) {
                    return Ok(None);
                }
                read += 1;
                let seen = match self.seen(url, until).await {
                    Ok(seen) => seen,
                    // The server lists an order that it no longer keeps.
                    Err(failure) if failure.is_refusal() => continue,
                    Err(failure) => return Err(failure),
                };
                let is_open = matches!(seen.state.status, OrderStatus::Pending | OrderStatus::Ready);
                if is_open
                    && seen.state.is_for(names)
                    && self.claim(&order.id, &seen.url, &seen.state).await?
                {
                    Kept(&order.plugin_meta).set_order(&seen.url)?;
                    return Ok(Some(seen));
                }
            }
            page = answer.next;
        }
        Ok(None)
    }

    /// Reads an order.
    pub(crate) async fn seen(&self, url: String, until: Instant) -> Result<Seen, Failure> {
        let answer = self.read(&url, until).await?;
        Ok(Seen { state: document(&answer, "an order")?, retry_after: answer.retry_after, url })
    }

    /// Tells whether a call has little time left, so that it should return what it has done so far.
    pub(crate) fn is_late(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        left < Duration::from_secs(self.configuration.call_seconds.into()) / 4
    }
}

/// Tells the host that the server has the order, also if the server cannot be reached. Otherwise a cancel would not
/// reach the plugin, and the proofs of the order would stay.
fn as_placed(outcome: Result<OrderOutcome, CertificateError>) -> Result<OrderOutcome, CertificateError> {
    match outcome {
        Ok(OrderOutcome::CaUnavailable(waiting)) => Ok(OrderOutcome::WaitingForCa(waiting)),
        Err(CertificateError::Unavailable { retry_after, .. }) => Ok(waiting(UNREACHED, retry_after)),
        outcome => outcome,
    }
}
