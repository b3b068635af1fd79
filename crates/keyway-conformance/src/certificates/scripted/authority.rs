//! The operations of the scripted authority.

use keyway_certificates::{
    CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder,
    CertificateRevocation, CreateCa, DeleteCa, OrderId, OrderOutcome, OrderRequest, Reconciled,
    Reconciliation, RenewalInformation, RenewalQuestion, Support, async_trait,
};
use keyway_core::Timestamp;

use super::books::OrderState;
use super::cas::DAY;
use super::orders::is_taken;
use super::{CaCall, ScriptedCa};
use crate::scripted::ScriptedError;

pub(super) type Answer<T> = Result<T, CertificateError>;

impl ScriptedError for CertificateError {
    fn unavailable() -> Self {
        Self::Unavailable { what: "the scripted authority", retry_after: None, source: None }
    }

    fn refused() -> Self {
        Self::refused("The script refuses.", "the script refuses")
    }

    fn failed() -> Self {
        Self::system("be reached", "the connection broke")
    }
}

/// Answers `Unsupported` for an operation that is not declared.
fn offered(declared: bool, what: &'static str) -> Answer<()> {
    if declared { Ok(()) } else { Err(CertificateError::Unsupported { what }) }
}

impl ScriptedCa {
    /// Counts a call, and follows the script for it. `given` converts an outcome of the script to an answer, if it can.
    async fn ask<T>(
        &self,
        call: CaCall,
        order: Option<&OrderId>,
        given: fn(OrderOutcome) -> Option<T>,
        work: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        self.at_books(|books| *books.calls.entry(call).or_default() += 1)?;
        self.player.play(call, order.map(OrderId::as_str), given, work).await
    }

    /// Follows the script for a call that acts on an order.
    async fn ask_order(
        &self,
        call: CaCall,
        order: &CertificateOrder,
        work: impl Future<Output = Answer<OrderOutcome>> + Send,
    ) -> Answer<OrderOutcome> {
        self.ask(call, Some(&order.id), Some, work).await
    }
}

#[async_trait]
impl CertificateAuthority for ScriptedCa {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn supports(&self, request: &OrderRequest) -> Answer<Support> {
        self.ask(CaCall::Supports, None, |_| None, async {
            if let Some(ca) = &request.context.ca {
                self.known(ca)?;
            }
            let types = self.capabilities.request_types;
            Ok(match is_taken(&request.metadata)? {
                _ if !types.contains(&request.metadata.request_type()?) => {
                    Support::no("The authority does not take such requests.")
                }
                true => Support::Yes,
                false => Support::no("The authority refuses this name."),
            })
        })
        .await
    }

    async fn issue(&self, order: &CertificateOrder) -> Answer<OrderOutcome> {
        self.ask_order(CaCall::Issue, order, self.place(order)).await
    }

    async fn check(&self, order: &CertificateOrder) -> Answer<OrderOutcome> {
        self.ask_order(CaCall::Check, order, self.look(order)).await
    }

    async fn modify(&self, order: &CertificateOrder) -> Answer<OrderOutcome> {
        self.ask_order(CaCall::Modify, order, async {
            offered(self.capabilities.modifies, "changes of an order")?;
            is_taken(&order.metadata)?;
            let unchanged = CertificateError::Unsupported { what: "changes of an order that is settled" };
            let change = |state| match state {
                OrderState::Open { .. } => Ok(OrderState::Open { looks: self.looks.max(1) }),
                _ => Err(unchanged),
            };
            self.change(CaCall::Modify, order, change).await
        })
        .await
    }

    async fn cancel(&self, order: &CertificateOrder) -> Answer<OrderOutcome> {
        self.ask_order(CaCall::Cancel, order, async {
            offered(self.capabilities.cancels, "cancelling")?;
            let canceled = if self.cancels_later { OrderState::Canceling } else { OrderState::Canceled };
            let change = |state| match state {
                OrderState::Open { .. } => Ok(canceled),
                settled => Ok(settled),
            };
            self.change(CaCall::Cancel, order, change).await
        })
        .await
    }

    async fn ca_information(&self) -> Answer<Vec<CaInformation>> {
        self.ask(CaCall::CaInformation, None, |_| None, async { self.all() }).await
    }

    async fn default_ca(&self) -> Answer<Option<CaInformation>> {
        Ok(self.ca_information().await?.into_iter().next())
    }

    async fn create_ca(&self, request: &CreateCa) -> Answer<CaInformation> {
        self.ask(CaCall::CreateCa, None, |_| None, async {
            offered(self.capabilities.creates_cas, "subordinate certificate authorities")?;
            self.created(request)
        })
        .await
    }

    async fn delete_ca(&self, request: &DeleteCa) -> Answer<()> {
        self.ask(CaCall::DeleteCa, None, |_| None, async {
            offered(self.capabilities.deletes_cas, "deleting a certificate authority")?;
            self.deleted(request)
        })
        .await
    }

    async fn revoke(&self, request: &CertificateRevocation) -> Answer<()> {
        self.ask(CaCall::Revoke, None, |_| None, async {
            offered(self.capabilities.revokes, "revocation")?;
            self.revoked(request)
        })
        .await
    }

    async fn renewal_information(&self, _: &RenewalQuestion) -> Answer<RenewalInformation> {
        self.ask(CaCall::RenewalInformation, None, |_| None, async {
            offered(self.capabilities.renewal_information, "renewal information")?;
            // From 1 to 2 January 2090, which is well before the certificate ends.
            let start = Timestamp::from_milliseconds(3_786_912_000_000);
            RenewalInformation::new(start, start.plus(DAY))
                .map_err(|error| CertificateError::system("tell when to renew", error))
        })
        .await
    }

    async fn maintain(&self) -> Answer<Option<Timestamp>> {
        self.ask(CaCall::Maintain, None, |_| None, async {
            offered(self.capabilities.maintains, "work of its own")?;
            Ok(Some(self.clock.now().plus(DAY)))
        })
        .await
    }

    async fn reconcile(&self, question: &Reconciliation) -> Answer<Reconciled> {
        self.ask(CaCall::Reconcile, None, |_| None, async {
            offered(self.capabilities.reconciles, "reconciliation")?;
            self.told(question)
        })
        .await
    }
}
