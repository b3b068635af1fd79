//! Decides when a certificate is renewed by a new order.

use std::time::Duration;

use keyway_certificates::{Capabilities, RenewalInformation};
use keyway_core::Timestamp;

use super::answers::settled;
use super::machine::{Command, Step, next_wait};
use super::state::{About, Action, OrderState, Renewing};
use super::wishes::beside;
use crate::records::NameTag;
use crate::work::{Again, Limits, Standing};

/// The interval at which the host asks an authority when to renew, unless the authority's last answer named a different
/// one.
const LOOK_EVERY: Duration = Duration::from_secs(24 * 3600);

/// The shortest time until a certificate is renewed.
const SHORTEST: Duration = Duration::from_secs(60);

/// The wish that the certificate of an order is renewed before it expires.
///
/// The host places a new order with the same metadata when a share of the validity has passed. If the authority has the
/// capability `renewal_information` and names a window of time, the host chooses a moment in that window instead. The
/// record of the old order names the new one. The new order repeats the old request, and so has the same key. For an
/// order with a stored key, the host makes a new request instead, with the key that the container holds at that time
/// (decision B18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The share of the validity, in thousandths.
    thousandths: u16,
}

impl Default for Renewal {
    /// Renews at two thirds of the validity.
    fn default() -> Self {
        Self { thousandths: 667 }
    }
}

impl Renewal {
    /// Renews when this share of the validity has passed, in thousandths. Numbers below 1 count as 1, and numbers above
    /// 999 as 999.
    #[must_use]
    pub fn at_thousandths(thousandths: u16) -> Self {
        Self { thousandths: thousandths.clamp(1, 999) }
    }

    pub(super) const fn thousandths(self) -> u16 {
        self.thousandths
    }

    /// Returns the moment at which the share of the validity has passed. If that moment is in the past when the host
    /// gets the certificate, the same share of the remaining validity counts instead. Without this rule, an authority
    /// that returns an old certificate again and again would be asked without a pause.
    pub(super) fn due(self, not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> Timestamp {
        let after = |from: Timestamp| {
            let rest = not_after.as_milliseconds().saturating_sub(from.as_milliseconds());
            from.plus(Duration::from_millis(rest / 1000 * u64::from(self.thousandths)))
        };
        let due = after(not_before);
        if due > now { due } else { after(now).max(now.plus(SHORTEST)) }
    }
}

impl Renewing {
    /// Plans the renewal of a new certificate. An authority that says when to renew is first asked after a day, or when
    /// the share of the validity has passed, whichever is earlier. It is not asked earlier: an authority that always
    /// says "now" would get one order after another without a pause.
    pub(super) fn planned(due: Timestamp, now: Timestamp, can: Capabilities) -> Self {
        let next = if can.renewal_information { due.min(now.plus(LOOK_EVERY)) } else { due };
        Self { due, next, id: None }
    }
}

/// Returns the command for a renewal whose next action is due. Before the chosen moment, an authority that can say when
/// to renew is asked again. Otherwise the certificate is renewed.
pub(super) fn command(state: &OrderState, can: Capabilities) -> Command {
    let is_early = state.renewal.as_ref().is_some_and(|renewal| renewal.next < renewal.due);
    if is_early && can.renewal_information { Command::AskRenewal } else { Command::Renew }
}

/// Chooses the moment of the renewal from the authority's answer, and renews at once if that moment has passed.
pub(super) fn told(
    limits: &Limits,
    state: &OrderState,
    standing: Standing,
    told: Option<&RenewalInformation>,
    again: Again,
) -> Step {
    // The authority's wait may be zero, for example if its clock is behind.
    let wait = told.and_then(|told| told.check_again_after).unwrap_or(LOOK_EVERY);
    let look = again.now.plus(wait.max(SHORTEST));
    let mut is_due = false;
    let mut step = changed(state, standing, |renewal| {
        renewal.due = told.map_or(renewal.due, |told| within(told, again.jitter));
        renewal.next = renewal.due.min(look);
        is_due = renewal.due <= again.now;
    });
    if let Some(next) = &mut step.state
        && let (Some(at), Some(notice)) = (next.expiry_told_at(limits), &mut next.notice)
        && notice.about == About::Expiring
    {
        notice.at = at;
    }
    if is_due && step.state.as_ref().is_some_and(renews_next) { step.then(Command::Renew) } else { step }
}

/// Chooses a moment in the authority's window. If all hosts chose the beginning of the window, the authority would get
/// all renewals at the same time (RFC 9773, section 4.2).
fn within(told: &RenewalInformation, jitter: u8) -> Timestamp {
    let window = told.window_end().as_milliseconds().saturating_sub(told.window_start().as_milliseconds());
    told.window_start().plus(Duration::from_millis(window / 256 * u64::from(jitter)))
}

/// Notes the order that renews the certificate.
pub(super) fn renewed(state: &OrderState, standing: Standing, id: NameTag) -> Step {
    changed(state, standing, |renewal| renewal.id = Some(id))
}

/// Schedules another try. The number of tries has no limit, because the certificate expires if it is not renewed.
pub(super) fn not_renewed(limits: &Limits, state: &OrderState, standing: Standing, again: Again) -> Step {
    let failures = state.failures.saturating_add(1);
    let next = next_wait(limits, failures, again);
    let mut step = changed(state, standing, |renewal| renewal.next = next);
    if let (Some(state), true) = (&mut step.state, standing == Standing::Ours) {
        state.failures = failures;
    }
    step
}

/// Changes the renewal of an order that has its certificate, and schedules the next action.
fn changed(state: &OrderState, standing: Standing, change: impl FnOnce(&mut Renewing)) -> Step {
    let mut next = state.clone();
    match &mut next.renewal {
        Some(renewal) if standing == Standing::Ours => change(renewal),
        _ => return beside(standing, state.clone()),
    }
    let now = next.since;
    settled(next.living_on(now))
}

fn renews_next(state: &OrderState) -> bool {
    state.scheduled.is_some_and(|scheduled| scheduled.action == Action::Renew)
}

#[cfg(test)]
#[path = "renewal_tests.rs"]
mod tests;
