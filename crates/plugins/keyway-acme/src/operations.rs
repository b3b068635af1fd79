//! The operations of the contract.

use keyway_certificates::{
    CaId, CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder,
    CertificateRevocation, IntendedCall, ObjectRef, OrderOutcome, OrderRequest, Reconciled, Reconciliation,
    RenewalInformation, RenewalQuestion, RequestTypes, Support, async_trait,
};

use crate::acme::Acme;
use crate::documents::OrderStatus;
use crate::failure::Failure;
use crate::kept::Kept;
use crate::order_request::{CA, Readiness, known, read};

/// The answer to a check of an order that was never placed.
const UNKNOWN_ORDER: &str = "The order was never placed at the certificate authority.";

#[async_trait]
impl CertificateAuthority for Acme {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
            .request_types(RequestTypes::CUSTOM.and(RequestTypes::SIMPLE_CMC).and(RequestTypes::STORED_KEY))
            .cancels(true)
            .revokes(true)
            .renewal_information(true)
            .reconciles(true)
            .blocking(true)
    }

    async fn supports(&self, request: &OrderRequest) -> Result<Support, CertificateError> {
        Ok(match read(&request.metadata, &request.context, &self.configuration.challenges)? {
            Readiness::Ready(_) | Readiness::AwaitsRequest => Support::Yes,
            Readiness::Unsupported(reason) => Support::no(reason),
        })
    }

    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        known(order.context.ca.as_ref())?;
        self.issued(order).await
    }

    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        if Kept(&order.plugin_meta).is_canceling() {
            return self.canceled(order).await;
        }
        match self.placed(order).await? {
            Some(url) => self.looked_at(order, url, self.until()).await,
            None => Ok(OrderOutcome::InvalidOperation(UNKNOWN_ORDER.into())),
        }
    }

    async fn cancel(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.canceled(order).await
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        let host = self.configuration.host();
        let name = self.configuration.name.as_deref().unwrap_or(host);
        let description = format!("ACME server at {host}");
        Ok(vec![CaInformation::new(CaId::new(CA)?, name).with_description(description)])
    }

    async fn revoke(&self, request: &CertificateRevocation) -> Result<(), CertificateError> {
        known(request.ca.as_ref())?;
        self.revoked(request).await
    }

    async fn renewal_information(
        &self,
        question: &RenewalQuestion,
    ) -> Result<RenewalInformation, CertificateError> {
        known(question.ca.as_ref())?;
        self.renewal(&question.certificate)
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, CertificateError> {
        let destroyed = |is_gone| if is_gone { Reconciled::Destroyed } else { Reconciled::NothingHappened };
        Ok(match &question.context {
            IntendedCall::Issue(order) => {
                if self.is_placed(order).await? {
                    Reconciled::Made(ObjectRef::Order(order.id.clone()))
                } else {
                    Reconciled::NothingHappened
                }
            }
            IntendedCall::Cancel(order) => destroyed(self.is_withdrawn(order).await?),
            IntendedCall::Revoke(request) => destroyed(self.is_revoked(&request.certificate).await?),
            // All other calls manage authorities or change orders. A connection has only one authority, and never
            // changes placed orders.
            _ => Reconciled::NothingHappened,
        })
    }
}

impl Acme {
    /// Tells whether an order is at the server. If a call of `issue` may have placed the order and lost the answer, an
    /// open, unclaimed order at the server for the same names is claimed for this order.
    async fn is_placed(&self, order: &CertificateOrder) -> Result<bool, CertificateError> {
        if self.placed(order).await?.is_some() {
            return Ok(true);
        }
        let Readiness::Ready(request) =
            read(&order.metadata, &order.context, &self.configuration.challenges)?
        else {
            return Ok(false);
        };
        // `issue` makes a checkpoint before it places an order, so without that checkpoint nothing was placed.
        if !Kept(&order.plugin_meta).is_placing() {
            return Ok(false);
        }
        let found = self.found(order, &request.names, self.until()).await;
        Ok(found.map_err(Failure::into_error)?.is_some())
    }

    /// Tells whether an order was withdrawn: the plugin recorded this, or the server says that the order is invalid, or
    /// refuses to return it.
    async fn is_withdrawn(&self, order: &CertificateOrder) -> Result<bool, CertificateError> {
        if Kept(&order.plugin_meta).is_canceled() {
            return Ok(true);
        }
        let Some(url) = self.placed(order).await? else { return Ok(false) };
        match self.seen(url, self.until()).await {
            Ok(seen) => Ok(seen.state.status == OrderStatus::Invalid),
            Err(Failure::Unread(_) | Failure::Problem(_)) => Ok(true),
            Err(failure) => Err(failure.into_error()),
        }
    }
}
