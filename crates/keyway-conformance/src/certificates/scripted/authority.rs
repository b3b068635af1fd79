//! The operations of the scripted authority.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use keyway_certificates::{
    CaId, CaInformation, Capabilities, CertificateAuthority, CertificateError, CertificateOrder,
    CertificateRevocation, CreateCa, DeleteCa, IntendedCall, ObjectRef, OrderId, OrderMetadata, OrderOutcome,
    OrderRequest, Pem, Reconciled, Reconciliation, RenewalInformation, RenewalQuestion, RetryMethod, Support,
    Waiting, async_trait,
};
use keyway_core::Timestamp;

use super::books::{OrderState, SubCa};
use super::script::Act;
use super::{CaCall, Fault, ScriptedCa};
use crate::lock::locked;

/// The certificate of the authority, and that of the root above it.
pub(super) const SIGNER: &str = include_str!("pem/signer.pem");
const ROOT: &str = include_str!("pem/root.pem");

/// The id of the authority that is always there.
const BASE: &str = "base";
/// The entry of the plugin metadata with the ticket, by which the authority knows an order.
const TICKET: &str = "ticket";
/// The field of the metadata with the name that a certificate is for.
const NAME: &str = "name";
/// The ending of names that the authority refuses.
const REFUSED: &str = ".refused";

const DAY: Duration = Duration::from_secs(86_400);

type Answer<T> = Result<T, CertificateError>;

fn failed() -> CertificateError {
    CertificateError::system("be reached", "the connection broke")
}

fn unavailable() -> CertificateError {
    CertificateError::Unavailable { what: "the scripted authority", retry_after: None, source: None }
}

/// Tells whether the authority makes certificates for the name in the metadata.
fn is_taken(metadata: &OrderMetadata) -> Answer<bool> {
    Ok(metadata.text(NAME)?.is_none_or(|name| !name.ends_with(REFUSED)))
}

/// Answers `Unsupported` for an operation that is not declared.
fn offered(declared: bool, what: &'static str) -> Answer<()> {
    if declared { Ok(()) } else { Err(CertificateError::Unsupported { what }) }
}

impl ScriptedCa {
    /// Follows the script for one call: `given` makes its answer of an outcome, if it has one.
    async fn ask<T>(
        &self,
        call: CaCall,
        order: Option<&OrderId>,
        given: fn(OrderOutcome) -> Option<T>,
        work: impl Future<Output = Answer<T>> + Send,
    ) -> Answer<T> {
        let mut killed = self.killed.subscribe();
        self.shelf.with(|books| *books.calls.entry(call).or_default() += 1)?;
        if *killed.borrow() {
            return Err(unavailable());
        }
        let step = locked(&self.script).next(call, order);
        let mut answer = pin!(async {
            if !step.delay.is_zero() {
                tokio::time::sleep(step.delay).await;
            }
            match step.act {
                Act::Work => work.await,
                Act::Outcome(outcome) => match given(outcome) {
                    Some(answer) => Ok(answer),
                    None => work.await,
                },
                Act::Fault(fault) => with_fault(fault, work).await,
            }
        });
        let mut end = pin!(async move { killed.wait_for(|killed| *killed).await.is_ok() });
        poll_fn(|context| match answer.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => end.as_mut().poll(context).map(|_| Err(failed())),
        })
        .await
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

    fn waiting(&self, message: &str) -> Waiting {
        let waiting = Waiting::new(message);
        match self.retry_after {
            Some(delay) => waiting.retry_after(delay),
            None => waiting,
        }
    }

    fn outcome(&self, state: OrderState) -> OrderOutcome {
        match state {
            OrderState::Open { .. } => {
                OrderOutcome::WaitingForCa(self.waiting("The authority looks at the order."))
            }
            OrderState::Canceling => {
                OrderOutcome::WaitingForCa(self.waiting("The authority cancels the order."))
            }
            OrderState::Issued => self.issued.clone().into(),
            OrderState::Canceled => OrderOutcome::Canceled("The order is canceled.".into()),
        }
    }

