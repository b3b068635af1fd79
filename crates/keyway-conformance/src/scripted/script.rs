//! The script of a plugin: its answers to the calls to come.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Answers one call, or fails it, after a delay. `O` is the type of the outcomes that a script can give.
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
    /// Answers that the system outside cannot be reached; nothing happens.
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

impl<O> Step<O> {
    /// The plugin answers as without a script.
    pub const fn work() -> Self {
        Self { delay: Duration::ZERO, act: Act::Work }
    }

    /// The plugin answers this outcome, and does nothing else. Calls that have no such outcome are answered as without
    /// a script.
    pub fn outcome(outcome: impl Into<O>) -> Self {
        Self { delay: Duration::ZERO, act: Act::Outcome(outcome.into()) }
    }

    /// The call fails.
    pub const fn fault(fault: Fault) -> Self {
        Self { delay: Duration::ZERO, act: Act::Fault(fault) }
    }

    /// Sets a delay before the answer, by the clock of the runtime of `tokio` that polls the call.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// The steps to come, by call, and by its object where they are for one object; and the step after all of them.
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

    /// Sets the step of all calls for an object that have no other one.
    #[cfg(feature = "credentials")]
    pub(super) fn always(&mut self, call: C, object: &str, step: Step<O>) {
        self.always.insert((call, object.to_owned()), step);
    }

    /// Takes the next step of a call: that for its object first.
    pub(super) fn next(&mut self, call: C, object: Option<&str>) -> Step<O> {
        let of_object = object.and_then(|object| self.steps.get_mut(&(call, Some(object.to_owned()))));
        let step = of_object.and_then(VecDeque::pop_front);
        let always = || self.always.get(&(call, object?.to_owned())).cloned();
        let any = self.steps.get_mut(&(call, None));
        step.or_else(|| any.and_then(VecDeque::pop_front)).or_else(always).unwrap_or_else(Step::work)
    }
}
