//! Calls an authority, and turns its answer into an event.

use std::sync::Arc;

use keyway_certificates::{
    CertificateAuthority, CertificateError, CertificateOrder, CertificateRevocation, ClientMessage,
    IntendedCall, IssuedCertificate, JsonObject, OrderMetadata, OrderOutcome, OrderRequest, PluginMeta,
    Reconciled, Reconciliation, RequestContext, RevocationReason,
};
use keyway_core::{PluginError, Timestamp, Wiped};
use keyway_x509::IssuedFacts;
use tracing::{info, warn};

use super::authority::not_connected;
use super::checking;
use super::checkpoint::Saver;
use super::error::OrdersError;
use super::intents::{intent, order_id};
use super::machine::{Answer, Answered, Event};
use super::record::Placed;
use super::state::{Action, OrderState, ToRevoke};
use super::workflow::OrderWorkflow;
use crate::records::STORED_JSON;
use crate::work::{Carried, Claimed};

type Done = Carried<OrderWorkflow>;

/// A result with the error of a plugin.
type Result<T> = std::result::Result<T, CertificateError>;

/// The plugin's answer to one call. A revocation and a reconciliation give an [`Answer`], and every other call gives
/// the outcome of the order.
enum Told {
    /// The outcome of the order that was sent to the plugin, and that order.
    Outcome(OrderOutcome, Box<CertificateOrder>),
    Answer(Answer),
}

impl OrderWorkflow {
    /// Calls the authority of an order. The data that the plugin keeps with the order are stored with its answer, even
    /// if the call fails (decision B9).
    pub(super) async fn ask(&self, on: &Claimed<'_, Self>, state: &OrderState, action: Action) -> Done {
        let (placed, id) = (&on.entry.fixed, &on.entry.address.id);
        let saver = Saver {
            journal: Arc::clone(&self.journal),
            address: on.entry.address,
            claim: on.entry.claim.clone(),
            limits: self.limits,
        };
        let (order, is_verified) = match self.read_order(on, state, action, saver) {
            Ok(read) => read,
            Err(error) => return self.answered(on, state.plugin_meta.clone(), Err(error)),
        };
        // Once the authority may have the order, its certificate is judged instead.
        if action == Action::Issue
            && !(is_verified || state.is_placed)
            && let Err(refusal) = self.permit_again(placed, &order.metadata)
        {
            return self.refused(on, state, *refusal);
        }
        let plugin_meta = order.plugin_meta.clone();
        let told = self.call(on, state, action, order).await;
        if let Err(error) = &told {
            let (authority, order) = (&placed.authority, order_id(id));
            warn!(%authority, %order, ?action, error = %error.detail(), "a certificate authority failed");
        }
        self.answered(on, plugin_meta.to_ascii(), told)
    }

    async fn call(
        &self,
        on: &Claimed<'_, Self>,
        state: &OrderState,
        action: Action,
        order: CertificateOrder,
    ) -> Result<Told> {
        let name = &on.entry.fixed.authority;
        let opened = self.authorities.opened(name).ok_or_else(not_connected)?;
        let held = on.working().await;
        let asked = Box::new(order.clone());
        let called = match action {
            Action::Reconcile => {
                let question = Reconciliation::from(intended(state.unknown, on, state, order)?);
                let work = |ca: Arc<dyn CertificateAuthority>| async move { ca.reconcile(&question).await };
                return Ok(Told::Answer(reconciled(&opened.call("reconcile", held, work).await?)));
            }
            Action::Revoke => {
                let revocation = revocation(on, state)?;
                let work = |ca: Arc<dyn CertificateAuthority>| async move { ca.revoke(&revocation).await };
                opened.call("revoke", held, work).await?;
                self.authorities.want_upkeep(name);
                let late = match state.to_revoke() {
                    Some(ToRevoke::Late(late)) => Some(&late.certificate),
                    _ => None,
                };
                let logged = self.log.address(on.entry.address, state, late);
                let noted = self.log.note_revocation(logged, on.now()).await;
                noted.map_err(|error| CertificateError::system("note the revocation in its log", error))?;
                return Ok(Told::Answer(Answer::Revoked));
            }
            Action::Modify => opened.call("modify", held, |ca| async move { ca.modify(&order).await }).await,
            Action::Cancel => opened.call("cancel", held, |ca| async move { ca.cancel(&order).await }).await,
            Action::Check | Action::Store | Action::Renew => {
                opened.call("check", held, |ca| async move { ca.check(&order).await }).await
            }
            Action::Issue => opened.call("issue", held, |ca| async move { ca.issue(&order).await }).await,
        };
        called.map(|outcome| Told::Outcome(outcome, asked))
    }