    /// Places an order: the ticket is kept before the effect.
    async fn place(&self, order: &CertificateOrder) -> Answer<OrderOutcome> {
        if !self.capabilities.request_types.contains(&order.metadata.request_type()?) {
            return Ok(OrderOutcome::InvalidOperation("The authority does not take such requests.".into()));
        }
        if !is_taken(&order.metadata)? {
            return Ok(OrderOutcome::InvalidOperation("The authority refuses this name.".into()));
        }
        if let Some(ca) = &order.context.ca {
            self.known(ca)?;
        }
        let ticket = format!("ticket-{}", order.id);
        order.plugin_meta.set(TICKET, ticket.as_str())?;
        tokio::task::yield_now().await;
        order.plugin_meta.checkpoint().await?;
        tokio::task::yield_now().await;
        let first = if self.looks == 0 { OrderState::Issued } else { OrderState::Open { looks: self.looks } };
        let state = self.shelf.with(|books| {
            if !(self.capabilities.idempotent && books.done(CaCall::Issue, &order.intent).is_some()) {
                books.enter(CaCall::Issue, order.id.as_str(), &order.intent);
                books.orders.entry(ticket.clone()).or_insert(first);
            }
            books.orders.get(&ticket).copied().unwrap_or(first)
        })?;
        tokio::task::yield_now().await;
        Ok(self.outcome(state))
    }

    /// Looks at an order.
    async fn look(&self, order: &CertificateOrder) -> Answer<OrderOutcome> {
        tokio::task::yield_now().await;
        let Some(ticket) = order.plugin_meta.text(TICKET) else {
            return Ok(OrderOutcome::InvalidOperation("The authority has no such order.".into()));
        };
        let state = self.shelf.with(|books| {
            let state = books.orders.get_mut(ticket.expose())?;
            *state = match *state {
                OrderState::Open { looks } if looks <= 1 => OrderState::Issued,
                OrderState::Open { looks } => OrderState::Open { looks: looks - 1 },
                OrderState::Canceling => OrderState::Canceled,
                settled => settled,
            };
            Some(*state)
        })?;
        Ok(match state {
            Some(state) => self.outcome(state),
            // The call ended between the checkpoint and the effect.
            None => {
                let waiting = self.waiting("The order has not arrived.");
                OrderOutcome::WaitingForCa(waiting.retry_method(RetryMethod::Issue))
            }
        })
    }

    /// Changes an open order. `change` returns its new state.
    async fn change(
        &self,
        call: CaCall,
        order: &CertificateOrder,
        change: impl FnOnce(OrderState) -> Answer<OrderState> + Send,
    ) -> Answer<OrderOutcome> {
        tokio::task::yield_now().await;
        let ticket = order.plugin_meta.text(TICKET);
        let ticket = ticket.as_ref().map_or("", |ticket| ticket.expose());
        let changed = self.shelf.with(|books| {
            let Some(state) = books.orders.get(ticket).copied() else { return Ok(None) };
            if self.capabilities.idempotent && books.done(call, &order.intent).is_some() {
                return Ok(Some(state));
            }
            let new = change(state)?;
            if call == CaCall::Modify || new != state {
                books.enter(call, order.id.as_str(), &order.intent);
            }
            books.orders.insert(ticket.to_owned(), new);
            Ok::<_, CertificateError>(Some(new))
        })??;
        Ok(match changed {
            Some(state) => self.outcome(state),
            None if call == CaCall::Cancel => OrderOutcome::Canceled("The order had not arrived.".into()),
            None => OrderOutcome::InvalidOperation("The authority has no such order.".into()),
        })
    }

    fn known(&self, ca: &CaId) -> Answer<()> {
        let known = self.shelf.with(|books| books.cas.iter().any(|sub| sub.id == ca.as_str()))?;
        if known || ca.as_str() == BASE {
            Ok(())
        } else {
            Err(CertificateError::UnknownCa { ca: ca.clone() })
        }
    }

    fn information(&self, id: &str, name: &str, description: Option<&String>) -> Answer<CaInformation> {
        let information = CaInformation::new(CaId::new(id)?, name)
            .with_description(description.map_or("A scripted authority", String::as_str))
            .with_signing_certificate(Pem::new(SIGNER)?)
            .with_intermediates(Pem::new(ROOT)?);
        Ok(information.with_expiration(self.clock.now().plus(DAY)))
    }

    fn all(&self) -> Answer<Vec<CaInformation>> {
        let cas = self.shelf.with(|books| books.cas.clone())?;
        let base = self.information(BASE, "The scripted authority", None);
        let subs = cas.iter().map(|sub| self.information(&sub.id, &sub.name, sub.description.as_ref()));
        std::iter::once(base).chain(subs).collect()
    }

