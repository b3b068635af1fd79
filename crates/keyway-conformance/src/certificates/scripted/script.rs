//! The script of an authority: what it does with the calls to come.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use keyway_certificates::{OrderId, OrderOutcome};
use serde::{Deserialize, Serialize};

/// An operation of a certificate authority, as scripts and counts name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CaCall {
    /// `supports`.
    Supports,
    /// `issue`.
    Issue,
    /// `check`.
    Check,
    /// `modify`.
    Modify,
    /// `cancel`.
    Cancel,
    /// `ca_information`.
    CaInformation,
    /// `create_ca`.
    CreateCa,
    /// `delete_ca`.
    DeleteCa,
    /// `revoke`.
    Revoke,
    /// `renewal_information`.
    RenewalInformation,
    /// `maintain`.
    Maintain,
    /// `reconcile`.
    Reconcile,
}

/// Answers one call, or fails it, after a delay.
#[derive(Clone, Debug)]
pub struct Step {
    pub(super) delay: Duration,
    pub(super) act: Act,
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    Work,
    Outcome(OrderOutcome),
    Fault(Fault),
}

/// A way in which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Answers that the authority cannot be reached; nothing happens.
    Unavailable,
    /// Answers a refusal; nothing happens.
    Refused,
    /// Answers that a system failed; nothing happened, and the caller cannot know.
    LostRequest,
    /// Answers that a system failed, after the effect.
    LostAnswer,
    /// Never ends; nothing happens.
    Hangs,
    /// Never ends, after the effect.
    HangsAfterwards,
    /// Panics; nothing happens.
    Panics,
    /// Panics after the effect.
    PanicsAfterwards,
}

impl Step {
    /// The authority answers as without a script.
    pub const fn work() -> Self {
        Self { delay: Duration::ZERO, act: Act::Work }
    }

    /// The authority answers a call for an order with this outcome, and does nothing else. Other calls are answered as
    /// without a script.
    pub fn outcome(outcome: impl Into<OrderOutcome>) -> Self {
        Self { delay: Duration::ZERO, act: Act::Outcome(outcome.into()) }
    }

    /// The call fails.
    pub const fn fault(fault: Fault) -> Self {
        Self { delay: Duration::ZERO, act: Act::Fault(fault) }
    }

    /// Sets a delay before the answer, by the clock of the runtime of `tokio` that polls the call.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// The steps to come, by call, and by order where they are for one order.
#[derive(Debug, Default)]
pub(super) struct Script(BTreeMap<(CaCall, Option<String>), VecDeque<Step>>);

impl Script {
    pub(super) fn add(&mut self, call: CaCall, order: Option<&OrderId>, steps: impl Iterator<Item = Step>) {
        self.0.entry((call, order.map(ToString::to_string))).or_default().extend(steps);
    }

    /// Takes the next step of a call: that for its order first.
    pub(super) fn next(&mut self, call: CaCall, order: Option<&OrderId>) -> Step {
        let of_order = order.and_then(|order| self.0.get_mut(&(call, Some(order.to_string()))));
        let step = of_order.and_then(VecDeque::pop_front);
        let any = || self.0.get_mut(&(call, None)).and_then(VecDeque::pop_front);
        step.or_else(any).unwrap_or_else(Step::work)
    }
}