    /// Ends an order that the host does not send to its authority.
    fn refused(&self, on: &Claimed<'_, Self>, state: &OrderState, refusal: OrdersError) -> Done {
        let mut answered = self.unanswered(on, state.plugin_meta.clone());
        (answered.answer, answered.message) = (Answer::Broken, one_line(refusal.to_string()));
        Carried::failed(Event::Answered(Box::new(answered)), refusal)
    }

    /// Returns the facts about a call without its answer.
    fn unanswered(&self, on: &Claimed<'_, Self>, plugin_meta: Wiped<String>) -> Answered {
        Answered {
            answer: Answer::CannotTell,
            message: String::new(),
            retry_method: None,
            plugin_meta,
            again: on.again(None),
            setup: self.setup(&on.entry.fixed.authority),
            facts: None,
            renew_at: None,
            renews: on.entry.fixed.chain.is_some(),
            revoking: on.entry.state.as_ref().and_then(OrderState::revoking),
        }
    }

    fn answered(&self, on: &Claimed<'_, Self>, plugin_meta: Wiped<String>, told: Result<Told>) -> Done {
        let mut answered = self.unanswered(on, plugin_meta);
        let failure = match told {
            Ok(Told::Answer(answer)) => {
                answered.answer = answer;
                None
            }
            Ok(Told::Outcome(outcome, order)) => {
                outcome.message().as_str().clone_into(&mut answered.message);
                if let Some(waiting) = outcome.waiting() {
                    answered.again.retry_after = waiting.retry_after.filter(|delay| !delay.is_zero());
                    answered.retry_method = waiting.retry_method;
                }
                answered.answer = match outcome {
                    OrderOutcome::Generated(issued) => {
                        let now = answered.again.now;
                        let (answer, checked) = self.checked(on, &order, issued, now);
                        match checked {
                            Ok(facts) => {
                                answered.renew_at = on.entry.fixed.renew_at(&facts, now);
                                answered.facts = Some(Arc::new(facts));
                            }
                            Err(broken) => {
                                answered.message = one_line(broken);
                                // It is logged, too, if the host can read it.
                                if let Answer::Rejected(Some(issued)) = &answer {
                                    let facts = IssuedFacts::read(issued.certificate.as_str());
                                    answered.facts = facts.ok().map(Arc::new);
                                }
                            }
                        }
                        // If the order is deleted by now, no record has this certificate.
                        let serial = answered.facts.as_ref().map(|facts| facts.serial.as_str());
                        let (authority, order) = (&on.entry.fixed.authority, &order.id);
                        info!(%authority, %order, serial, "a certificate authority made a certificate");
                        answer
                    }
                    OrderOutcome::WaitingForCa(_) => Answer::WaitingForCa,
                    OrderOutcome::CaUnavailable(_) => Answer::CaUnavailable,
                    OrderOutcome::ClientDataIssue(_) => Answer::ClientDataIssue,
                    OrderOutcome::Canceled(_) => Answer::Canceled,
                    OrderOutcome::InvalidOperation(_) => Answer::InvalidOperation,
                };
                None
            }
            Err(error) => {
                answered.answer = Answer::of_error(&error);
                answered.message = one_line(error.client_message());
                answered.again.retry_after = error.kind().retry_after();
                let order = order_id(&on.entry.address.id);
                Some(OrdersError::Authority { authority: on.entry.fixed.authority.clone(), order, error })
            }
        };
        Carried { event: Event::Answered(Box::new(answered)), answer: None, failure }
    }
}

impl OrderWorkflow {
    /// Checks a certificate (decisions B11, B11a). Returns the answer, and a second result: the facts about the
    /// certificate, or the rule that the certificate breaks.
    fn checked(
        &self,
        on: &Claimed<'_, Self>,
        order: &CertificateOrder,
        mut issued: IssuedCertificate,
        now: Timestamp,
    ) -> (Answer, std::result::Result<IssuedFacts, String>) {
        // The message is already kept with the order, so it is not stored with the certificate.
        issued.message = ClientMessage::default();
        let Some(state) = &on.entry.state else { return (Answer::CannotTell, Err(String::new())) };
        let (policy, owner) = (self.policy.as_deref(), &on.entry.fixed.owner);
        // A certificate with a chain is checked against its chain, so the known signers are not needed.
        let signers = match &issued.intermediates {
            Some(_) => Vec::new(),
            None => self.cas.table().signers(&on.entry.fixed.authority, order.context.ca.as_ref()),
        };
        match checking::check((policy, owner), &signers, state, order, &issued, now) {
            Ok(facts) => (Answer::Generated(issued), Ok(facts)),
            Err(rule) => (Answer::Rejected(Some(issued)), Err(rule)),
        }
    }
}