    fn created(&self, request: &CreateCa) -> Answer<CaInformation> {
        self.known(&request.parent)?;
        let sub = self.shelf.with(|books| {
            let done = books.done(CaCall::CreateCa, &request.intent).map(str::to_owned);
            let known = done.and_then(|id| books.cas.iter().find(|sub| sub.id == id).cloned());
            if let (Some(known), true) = (known, self.capabilities.idempotent) {
                return known;
            }
            books.numbers += 1;
            let id = format!("sub-{}", books.numbers);
            let sub = SubCa { id, name: request.name.clone(), description: request.description.clone() };
            books.enter(CaCall::CreateCa, &sub.id, &request.intent);
            books.cas.push(sub.clone());
            sub
        })?;
        self.information(&sub.id, &sub.name, sub.description.as_ref())
    }

    fn deleted(&self, request: &DeleteCa) -> Answer<()> {
        if request.ca.as_str() == BASE {
            let log = "the base authority stays";
            return Err(CertificateError::refused("This authority cannot be deleted.", log));
        }
        self.shelf.with(|books| {
            let before = books.cas.len();
            books.cas.retain(|sub| sub.id != request.ca.as_str());
            if books.cas.len() < before {
                books.enter(CaCall::DeleteCa, request.ca.as_str(), &request.intent);
            }
        })
    }

    fn revoked(&self, request: &CertificateRevocation) -> Answer<()> {
        if request.certificate != self.issued.certificate {
            let log = "the certificate is another one's";
            return Err(CertificateError::refused("This authority did not make the certificate.", log));
        }
        self.shelf.with(|books| {
            if books.revoked.insert(request.certificate.as_str().to_owned()) {
                books.enter(CaCall::Revoke, "certificate", &request.intent);
            }
        })
    }

    fn told(&self, question: &Reconciliation) -> Answer<Reconciled> {
        let ticket = |order: &CertificateOrder| format!("ticket-{}", order.id);
        let call = match &question.context {
            IntendedCall::Issue(_) => CaCall::Issue,
            IntendedCall::Modify(_) => CaCall::Modify,
            IntendedCall::CreateCa(_) => CaCall::CreateCa,
            _ => CaCall::Reconcile,
        };
        let intent = question.context.intent();
        let destroyed = |is: bool| if is { Reconciled::Destroyed } else { Reconciled::NothingHappened };
        let (done, destroyed) = self.shelf.with(|books| {
            let is_destroyed = match &question.context {
                IntendedCall::Cancel(order) => {
                    let state = books.orders.get(&ticket(order));
                    matches!(state, Some(OrderState::Canceling | OrderState::Canceled))
                }
                IntendedCall::DeleteCa(request) => books.cas.iter().all(|sub| sub.id != request.ca.as_str()),
                IntendedCall::Revoke(request) => books.revoked.contains(request.certificate.as_str()),
                _ => false,
            };
            (books.done(call, intent).map(str::to_owned), destroyed(is_destroyed))
        })?;
        match &question.context {
            IntendedCall::Issue(order) | IntendedCall::Modify(order) if done.is_some() => {
                order.plugin_meta.set(TICKET, ticket(order))?;
                Ok(Reconciled::Made(ObjectRef::Order(order.id.clone())))
            }
            IntendedCall::CreateCa(_) => Ok(match done {
                Some(id) => Reconciled::Made(ObjectRef::Ca(CaId::new(id)?)),
                None => Reconciled::NothingHappened,
            }),
            _ => Ok(destroyed),
        }
    }
}

/// Carries out a call that fails.
async fn with_fault<T>(fault: Fault, work: impl Future<Output = Answer<T>> + Send) -> Answer<T> {
    match fault {
        Fault::Unavailable => Err(unavailable()),
        Fault::Refused => Err(CertificateError::refused("The script refuses.", "the script refuses")),
        Fault::LostRequest => Err(failed()),
        Fault::LostAnswer => work.await.and_then(|_| Err(failed())),
        Fault::Hangs => pending().await,
        Fault::HangsAfterwards => {
            work.await?;
            pending().await
        }
        Fault::Panics => panic!("the script panics"),
        Fault::PanicsAfterwards => {
            work.await?;
            panic!("the script panics after the effect")
        }
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
            // 1 to 2 January 2090, well before the certificate ends.
            let start = Timestamp::from_milliseconds(3_786_912_000_000);
            RenewalInformation::new(start, start.plus(DAY))
                .map_err(|error| CertificateError::system("tell when to renew", error))
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
