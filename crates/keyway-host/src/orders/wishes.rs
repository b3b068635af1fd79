//! The steps that follow from a client's wish: to change, cancel or delete an order, or to revoke its certificate.

use keyway_certificates::{Capabilities, RevocationReason};
use keyway_core::{Timestamp, Wiped};

use super::machine::{Step, TransitionError};
use super::state::{Action, Cancel, End, OrderState, Phase, Revocation, Scheduled};
use crate::work::Standing;

pub(super) fn modify(
    state: &OrderState,
    standing: Standing,
    now: Timestamp,
    metadata: Wiped<String>,
    can: Option<Capabilities>,
) -> Result<Step, TransitionError> {
    let mut next = state.clone();
    match state.phase {
        Phase::Finished(_) => return Err(TransitionError::Finished),
        Phase::Storing => return Err(TransitionError::Generated),
        Phase::Undecided => return Err(TransitionError::Undecided),
        _ if state.cancel != Cancel::No => return Err(TransitionError::BeingCanceled),
        Phase::Submitted => next.metadata = metadata,
        // The order is placed with the newest metadata. An older update must not follow.
        Phase::Waiting if !state.is_placed => (next.metadata, next.changing) = (metadata, None),
        _ if can.is_some_and(|can| !can.modifies) => return Err(TransitionError::NotModifiable),
        Phase::Asking(_) => next.proposed = Some(metadata),
        Phase::Waiting => {
            next.proposed = Some(metadata);
            next = next.with_wishes(now);
        }
    }
    Ok(beside(standing, next))
}

pub(super) fn cancel(
    state: &OrderState,
    standing: Standing,
    now: Timestamp,
) -> Result<Step, TransitionError> {
    let mut next = state.clone();
    match state.phase {
        Phase::Finished(End::Canceled) => {}
        Phase::Finished(_) => return Err(TransitionError::Finished),
        Phase::Storing => return Err(TransitionError::Generated),
        Phase::Undecided => return Err(TransitionError::Undecided),
        // The plugin does not know of the order.
        Phase::Submitted => next = next.finished(now, End::Canceled),
        _ if state.cancel == Cancel::Told => {}
        Phase::Asking(_) | Phase::Waiting => next = next.with_cancel(now),
    }
    Ok(beside(standing, next))
}

pub(super) fn delete(
    state: &OrderState,
    standing: Standing,
    now: Timestamp,
) -> Result<Step, TransitionError> {
    match state.phase {
        Phase::Submitted => return Ok(Step::gone()),
        Phase::Finished(_) if state.is_at_rest() && !state.owes_notice() => return Ok(Step::gone()),
        Phase::Undecided => return Err(TransitionError::Undecided),
        _ => {}
    }
    let mut next = OrderState { delete: true, ..state.clone() };
    if matches!(state.phase, Phase::Asking(_) | Phase::Waiting) && state.cancel == Cancel::No {
        next = next.with_cancel(now);
    }
    // If the plugin does not know the order, the order is settled at once, and its record is removed.
    Ok(if next.is_settled() { Step::gone() } else { beside(standing, next) })
}

/// Schedules the revocation of the certificate of a finished order, which may be in quarantine. The order's phase stays
/// the same (decision B18).
pub(super) fn revoke(
    state: &OrderState,
    standing: Standing,
    now: Timestamp,
    reason: RevocationReason,
    can: Option<Capabilities>,
) -> Result<Step, TransitionError> {
    // A certificate in quarantine broke a rule of the host, but the authority did issue it.
    if state.certificate.is_none() || !matches!(state.phase, Phase::Finished(End::Generated | End::Failed)) {
        return Err(TransitionError::NoCertificate);
    }
    if can.is_some_and(|can| !can.revokes) {
        return Err(TransitionError::NotRevocable);
    }
    let mut next = state.clone();
    if !state.revocation.as_ref().is_some_and(|revocation| revocation.revoked) {
        let message = String::new();
        next.revocation = Some(Revocation { reason, since: now, revoked: false, message, ended: false });
        (next.failures, next.scheduled) = (0, Some(Scheduled { action: Action::Revoke, at: now }));
    }
    Ok(beside(standing, next))
}

/// Stores a client's wish. A worker that works on the order keeps its claim.
pub(super) fn beside(standing: Standing, state: OrderState) -> Step {
    let step = Step::to(state);
    if standing == Standing::Others { step.beside() } else { step }
}
