//! The moment at which a certificate is renewed by another order.

use std::time::Duration;

use keyway_certificates::{Capabilities, RenewalInformation};
use keyway_core::Timestamp;

use super::answers::settled;
use super::machine::{Command, Step};
use super::state::{Action, OrderState, Renewing};
use super::wishes::beside;
use crate::records::NameTag;
use crate::work::{Again, Limits, Standing};

/// How often an authority that says when to renew is asked, unless it says so, too.
const LOOK_EVERY: Duration = Duration::from_secs(24 * 3600);

/// The shortest time until a certificate is renewed.
const SHORTEST: Duration = Duration::from_secs(60);

/// The wish that the certificate of an order is renewed before it expires (decision B18).
///
/// A linked order with the same metadata is placed when a share of the validity has passed, or when an authority
/// with the capability `renewal_information` says so. Its request is the same, too, with the same key; for a
/// stored key it is made again, with the key that is in the container then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The share in thousandths of the validity.
    thousandths: u16,
}

impl Default for Renewal {
    /// Renews at two thirds of the validity.
    fn default() -> Self {
        Self { thousandths: 667 }
    }
}

impl Renewal {
    /// Renews when so many thousandths of the validity have passed: 1 to 999; others count as the nearest of them.
    #[must_use]
    pub fn at_thousandths(thousandths: u16) -> Self {
        Self { thousandths: thousandths.clamp(1, 999) }
    }

    pub(super) const fn thousandths(self) -> u16 {
        self.thousandths
    }

    /// Returns the moment at which the share has passed. For a certificate that is older than that when the host
    /// gets it, it is the share of the rest: an authority that hands out an old certificate again must not be asked
    /// without a pause.
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
    /// Plans the renewal of a new certificate. An authority that says when to renew is asked after a day, or as often
    /// as it says. Not earlier: one that always says "now" would have order after order without a pause.
    pub(super) fn planned(due: Timestamp, now: Timestamp, can: Capabilities) -> Self {
        let next = if can.renewal_information { due.min(now.plus(LOOK_EVERY)) } else { due };
        Self { due, next, id: None }
    }
}

/// Returns the command for a renewal that a worker takes up: the authority is asked until the chosen moment has come.
pub(super) fn command(state: &OrderState, can: Capabilities) -> Command {
    let is_early = state.renewal.as_ref().is_some_and(|renewal| renewal.next < renewal.due);
    if is_early && can.renewal_information { Command::AskRenewal } else { Command::Renew }
}

/// Chooses the moment of the renewal by what the authority told, and renews now if it has passed.
pub(super) fn told(
    state: &OrderState,
    standing: Standing,
    told: Option<&RenewalInformation>,
    again: Again,
) -> Step {
    let look = again.now.plus(told.and_then(|told| told.check_again_after).unwrap_or(LOOK_EVERY));
    let mut is_due = false;
    let step = changed(state, standing, |renewal| {
        renewal.due = told.map_or(renewal.due, |told| within(told, again.jitter));
        renewal.next = renewal.due.min(look);
        is_due = renewal.due <= again.now;
    });
    if is_due && step.state.as_ref().is_some_and(renews_next) { step.then(Command::Renew) } else { step }
}

/// Chooses a moment of a window. If all hosts took its beginning, the authority would have all renewals at once
/// (RFC 9773, section 4.2).
fn within(told: &RenewalInformation, jitter: u8) -> Timestamp {
    let window = told.window_end().as_milliseconds().saturating_sub(told.window_start().as_milliseconds());
    told.window_start().plus(Duration::from_millis(window / 256 * u64::from(jitter)))
}

/// Notes the order that renews the certificate.
pub(super) fn renewed(state: &OrderState, standing: Standing, id: NameTag) -> Step {
    changed(state, standing, |renewal| renewal.id = Some(id))
}

/// Tries again as long as it takes: the certificate expires otherwise.
pub(super) fn not_renewed(limits: &Limits, state: &OrderState, standing: Standing, again: Again) -> Step {
    let failures = state.failures.saturating_add(1);
    let next = again.now.plus(limits.retries.wait(failures, again));
    let mut step = changed(state, standing, |renewal| renewal.next = next);
    if let (Some(state), true) = (&mut step.state, standing == Standing::Ours) {
        state.failures = failures;
    }
    step
}

/// Changes the renewal of an order that has its certificate, and schedules what follows.
fn changed(state: &OrderState, standing: Standing, change: impl FnOnce(&mut Renewing)) -> Step {
    let mut next = state.clone();
    match &mut next.renewal {
        Some(renewal) if standing == Standing::Ours => change(renewal),
        _ => return beside(standing, state.clone()),
    }
    let now = next.since;
    settled(OrderState { failures: 0, ..next }.living_on(now))
}

fn renews_next(state: &OrderState) -> bool {
    state.scheduled.is_some_and(|scheduled| scheduled.action == Action::Renew)
}

#[cfg(test)]
#[path = "renewal_tests.rs"]
mod tests;
