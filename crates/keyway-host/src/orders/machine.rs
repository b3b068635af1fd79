//! The life of a certificate order in a host, as a pure state machine.
//!
//! ```text
//!  submit             due                 waiting, unavailable, data issue
//! ────────► Submitted ────► Asking ─────────────────────────────► Waiting
//!               │           │  ▲ │                                  │
//!               │ cancel    │  └─┼───────────── due ────────────────┘
//!               ▼           │    │ not known what the plugin did
//!           Finished ◄──────┤    └───────────────► Undecided ─── decide ──► Waiting, Finished
//!               ▲           │ generated, and the host keeps certificates in a secret store
//!               └── Storing ◄
//!                   stored
//! ```
//!
//! The table shows each event in each phase. In the phase "Asking", a worker is calling the plugin.
//!
//! | event | Submitted | Asking | Waiting | Undecided | Storing | Finished |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | modify | replaces the metadata | is done after the answer | modify is due now | refused | refused | refused |
//! | cancel | ends it | is done after the answer | cancel is due now | refused | refused | refused |
//! | delete | removes it | cancels, then removes | cancels, then removes | refused | removed when stored | removes it |
//! | revoke | refused | refused | refused | refused | refused | is due now, if there is a certificate |
//! | due | issue | (worker lost, below) | the scheduled action, or the end at the order's deadline | refused | stores again | tells listeners, revokes, asks when to renew, renews, cancels a failed order |
//! | answer of the claim's owner | | next phase by the answer | | | | the same end; the call may be repeated |
//! | answer of a worker that lost its claim | | a certificate is taken, the rest is ignored | the same | the same | ignored | a certificate is kept as late |
//! | worker lost | | idempotent: asked again; reconciles: asked what happened; checkpoint: checked; else Undecided | | | stores again | |
//! | clock set forward | due early | | due early | | due early | due early |
//! | clock set back | due when the clock is there again | | the same | | the same | the same |
//!
//! A wish of a client (modify, cancel, delete) waits while it is unknown whether the order has arrived at the CA. At
//! most one action is scheduled at any time, in [`OrderState::scheduled`]. A finished order is final. The host still
//! delivers its notices, renews its certificate, and revokes its certificate or a late one (decisions B8, B13, B17,
//! B18). If the host gives up an order that the authority may still work on, it asks the authority to cancel the order
//! (decision H321).

use std::sync::Arc;

use keyway_certificates::{
    Capabilities, IssuedCertificate, RenewalInformation, RetryMethod, RevocationReason,
};
use keyway_core::{Timestamp, Wiped};
use keyway_x509::IssuedFacts;

use super::renewal;
use super::state::{About, Action, Cancel, End, Notice, OrderState, Phase, Revoking, Scheduled};
use super::wishes::{self, beside};
use super::workflow::OrderWorkflow;
use crate::records::NameTag;
use crate::work::{Again, Limits, Standing};

pub(super) type Step = crate::work::Step<OrderWorkflow>;

/// The facts about the authority and the host that a step depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Setup {
    /// The authority's capabilities.
    pub(crate) can: Capabilities,
    /// Whether there is a listener for notices.
    pub(crate) notifies: bool,
    /// Whether the host keeps certificates in a secret store.
    pub(crate) keeps: bool,
}

/// The answer of a plugin. The host reads the facts about a certificate from the certificate itself, so they are not
/// part of the answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// A certificate that passed the host's checks.
    Generated(IssuedCertificate),
    /// A certificate that broke a rule. The order's message names the rule.
    Rejected(Option<IssuedCertificate>),
    WaitingForCa,
    CaUnavailable,
    ClientDataIssue,
    Canceled,
    InvalidOperation,
    /// The plugin does not support this action.
    Unsupported,
    /// The plugin failed without an effect, and another attempt would not help (decision B6).
    Broken,
    /// The plugin panicked, which ends an order that is not finished (decision B6). It may have had an effect.
    Panicked,
    /// The plugin failed without an effect, and may work later.
    Unavailable,
    /// It is unknown what the plugin did.
    Unanswered,
    /// The plugin was asked what happened, and says that the call had no effect.
    NothingHappened,
    /// The plugin was asked what happened, and says that the call had its effect.
    Happened,
    /// The plugin was asked what happened, and cannot tell.
    CannotTell,
    /// The plugin revoked the certificate that was to be revoked.
    Revoked,
}

