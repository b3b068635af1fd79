//! The operations of the contract.

use keyway_certificates::{
    CaId, CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder,
    CertificateRevocation, CreateCa, DeleteCa, IntendedCall, ObjectRef, OrderOutcome, OrderRequest,
    Reconciled, Reconciliation, RenewalInformation, RenewalQuestion, RequestTypes, Support, async_trait,
};
use keyway_core::Timestamp;
use keyway_storage::{Pace, let_others_run};

use crate::client_request::{Readiness, read};
use crate::local_ca::LocalCa;
use crate::renewal;
use crate::subordinate::id_of;

/// The answer to a check of an order that was never placed.
const UNKNOWN_ORDER: &str = "The authority has made no certificate for this order.";

#[async_trait]
impl CertificateAuthority for LocalCa {
    fn capabilities(&self) -> Capabilities {
        // A configured root has a key that the plugin makes. Such a key signs in a fraction of a millisecond, but an
        // imported RSA key may take longer.
        let is_prompt = self.configuration.root.is_some() && self.records.storage.pace() == Pace::Prompt;
        Capabilities::MINIMAL
            .request_types(RequestTypes::CUSTOM.and(RequestTypes::SIMPLE_CMC).and(RequestTypes::STORED_KEY))
            .creates_cas(true)
            .deletes_cas(true)
            .revokes(true)
            .renewal_information(true)
            .maintains(true)
            .idempotent(true)
            .reconciles(true)
            .prompt(is_prompt)
    }

    async fn supports(&self, request: &OrderRequest) -> Result<Support, CertificateError> {
        if let Some(ca) = &request.context.ca {
            self.authority(Some(ca)).await?;
        }
        Ok(match read(&request.metadata, &request.context, self.configuration.most_days)? {
            Readiness::Ready(_) | Readiness::AwaitsRequest => Support::Yes,
            Readiness::Unsupported(reason) => Support::no(reason),
        })
    }

    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        if let Some(made) = self.order(&order.id).await? {
            return Ok(made.issued()?.into());
        }
        match read(&order.metadata, &order.context, self.configuration.most_days)? {
            Readiness::Ready(request) => Ok(self.made(&order.id, &request, &order.context).await?.into()),
            Readiness::AwaitsRequest => {
                let reason = "the host has made none";
                Err(CertificateError::invalid("the request from the stored key", reason))
            }
            Readiness::Unsupported(reason) => Ok(OrderOutcome::InvalidOperation(reason.into())),
        }
    }

    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        Ok(match self.order(&order.id).await? {
            Some(made) => made.issued()?.into(),
            None => OrderOutcome::InvalidOperation(UNKNOWN_ORDER.into()),
        })
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        let now = self.clock.now();
        let mut all = Vec::new();
        // An authority that cannot be read is left out, so that it does not hide the others. `maintain` has its error.
        for authority in self.all().await?.into_iter().flatten() {
            let_others_run().await;
            all.push(authority.information(now)?);
        }
        Ok(all)
    }

    async fn default_ca(&self) -> Result<Option<CaInformation>, CertificateError> {
        Ok(Some(self.authority(None).await?.information(self.clock.now())?))
    }

    async fn create_ca(&self, request: &CreateCa) -> Result<CaInformation, CertificateError> {
        self.created(request).await?.information(self.clock.now())
    }

    async fn delete_ca(&self, request: &DeleteCa) -> Result<(), CertificateError> {
        self.deleted(request).await
    }

    async fn revoke(&self, request: &CertificateRevocation) -> Result<(), CertificateError> {
        self.revoked(request).await
    }

    async fn renewal_information(
        &self,
        question: &RenewalQuestion,
    ) -> Result<RenewalInformation, CertificateError> {
        let is_revoked = self.is_revoked(&question.certificate, question.ca.as_ref()).await?;
        renewal::window(&question.certificate, is_revoked, self.clock.now())
    }

    async fn maintain(&self) -> Result<Option<Timestamp>, CertificateError> {
        Ok(self.renewed_lists().await?.1)
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, CertificateError> {
        let destroyed = |is_gone| if is_gone { Reconciled::Destroyed } else { Reconciled::NothingHappened };
        Ok(match &question.context {
            IntendedCall::Issue(order) => match self.order(&order.id).await? {
                Some(_) => Reconciled::Made(ObjectRef::Order(order.id.clone())),
                None => Reconciled::NothingHappened,
            },
            IntendedCall::CreateCa(request) => {
                let id = CaId::new(id_of(&request.intent))?;
                if self.exists(&id).await? {
                    Reconciled::Made(ObjectRef::Ca(id))
                } else {
                    Reconciled::NothingHappened
                }
            }
            IntendedCall::DeleteCa(request) => destroyed(!self.exists(&request.ca).await?),
            IntendedCall::Revoke(request) => {
                destroyed(self.is_revoked(&request.certificate, request.ca.as_ref()).await?)
            }
            // An order gets its certificate at once, so it is never changed or canceled.
            _ => Reconciled::NothingHappened,
        })
    }
}
