//! The orders of the scripted authority.

use keyway_certificates::{
    CaId, CertificateError, CertificateOrder, IntendedCall, ObjectRef, OrderMetadata, OrderOutcome,
    Reconciled, Reconciliation, RetryMethod, Waiting,
};

use super::authority::Answer;
use super::books::OrderState;
use super::{CaCall, ScriptedCa};

/// The entry of the plugin metadata with the ticket. The authority recognizes an order by its ticket.
const TICKET: &str = "ticket";
/// The field of the metadata with the name for the certificate.
const NAME: &str = "name";
/// The ending of names that the authority refuses.
const REFUSED: &str = ".refused";

/// Tells whether the authority makes certificates for the name in the metadata.
pub(super) fn is_taken(metadata: &OrderMetadata) -> Answer<bool> {
    Ok(metadata.text(NAME)?.is_none_or(|name| !name.ends_with(REFUSED)))
}

/// Returns the ticket of an order.
fn ticket_of(order: &CertificateOrder) -> String {
    format!("ticket-{}", order.id)
}

/// Returns the id of the order that has this ticket.
pub(super) fn of_ticket(ticket: &str) -> Option<&str> {
    ticket.strip_prefix("ticket-")
}

impl ScriptedCa {
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

    /// Places an order. The ticket is stored before the effect.
    pub(super) async fn place(&self, order: &CertificateOrder) -> Answer<OrderOutcome> {
        if !self.capabilities.request_types.contains(&order.metadata.request_type()?) {
            return Ok(OrderOutcome::InvalidOperation("The authority does not take such requests.".into()));
        }
        if !is_taken(&order.metadata)? {
            return Ok(OrderOutcome::InvalidOperation("The authority refuses this name.".into()));
        }
        if let Some(ca) = &order.context.ca {
            self.known(ca)?;
        }
        let ticket = ticket_of(order);
        order.plugin_meta.set(TICKET, ticket.as_str())?;
        tokio::task::yield_now().await;
        order.plugin_meta.checkpoint().await?;
        tokio::task::yield_now().await;
        let first = if self.looks == 0 { OrderState::Issued } else { OrderState::Open { looks: self.looks } };
        let state = self.at_books(|books| {
            if !(self.capabilities.idempotent && books.done(CaCall::Issue, &order.intent).is_some()) {
                books.enter(CaCall::Issue, order.id.as_str(), &order.intent);
                books.orders.entry(ticket.clone()).or_insert(first);
            }
            books.orders.get(&ticket).copied().unwrap_or(first)
        })?;
        tokio::task::yield_now().await;
        Ok(self.outcome(state))
    }

    /// Checks an order.
    pub(super) async fn look(&self, order: &CertificateOrder) -> Answer<OrderOutcome> {
        tokio::task::yield_now().await;
        let Some(ticket) = order.plugin_meta.text(TICKET) else {
            return Ok(OrderOutcome::InvalidOperation("The authority has no such order.".into()));
        };
        let state = self.at_books(|books| {
            let state = books.orders.get_mut(ticket.expose())?;
            *state = match *state {
                OrderState::Open { looks } if looks <= 1 => OrderState::Issued,
                OrderState::Open { looks } => OrderState::Open { looks: looks - 1 },
                OrderState::Canceling => OrderState::Canceled,
                settled => settled,
            };
            Some(*state)
        })?;
        Ok(if let Some(state) = state {
            self.outcome(state)
        } else {
            // The order was not placed, because the call of `issue` ended after the checkpoint and before the effect.
            let waiting = self.waiting("The order has not arrived.");
            OrderOutcome::WaitingForCa(waiting.retry_method(RetryMethod::Issue))
        })
    }

    /// Changes an open order. `change` returns its new state.
    pub(super) async fn change(
        &self,
        call: CaCall,
        order: &CertificateOrder,
        change: impl FnOnce(OrderState) -> Answer<OrderState> + Send,
    ) -> Answer<OrderOutcome> {
        tokio::task::yield_now().await;
        let ticket = order.plugin_meta.text(TICKET);
        let ticket = ticket.as_ref().map_or("", |ticket| ticket.expose());
        let changed = self.at_books(|books| {
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

    /// Reports the outcome of a call.
    pub(super) fn told(&self, question: &Reconciliation) -> Answer<Reconciled> {
        let call = match &question.context {
            IntendedCall::Issue(_) => CaCall::Issue,
            IntendedCall::Modify(_) => CaCall::Modify,
            IntendedCall::CreateCa(_) => CaCall::CreateCa,
            _ => CaCall::Reconcile,
        };
        let intent = question.context.intent();
        let destroyed = |is: bool| if is { Reconciled::Destroyed } else { Reconciled::NothingHappened };
        let (done, destroyed) = self.at_books(|books| {
            let is_destroyed = match &question.context {
                IntendedCall::Cancel(order) => {
                    let state = books.orders.get(&ticket_of(order));
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
                order.plugin_meta.set(TICKET, ticket_of(order))?;
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