/// The plugin's answer, and all other facts that the step depends on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) message: String,
    pub(crate) retry_method: Option<RetryMethod>,
    /// The plugin's data after the call.
    pub(crate) plugin_meta: Wiped<String>,
    pub(crate) again: Again,
    pub(crate) setup: Setup,
    /// The facts about a certificate, for the log.
    pub(crate) facts: Option<Arc<IssuedFacts>>,
    /// The time at which the certificate is to be renewed.
    pub(crate) renew_at: Option<Timestamp>,
    /// Whether the order renews a certificate.
    pub(crate) renews: bool,
    /// The revocation that the plugin was asked for, if the call was one.
    pub(crate) revoking: Option<Revoking>,
}

/// An event in the life of an order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// A client placed the order, and it passed the checks.
    Submit { now: Timestamp, metadata: Wiped<String> },
    /// A client changes the metadata of the order. `can` is `None` while the connection is not open.
    Modify { now: Timestamp, metadata: Wiped<String>, can: Option<Capabilities> },
    /// A client cancels the order.
    Cancel { now: Timestamp },
    /// A client deletes the order.
    Delete { now: Timestamp },
    /// A client revokes the certificate of the order. `can` is `None` while the connection is not open.
    Revoke { now: Timestamp, reason: RevocationReason, can: Option<Capabilities> },
    /// A worker takes up the work that is due.
    Wake { now: Timestamp, setup: Setup, deadline: Option<Timestamp> },
    /// The plugin answered.
    Answered(Box<Answered>),
    /// The plugin saves its data during a call.
    Checkpoint { plugin_meta: Wiped<String> },
    /// The certificate was written to the secret store.
    Stored { now: Timestamp, setup: Setup, expires: Option<Timestamp>, renew_at: Option<Timestamp> },
    /// The authority was asked when to renew the certificate. `told` is its answer, if it gave one.
    RenewalTold { told: Option<RenewalInformation>, again: Again },
    /// The order that renews the certificate was placed.
    Renewed { id: NameTag },
    /// The order that renews the certificate could not be placed.
    NotRenewed { again: Again },
    /// The secret store failed to store the certificate.
    NotStored { again: Again, message: String },
    /// The worker dealt with the notice for the listeners. `delivered` is true if all listeners got it, or if it was
    /// out of date and was not sent.
    Notified { again: Again, delivered: bool },
    /// A person decided a question that the host cannot answer. `can` is `None` while the connection is not open.
    Decide { now: Timestamp, decision: Decision, can: Option<Capabilities> },
}

/// A person's decision about an order that the host cannot settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The CA does not have the order. The host sends it again.
    NotPlaced,
    /// The CA has the order. The host checks its status.
    Placed,
    /// The order is given up. It fails. If the CA cancels orders, it is asked to cancel this one, as soon as the
    /// connection to it is open.
    GiveUp,
}

/// The command that the worker carries out after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Call the plugin.
    Ask(Action),
    /// Write the certificate to the secret store.
    Store,
    /// Send the notice to the listeners.
    Notify,
    /// Ask the authority when to renew the certificate.
    AskRenewal,
    /// Place the order that renews the certificate.
    Renew,
}