/// Makes the message of an order from an error text. The text may have any length and any characters (decision H116).
pub(super) fn one_line(text: impl AsRef<str>) -> String {
    ClientMessage::new(text).as_str().to_owned()
}

fn reconciled(answer: &Reconciled) -> Answer {
    match answer {
        Reconciled::NothingHappened => Answer::NothingHappened,
        Reconciled::Made(_) | Reconciled::Destroyed => Answer::Happened,
        _ => Answer::CannotTell,
    }
}

/// Returns the call whose outcome is unknown.
fn intended(
    unknown: Option<Action>,
    on: &Claimed<'_, OrderWorkflow>,
    state: &OrderState,
    order: CertificateOrder,
) -> Result<IntendedCall> {
    Ok(match unknown {
        Some(Action::Modify) => IntendedCall::Modify(order),
        Some(Action::Cancel) => IntendedCall::Cancel(order),
        Some(Action::Revoke) => IntendedCall::Revoke(revocation(on, state)?),
        _ => IntendedCall::Issue(order),
    })
}

/// Returns the request to revoke the next certificate that is to be revoked.
fn revocation(on: &Claimed<'_, OrderWorkflow>, state: &OrderState) -> Result<CertificateRevocation> {
    let (certificate, reason) = match state.to_revoke() {
        Some(ToRevoke::Own(certificate, reason)) => (certificate, reason),
        Some(ToRevoke::Late(late)) => (&late.certificate, RevocationReason::CessationOfOperation),
        None => return Err(unreadable("the certificate that is to be revoked")),
    };
    let intent = intent(&on.entry.address.id, state, Action::Revoke);
    let revocation = CertificateRevocation::new(intent, certificate.clone(), reason);
    Ok(match &on.entry.fixed.ca {
        Some(ca) => revocation.with_ca(ca.clone()),
        None => revocation,
    })
}

impl OrderWorkflow {
    /// Builds the order that the plugin gets. Also tells whether this host has verified it since it was placed.
    fn read_order(
        &self,
        on: &Claimed<'_, Self>,
        state: &OrderState,
        action: Action,
        saver: Saver,
    ) -> Result<(CertificateOrder, bool)> {
        let id = &on.entry.address.id;
        let action = if action == Action::Reconcile { state.unknown.unwrap_or(action) } else { action };
        let changed = state.changing.as_ref().filter(|_| action == Action::Modify);
        let metadata = read_metadata(changed.unwrap_or(&state.metadata))?;
        let request = OrderRequest::new(metadata).with_context(context(&on.entry.fixed));
        let (OrderRequest { metadata, context, .. }, is_verified) = self.verified.take(id, request);
        let plugin_meta = PluginMeta::new(read_object(&state.plugin_meta)?, Arc::new(saver));
        let order = CertificateOrder::new(order_id(id), intent(id, state, action), metadata, plugin_meta)
            .with_context(context);
        let order = match changed {
            Some(_) => order.with_previous_metadata(read_metadata(&state.metadata)?),
            None => order,
        };
        Ok((order, is_verified))
    }
}

fn context(placed: &Placed) -> RequestContext {
    let mut context = RequestContext::new();
    context.ca.clone_from(&placed.ca);
    context.generated_csr.clone_from(&placed.generated_csr);
    context.replaces.clone_from(&placed.replaces);
    context
}

pub(super) fn read_metadata(text: &Wiped<String>) -> Result<OrderMetadata> {
    Ok(OrderMetadata::from_json(text.as_bytes())?)
}

fn read_object(text: &Wiped<String>) -> Result<JsonObject> {
    match STORED_JSON.read_entries::<JsonObject>(text.as_bytes()) {
        Ok(Ok(values)) => Ok(values),
        _ => Err(unreadable("the data that the plugin keeps with the order")),
    }
}

fn unreadable(what: &'static str) -> CertificateError {
    CertificateError::not_ready(what, "the stored text cannot be read")
}
