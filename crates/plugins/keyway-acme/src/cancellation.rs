//! Canceling an order.
//!
//! See decision B16.

use std::time::Instant;

use keyway_certificates::{CertificateError, CertificateOrder, OrderOutcome};
use serde_json::json;

use crate::acme::Acme;
use crate::documents::OrderStatus;
use crate::failure::Failure;
use crate::kept::Kept;
use crate::progress::waiting;
use crate::proving::CONTINUES;

/// The message of a canceled order.
const CANCELED: &str = "The order is canceled.";

impl Acme {
    /// Cancels an order. If its certificate is being made or exists already, returns the outcome of the order instead.
    pub(crate) async fn canceled(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        let until = self.until();
        let kept = Kept(&order.plugin_meta);
        // If the cancel has to wait, the next check continues it.
        kept.set_canceling()?;
        let Some(url) = self.placed(order).await? else {
            kept.set_canceled()?;
            return Ok(OrderOutcome::Canceled(CANCELED.into()));
        };
        let outcome = if kept.is_canceled() {
            OrderOutcome::Canceled(CANCELED.into())
        } else {
            match self.withdrawn(order, &url, until).await {
                Ok(Some(outcome)) => return Ok(outcome),
                // An order that the server no longer has counts as canceled.
                Ok(None) | Err(Failure::Unread(_)) => OrderOutcome::Canceled(CANCELED.into()),
                Err(failure) => return self.failed(order, &url, failure, until).await,
            }
        };
        kept.set_canceled()?;
        self.settled(order, &url, outcome, until).await
    }

    /// Withdraws an order that is open. If its certificate is being made or exists already, returns the outcome of the
    /// order instead.
    ///
    /// If another open order also uses an authorization of this order, that authorization and its proof stay. If
    /// another order with a shared authorization is placed during the cancellation, that order may end as invalid.
    async fn withdrawn(
        &self,
        order: &CertificateOrder,
        url: &str,
        until: Instant,
    ) -> Result<Option<OrderOutcome>, Failure> {
        // The checkpoint stores that the order is being canceled. Otherwise, after a kill, an order whose
        // authorizations are deactivated would look like one that the server refused.
        Kept(&order.plugin_meta).save().await?;
        // The proofs do not wait for the server, and a certificate does not wait for the proofs.
        let others = self.authorizations_of_others(&order.id).await?;
        let removed = self.proofs_removed(order, &others, until).await;
        let seen = self.seen(url.to_owned(), until).await?;
        if matches!(seen.state.status, OrderStatus::Processing | OrderStatus::Valid) {
            return Ok(Some(self.gone_on(order, seen, until).await?));
        }
        if !removed? {
            return Ok(Some(waiting("The order is being canceled.", Some(CONTINUES))));
        }
        if seen.state.status == OrderStatus::Invalid {
            return Ok(None);
        }
        for authorization in seen.state.authorizations.iter().filter(|url| !others.contains(*url)) {
            let payload = json!({ "status": "deactivated" });
            match self.post(authorization, Some(&payload), until).await {
                // The server refuses to deactivate an authorization that has ended already.
                Ok(_) | Err(Failure::Problem(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }
}