/// The reason why an event does not fit the phase of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// This owner has no such order.
    #[error("this owner has no such order")]
    NoOrder,
    /// An order with this id exists.
    #[error("there is an order with this id already")]
    Exists,
    /// The request id belongs to a deleted order that got a certificate.
    #[error("an order with this request id got a certificate and was deleted: use another request id")]
    Deleted,
    /// A worker works on the order, or nothing is due.
    #[error("the order is being worked on, or nothing is due: try again later")]
    NotDue,
    /// The order is finished.
    #[error("the order is finished, and nothing changes it any more")]
    Finished,
    /// The certificate exists and is being stored.
    #[error("the certificate is there already, and is being stored")]
    Generated,
    /// It is unknown what the plugin did.
    #[error("it is not known what the CA did with this order: `decide` first")]
    Undecided,
    /// There is nothing to decide about the order.
    #[error("there is nothing to be decided about this order")]
    NothingToDecide,
    /// A client canceled the order.
    #[error("the order is being canceled")]
    BeingCanceled,
    /// The order has no certificate that could be revoked.
    #[error("the order has no certificate that could be revoked")]
    NoCertificate,
    /// The CA does not revoke certificates.
    #[error("this CA does not revoke certificates")]
    NotRevocable,
    /// The CA does not accept changes of an order.
    #[error("this CA takes no changes of an order: cancel it, and place another")]
    NotModifiable,
}

/// Computes the step that `event` causes in this state. The state `None` is an order that does not exist.
///
/// # Errors
/// A transition error means that nothing changes.
pub(crate) fn step(
    limits: &Limits,
    state: Option<&OrderState>,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    let Some(state) = state else { return step_missing(event) };
    match event {
        Event::Submit { .. } => Err(TransitionError::Exists),
        Event::Modify { now, metadata, can } => wishes::modify(state, standing, now, metadata, can),
        Event::Cancel { now } => wishes::cancel(state, standing, now),
        Event::Delete { now } => wishes::delete(state, standing, now),
        Event::Revoke { now, reason, can } => wishes::revoke(state, standing, now, reason, can),
        Event::Wake { .. } if standing != Standing::Free => Err(TransitionError::NotDue),
        Event::Wake { now, setup, deadline } => wake(limits, state, now, setup, deadline),
        Event::Answered(answered) => Ok(super::answers::answered(limits, state, standing, *answered)),
        Event::Checkpoint { plugin_meta } => checkpoint(state, standing, plugin_meta),
        Event::Stored { now, setup, expires, renew_at } => Ok(if state.phase == Phase::Storing {
            super::answers::settled(state.clone().kept(now, setup, expires, renew_at))
        } else {
            beside(standing, state.clone())
        }),
        Event::RenewalTold { told, again } => {
            Ok(renewal::told(limits, state, standing, told.as_ref(), again))
        }
        Event::Renewed { id } => Ok(renewal::renewed(state, standing, id)),
        Event::NotRenewed { again } => Ok(renewal::not_renewed(limits, state, standing, again)),
        Event::NotStored { again, message } => Ok(not_stored(limits, state, standing, again, message)),
        Event::Notified { again, delivered } => Ok(notified(limits, state, standing, again, delivered)),
        Event::Decide { now, decision, can } => decide(state, now, decision, can),
    }
}

fn step_missing(event: Event) -> Result<Step, TransitionError> {
    match event {
        Event::Submit { now, metadata } => Ok(Step::to(OrderState::new(now, metadata))),
        // Another caller deleted the order before this event.
        Event::Answered(_)
        | Event::Stored { .. }
        | Event::NotStored { .. }
        | Event::Notified { .. }
        | Event::RenewalTold { .. }
        | Event::Renewed { .. }
        | Event::NotRenewed { .. } => Ok(Step::gone()),
        _ => Err(TransitionError::NoOrder),
    }
}

