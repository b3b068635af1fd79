//! The script of a plugin: its answers to future calls.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A step of a script: the answer or the failure of one call, and a delay before it. `O` is the type of the outcomes
/// that a script can give.
#[derive(Clone, Debug)]
pub struct Step<O> {
    pub(super) delay: Duration,
    pub(super) act: Act<O>,
}

#[derive(Clone, Debug)]
pub(super) enum Act<O> {
    Work,
    Outcome(O),
    Fault(Fault),
}

/// A way in which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Reports that the external system cannot be reached; nothing happens.
    Unavailable,
    /// Reports a refusal; nothing happens.
    Refused,
    /// Reports that a system failed; nothing happens. The caller gets the same error as for `LostAnswer`.
    LostRequest,
    /// Reports that a system failed, after the effect happened.
    LostAnswer,
    /// Never answers; nothing happens.
    Hangs,
    /// Never answers, after the effect.
    HangsAfterwards,
    /// Panics; nothing happens.
    Panics,
    /// Panics after the effect.
    PanicsAfterwards,
}

impl<O> Step<O> {
    /// Makes a step in which the plugin answers as it does without a script.
    pub const fn work() -> Self {
        Self { delay: Duration::ZERO, act: Act::Work }
    }

    /// Makes a step in which the plugin returns this outcome, and does nothing else. If the call cannot have this
    /// outcome, the plugin answers as it does without a script.
    pub fn outcome(outcome: impl Into<O>) -> Self {
        Self { delay: Duration::ZERO, act: Act::Outcome(outcome.into()) }
    }

    /// Makes a step in which the call fails.
    pub const fn fault(fault: Fault) -> Self {
        Self { delay: Duration::ZERO, act: Act::Fault(fault) }
    }

    /// Sets a delay before the answer, by the clock of the `tokio` runtime that polls the call.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// The steps of a script. `steps` has the next steps of each call, either for one object or for all objects. `always`
/// has the step that a call for an object takes when no other step is left.
#[derive(Debug)]
pub(super) struct Script<C, O> {
    steps: BTreeMap<(C, Option<String>), VecDeque<Step<O>>>,
    always: BTreeMap<(C, String), Step<O>>,
}

impl<C, O> Default for Script<C, O> {
    fn default() -> Self {
        Self { steps: BTreeMap::new(), always: BTreeMap::new() }
    }
}

impl<C: Ord + Copy, O: Clone> Script<C, O> {
    pub(super) fn add(&mut self, call: C, object: Option<&str>, steps: impl Iterator<Item = Step<O>>) {
        self.steps.entry((call, object.map(str::to_owned))).or_default().extend(steps);
    }

    /// Sets the step for every call for this object that no other step of the script covers.
    #[cfg(feature = "credentials")]
    pub(super) fn always(&mut self, call: C, object: &str, step: Step<O>) {
        self.always.insert((call, object.to_owned()), step);
    }

    /// Takes the next step of a call. Steps for `object` are used before steps for all objects.
    pub(super) fn next(&mut self, call: C, object: Option<&str>) -> Step<O> {
        let of_object = object.and_then(|object| self.steps.get_mut(&(call, Some(object.to_owned()))));
        let step = of_object.and_then(VecDeque::pop_front);
        let always = || self.always.get(&(call, object?.to_owned())).cloned();
        let any = self.steps.get_mut(&(call, None));
        step.or_else(|| any.and_then(VecDeque::pop_front)).or_else(always).unwrap_or_else(Step::work)
    }
}
