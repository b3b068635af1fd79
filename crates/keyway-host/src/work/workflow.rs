//! The part that is an engine's own: a pure machine, and the commands that it gives.

use keyway_core::{PluginError, Timestamp};

use super::limits::Limits;
use super::retry::Retries;
use super::submit::Failed;
use super::worker::Claimed;
use crate::plugin::LaneGuard;
use crate::records::{Entry, Recorded};

/// Tells a caller's step whether the record is worked on (decision R5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is no claim, or its owner is known to be gone.
    Free,
    /// The claim is the one that this caller made.
    Ours,
    /// The claim is that of another host, or of another call of this one.
    Others,
}

/// A step of the machine: the state to store, and the command to carry out then.
pub(crate) struct Step<W: Workflow> {
    /// The next state; `None` removes the record.
    pub(crate) state: Option<W::State>,
    /// The command for the plugin. The record is claimed meanwhile.
    pub(crate) command: Option<W::Command>,
    /// How many records may be counted under its names with this one.
    pub(crate) at_most: Option<u64>,
    /// The event for the record that holds the unique names, in the same batch.
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

/// The result of a command.
pub(crate) struct Carried<W: Workflow> {
    /// The event for the machine.
    pub(crate) event: W::Event,
    /// The answer for the caller, if a later step hands it out.
    pub(crate) answer: Option<W::Answer>,
    /// The failure, for the caller. It holds no secret.
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
    /// Something that happened to a record. It carries the present, since the machine has no clock.
    type Event: Clone + Send + Sync;
    /// A question or an order to the plugin.
    type Command: Send + Sync;
    /// The reason why an event does not fit the state.
    type TransitionError: Send;
    /// The caller's own part (tokens, parameters, a listener). It is never stored.
    type Live: Send + Sync;
    /// The answer for the caller alone (a credential, a handle). It is never stored.
    type Answer: Send;
    /// A failure for the caller: of a plugin, or of the way through the steps.
    type Failure: PluginError + From<Failed<Self>>;

    /// The name of the engine in reports and logs.
    const ENGINE: &'static str;

    /// Computes the step that `event` causes. A transition error leaves everything as it was.
    fn step(
        retries: &Retries,
        state: Option<&Self::State>,
        standing: Standing,
        event: Self::Event,
    ) -> Result<Step<Self>, Self::TransitionError>;

    /// The limits that the host set.
    fn limits(&self) -> &Limits;

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

    /// Whether a failure says that another host or another call works on the record, or has settled it.
    fn is_elsewhere(failure: &Self::Failure) -> bool;

    /// Completes a failure with the machine's decision about it.
    fn completed(failure: Self::Failure, _entry: &Entry<Self>) -> Self::Failure {
        failure
    }

    /// Does the engine's other regular work.
    fn tick(&self, _now: Timestamp) {}

    /// All lanes of this host.
    fn lanes(&self) -> Vec<Lane>;

    /// The plugin behind a lane, if there is one plugin that counts its calls.
    fn guard(&self, _lane: &str) -> Option<&dyn LaneGuard> {
        None
    }

    /// Whether a command has no deadline, so that the claim for it is renewed at a third.
    fn is_long(_command: &Self::Command) -> bool {
        false
    }

    /// Carries a command out. `live` is there if a caller waits for it.
    fn carry_out(
        &self,
        on: &Claimed<'_, Self>,
        command: Self::Command,
        live: Option<&Self::Live>,
    ) -> impl Future<Output = Carried<Self>> + Send;
}

/// A lane: what waits for the same plugin and service.
pub(crate) struct Lane {
    pub(crate) name: String,
    /// Whether its plugin can be asked at present.
    pub(crate) is_ready: bool,
}