fn wake(
    limits: &Limits,
    state: &OrderState,
    now: Timestamp,
    setup: Setup,
    deadline: Option<Timestamp>,
) -> Result<Step, TransitionError> {
    if state.notice.as_ref().is_some_and(|notice| notice.at <= now) {
        return Ok(Step::to(state.clone()).then(Command::Notify));
    }
    if let Phase::Asking(action) = state.phase {
        return Ok(interrupted(limits, state, action, now, setup.can));
    }
    if state.is_open() && deadline.is_some_and(|deadline| deadline <= now) {
        let mut next = state.clone().given_up(now, now, Some(setup.can));
        "the order's deadline has passed".clone_into(&mut next.message);
        return Ok(super::answers::settled(next));
    }
    match state.scheduled {
        // All attempts are used up, or the connection is open now, and cannot cancel the order.
        Some(Scheduled { action: action @ (Action::Cancel | Action::Check | Action::Revoke), at })
            if at <= now
                && matches!(state.phase, Phase::Finished(_))
                && (state.failures >= limits.retries.attempts
                    || (action == Action::Cancel && !setup.can.cancels)) =>
        {
            let state = state.clone();
            let ended = if action == Action::Revoke { state.unrevoked(now) } else { state.withdrawn() };
            Ok(super::answers::settled(ended))
        }
        Some(Scheduled { action: Action::Store, at }) if at <= now => {
            Ok(Step::to(state.clone()).then(Command::Store))
        }
        Some(Scheduled { action: Action::Renew, at }) if at <= now => {
            Ok(Step::to(state.clone()).then(renewal::command(state, setup.can)))
        }
        Some(Scheduled { action, at }) if at <= now => Ok(ask(limits, state, action, now)),
        _ => Err(TransitionError::NotDue),
    }
}

/// Commands a call of the plugin. A finished order stays finished: the call revokes a certificate, or cancels an order
/// that failed. Such a call counts as a failure until it is answered, so a call that kills its worker every time is not
/// repeated at once and forever. Even for the last call, one more attempt is scheduled. Otherwise the order could be
/// deleted before the answer comes, and the loss of the worker would end the pending work.
pub(super) fn ask(limits: &Limits, state: &OrderState, action: Action, now: Timestamp) -> Step {
    let mut next = OrderState { checkpointed: false, ..state.clone() };
    if matches!(state.phase, Phase::Finished(_)) {
        next.failures = next.failures.saturating_add(1);
        let again = Again { now, retry_after: None, jitter: 0 };
        next.scheduled = Some(Scheduled { action, at: next_wait(limits, next.failures, again) });
    } else {
        (next.phase, next.since, next.scheduled) = (Phase::Asking(action), now, None);
    }
    match action {
        Action::Cancel => (next.cancel, next.changing) = (Cancel::Told, None),
        // An update whose call was interrupted is repeated unchanged, before a newer update.
        Action::Modify if next.changing.is_none() => {
            next.changing = next.proposed.take();
            next.modifications = next.modifications.saturating_add(1);
        }
        _ => {}
    }
    Step::to(next).then(Command::Ask(action))
}

/// Returns the action after a call whose outcome is unknown (decision B6). Returns `None` when a person has to decide.
pub(super) fn after_unknown(state: &OrderState, action: Action, can: Capabilities) -> Option<Action> {
    match action {
        Action::Check | Action::Reconcile | Action::Revoke | Action::Store | Action::Renew => Some(action),
        Action::Issue | Action::Modify | Action::Cancel if can.idempotent => Some(action),
        Action::Issue | Action::Modify | Action::Cancel if can.reconciles => Some(Action::Reconcile),
        Action::Issue | Action::Modify | Action::Cancel => state.checkpointed.then_some(Action::Check),
    }
}

/// Computes the step for an order whose worker was lost during the plugin's call.
fn interrupted(
    limits: &Limits,
    state: &OrderState,
    action: Action,
    now: Timestamp,
    can: Capabilities,
) -> Step {
    let failures = state.failures.saturating_add(1);
    // A lost worker counts as a failure. So a call that kills its worker every time is not repeated for ever.
    let next = after_unknown(state, action, can).filter(|_| failures < limits.retries.attempts);
    let state = OrderState { failures, ..state.clone() }.with_unknown(action);
    let Some(next) = next else {
        let message = "the host stopped while the CA was being asked".to_owned();
        return Step::to(OrderState { message, ..state }.undecided(now));
    };
    ask(limits, &state, next, now)
}

