//! What an engine is: a pure machine, and the commands that it gives.

use std::time::Duration;

use keyway_core::{PluginError, Timestamp};

use super::report::WorkOutcome;
use super::submit::Failed;
use super::worker::Claimed;
use crate::host::LaneHealth;
use crate::plugin::Permit;
use crate::records::{Entry, Recorded};

/// Who works on a record, as far as a caller's step is concerned (decision R5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody: there is no claim, or its owner is known to be gone.
    Free,
    /// This caller: the claim is the one that it made.
    Ours,
    /// Another host, or another call of this one.
    Others,
}

/// A step of the machine: what to store, and what to do when it is stored.
pub(crate) struct Step<W: Workflow> {
    /// The next state; `None` removes the record.
    pub(crate) state: Option<W::State>,
    /// What to ask the plugin then. The record is claimed meanwhile.
    pub(crate) command: Option<W::Command>,
    /// How many records may be counted under its names with this one.
    pub(crate) at_most: Option<u64>,
    /// What happens to the record that holds the unique names, in the same batch.
    pub(crate) holder: Option<W::Event>,
    /// Whether the caller gets the plugin's answer when this step is stored.
    pub(crate) hands_out: bool,
}

impl<W: Workflow> Step<W> {
    fn new(state: Option<W::State>) -> Self {
        Self { state, command: None, at_most: None, holder: None, hands_out: false }
    }

    /// Stores this state.
    pub(crate) fn to(state: W::State) -> Self {
        Self::new(Some(state))
    }

    /// Removes the record.
    pub(crate) fn gone() -> Self {
        Self::new(None)
    }

    /// Gives a command.
    pub(crate) fn then(self, command: W::Command) -> Self {
        Self { command: Some(command), ..self }
    }

    /// Hands the plugin's answer out.
    pub(crate) fn handing_out(self) -> Self {
        Self { hands_out: true, ..self }
    }
}

/// What came of a command.
pub(crate) struct Carried<W: Workflow> {
    /// What the machine is told.
    pub(crate) event: W::Event,
    /// What the caller gets, if a later step hands it out.
    pub(crate) answer: Option<W::Answer>,
    /// What went wrong, for the caller. It holds no secret.
    pub(crate) failure: Option<W::Failure>,
}

impl<W: Workflow> Carried<W> {
    /// The plugin did what it was asked.
    pub(crate) fn done(event: W::Event) -> Self {
        Self { event, answer: None, failure: None }
    }

    /// The plugin answered with something for the caller.
    pub(crate) fn answered(event: W::Event, answer: W::Answer) -> Self {
        Self { event, answer: Some(answer), failure: None }
    }

    /// The plugin failed.
    pub(crate) fn failed(event: W::Event, failure: W::Failure) -> Self {
        Self { event, answer: None, failure: Some(failure) }
    }
}

/// An engine's own part: everything else is the same for all engines.
///
/// `step` is the whole policy. It is pure: no clock, no I/O, no randomness; what it needs to know of
/// the world stands in the event. Each step is stored before its command is carried out (decision R2),
/// and a command follows from the record alone, so a restart can give it again. The exception are
/// commands that [`undo`](Self::undo) something that could not be stored.
pub(crate) trait Workflow: Recorded + Sized {
    /// What the host set: how often and for how long to try.
    type Policy: Send + Sync;
    /// What happens to a record. It carries the present, since the machine has no clock.
    type Event: Clone + Send + Sync;
    /// What a plugin is asked.
    type Command: Send + Sync;
    /// Why an event does not fit the state.
    type TransitionError: Send;
    /// What only the caller has (tokens, parameters, a listener). It is never stored.
    type Live: Send + Sync;
    /// What only the caller gets (a credential, a handle). It is never stored.
    type Answer: Send;
    /// What went wrong with a plugin.
    type Failure: PluginError;

    /// The name of the engine in reports and logs.
    const ENGINE: &'static str;

    /// What `event` does to a record. A transition error leaves everything as it was.
    fn step(
        policy: &Self::Policy,
        state: Option<&Self::State>,
        standing: Standing,
        event: Self::Event,
    ) -> Result<Step<Self>, Self::TransitionError>;

    /// The policy that the host set.
    fn policy(&self) -> &Self::Policy;

    /// The event in place of `event`, whose unique names another record holds.
    fn taken(&self, event: &Self::Event, holder: &Entry<Self>) -> Self::Event {
        let _ = holder;
        event.clone()
    }

    /// The command that undoes what a plugin did, when `event` is known not to be stored.
    fn undo(event: &Self::Event) -> Option<Self::Command> {
        let _ = event;
        None
    }

    /// The event with which a worker takes up a record that is due.
    fn wake(&self, fixed: &Self::Fixed, now: Timestamp) -> Self::Event;

    /// The id of a record, as the engine prints it.
    fn record_id(entry: &Entry<Self>) -> String;

    /// What a worker reports of an event that was not carried through.
    fn failed(failed: Failed<Self>) -> WorkOutcome;

    /// Completes a failure with what the machine decided about it.
    fn completed(failure: Self::Failure, _entry: &Entry<Self>) -> Self::Failure {
        failure
    }

    /// Does what is to be done every few seconds besides.
    fn tick(&self, _now: Timestamp) {}

    /// The lanes whose plugins can be asked at present.
    fn lanes(&self) -> Vec<String>;

    /// How the plugins behind the lanes are doing.
    fn lane_health(&self) -> Vec<LaneHealth>;

    /// How long a claim for this command lasts: longer than the plugin may take. A claim for a command
    /// without a deadline is renewed at a third.
    fn claim_lasts(&self, command: &Self::Command) -> ClaimLength;

    /// Waits until the plugin works on fewer calls than it can. Nothing is stored meanwhile.
    fn permit(&self, lane: &str) -> impl Future<Output = Permit> + Send;

    /// A permit, if one is free.
    fn try_permit(&self, lane: &str) -> Option<Permit>;

    /// Carries a command out. `live` is there if a caller waits for it.
    fn carry_out(
        &self,
        on: &Claimed<'_, Self>,
        command: Self::Command,
        live: Option<&Self::Live>,
    ) -> impl Future<Output = Carried<Self>> + Send;
}

/// How long a claim lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ClaimLength {
    /// This long.
    Fixed(Duration),
    /// This long, and renewed at a third for as long as the command is carried out.
    Renewed(Duration),
}

impl ClaimLength {
    pub(super) fn duration(self) -> Duration {
        match self {
            Self::Fixed(lasts) | Self::Renewed(lasts) => lasts,
        }
    }
}