fn checkpoint(
    state: &OrderState,
    standing: Standing,
    plugin_meta: Wiped<String>,
) -> Result<Step, TransitionError> {
    match (state.phase, standing) {
        // A failed order is being canceled at the authority.
        (Phase::Asking(_) | Phase::Finished(End::Failed), Standing::Ours) => {
            Ok(Step::to(OrderState { plugin_meta, checkpointed: true, ..state.clone() }).beside())
        }
        _ => Err(TransitionError::NotDue),
    }
}

/// Returns the time of the next attempt after this number of failures. Returns `None` when the attempts are used up.
/// Only the number of attempts is limited, not the waiting time (decision B7).
pub(super) fn next_try(limits: &Limits, failures: u32, again: Again) -> Option<Timestamp> {
    (failures < limits.retries.attempts).then(|| next_wait(limits, failures, again))
}

/// Returns the time of the next attempt of a call that is repeated without a limit.
pub(super) fn next_wait(limits: &Limits, failures: u32, again: Again) -> Timestamp {
    again.now.plus(limits.retries.wait(failures, again))
}

fn not_stored(
    limits: &Limits,
    state: &OrderState,
    standing: Standing,
    again: Again,
    message: String,
) -> Step {
    if standing != Standing::Ours || state.phase != Phase::Storing {
        return beside(standing, state.clone());
    }
    let failures = state.failures.saturating_add(1);
    // Storing is repeated without a limit, because the certificate exists only in the order.
    let at = next_wait(limits, failures, again);
    let scheduled = Some(Scheduled { action: Action::Store, at });
    Step::to(OrderState { message, scheduled, failures, ..state.clone() })
}

fn notified(limits: &Limits, state: &OrderState, standing: Standing, again: Again, delivered: bool) -> Step {
    if standing != Standing::Ours {
        return beside(standing, state.clone());
    }
    let notice = state.notice.clone().filter(|_| !delivered).and_then(|notice| {
        let failures = notice.failures.saturating_add(1);
        // The listeners hear at least once that a certificate is ready (decision B13).
        let at = match notice.about {
            About::Ready => next_wait(limits, failures, again),
            _ => next_try(limits, failures, again)?,
        };
        Some(Notice { at, failures, ..notice })
    });
    let was_ready = state.notice.as_ref().is_some_and(|notice| notice.about == About::Ready);
    let told_at = state.expiry_told_at(limits).filter(|_| was_ready);
    let expiring = told_at.map(|at| Notice { about: About::Expiring, at, failures: 0 });
    let notice = notice.or(expiring);
    super::answers::settled(OrderState { notice, ..state.clone() })
}

fn decide(
    state: &OrderState,
    now: Timestamp,
    decision: Decision,
    can: Option<Capabilities>,
) -> Result<Step, TransitionError> {
    if state.phase != Phase::Undecided {
        return Err(TransitionError::NothingToDecide);
    }
    let is_placed = decision != Decision::NotPlaced;
    let unknown = state.unknown.filter(|action| match decision {
        // Without an order, no call on it had an effect.
        Decision::NotPlaced => false,
        // An update counts as accepted then, because it could have its effect twice if it were sent again (R3).
        Decision::Placed => *action != Action::Issue,
        Decision::GiveUp => true,
    });
    let state = OrderState { is_placed, unknown, ..state.clone() };
    let action = match decision {
        Decision::NotPlaced if state.cancel != Cancel::No => {
            return Ok(super::answers::settled(state.finished(now, End::Canceled)));
        }
        Decision::NotPlaced => Action::Issue,
        Decision::Placed => Action::Check,
        Decision::GiveUp => return Ok(super::answers::settled(state.given_up(now, now, can))),
    };
    let scheduled = Some(Scheduled { action, at: now });
    Ok(Step::to(OrderState { phase: Phase::Waiting, since: now, failures: 0, scheduled, ..state }))
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
