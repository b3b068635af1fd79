//! Defines the part of an engine that differs between engines: a pure machine, and its commands.

use keyway_core::{PluginError, Timestamp};

use super::limits::Limits;
use super::submit::Failed;
use super::worker::{Claimed, Run};
use crate::plugin::LaneGuard;
use crate::records::{Entry, Note, RecordError, Recorded};

/// Tells the machine whether the record is claimed, and by which caller.
///
/// See decision R5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is no claim, or its owner is known to be gone.
    Free,
    /// This caller made the claim.
    Ours,
    /// Another host, or another call of this host, made the claim.
    Others,
}

/// A step of the machine: the state to store, and then the command to carry out.
#[allow(clippy::struct_excessive_bools)] // Each is an instruction of its own, set by a method.
pub(crate) struct Step<W: Workflow> {
    /// The next state; `None` removes the record.
    pub(crate) state: Option<W::State>,
    /// The command for the plugin. The record is claimed until the command's result is stored.
    pub(crate) command: Option<W::Command>,
    /// The limit for the number of records under each of the counted names, including this record.
    pub(crate) at_most: Option<u64>,
    /// The event for the record that holds the unique names. Its step is stored in the same batch.
    pub(crate) holder: Option<W::Event>,
    /// Whether the caller gets the plugin's answer when this step is stored.
    pub(crate) hands_out: bool,
    /// Whether the claim on the record stays as it is, also that of another caller.
    pub(crate) keeps_claim: bool,
    /// Whether the [note](Workflow::note) of the event is stored in the same batch.
    pub(crate) notes: bool,
    /// Whether a restart would give the same command because of the stored state, so that nothing is stored before the
    /// command.
    pub(crate) is_promised: bool,
}

impl<W: Workflow> Step<W> {
    fn new(state: Option<W::State>) -> Self {
        Self {
            state,
            command: None,
            at_most: None,
            holder: None,
            hands_out: false,
            keeps_claim: false,
            notes: false,
            is_promised: false,
        }
    }

    /// Stores this state.
    pub(crate) fn to(state: W::State) -> Self {
        Self::new(Some(state))
    }

    /// Removes the record.
    pub(crate) fn gone() -> Self {
        Self::new(None)
    }

    /// Adds a command.
    pub(crate) fn then(self, command: W::Command) -> Self {
        Self { command: Some(command), ..self }
    }

    /// Lets the command be carried out without storing the step first. After a crash, the same command follows from the
    /// stored state.
    #[cfg(feature = "credentials")]
    pub(crate) fn promised(self) -> Self {
        Self { is_promised: true, ..self }
    }

    /// Leaves the claim on the record as it is. If another caller has the claim, that caller continues its work, and
    /// sees the change when it stores its next step.
    pub(crate) fn beside(self) -> Self {
        Self { keeps_claim: true, ..self }
    }

    /// Stores the note of the event, too.
    pub(crate) fn noting(self) -> Self {
        Self { notes: true, ..self }
    }

    /// Lets the caller get the plugin's answer.
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
    /// Makes the result of a command that the plugin carried out.
    pub(crate) fn done(event: W::Event) -> Self {
        Self { event, answer: None, failure: None }
    }

    /// Makes the result of a command with an answer for the caller.
    pub(crate) fn answered(event: W::Event, answer: W::Answer) -> Self {
        Self { event, answer: Some(answer), failure: None }
    }

    /// Makes the result of a command that failed at the plugin.
    pub(crate) fn failed(event: W::Event, failure: W::Failure) -> Self {
        Self { event, answer: None, failure: Some(failure) }
    }
}

/// A machine of an engine, which makes all decisions. It is a pure function without a clock, I/O or randomness: the
/// event has all the facts that it needs.
pub(crate) type Machine<W> = fn(
    &Limits,
    Option<&<W as Recorded>::State>,
    Standing,
    <W as Workflow>::Event,
) -> Result<Step<W>, <W as Workflow>::TransitionError>;

/// The part of an engine that differs between engines. Everything else is the same for all engines.
///
/// Each step is stored before its command is carried out, and a command depends on the record alone, so a restart can
/// give the same command again (decision R2). Commands that [`undo`](Self::undo) an unstored step are the exception.
pub(crate) trait Workflow: Recorded + Sized {
    /// Something that happened to a record. It carries the current time, since the machine has no
    /// clock.
    type Event: Clone + Send + Sync;
    /// A call of the plugin.
    type Command: Send + Sync;
    /// The reason why an event does not fit the state.
    type TransitionError: Send;
    /// The data that only the caller has (tokens, parameters, a listener). It is never stored.
    type Live: Send + Sync;
    /// The answer for the caller alone (a credential, a handle). It is never stored.
    type Answer: Send;
    /// A failure for the caller: of a plugin, or of the step loop.
    type Failure: PluginError + From<Failed<Self>>;

    /// The name of the engine in reports and logs.
    const ENGINE: &'static str;

    /// The machine: computes the step that an event causes in a state. A transition error leaves everything unchanged.
    const STEP: Machine<Self>;

    /// Returns the limits that the host set.
    fn limits(&self) -> &Limits;

    /// Returns the event that takes the place of `event` if the record `holder` already has the unique names that
    /// `event` would give to this record.
    fn taken(&self, event: &Self::Event, holder: &Entry<Self>) -> Self::Event {
        let _ = holder;
        event.clone()
    }

    /// Returns the command that undoes a plugin's work. It is used when the step of `event` is known not to be stored.
    fn undo(event: &Self::Event) -> Option<Self::Command> {
        let _ = event;
        None
    }

    /// Returns the event for a due record that a worker takes up.
    fn wake(&self, fixed: &Self::Fixed, now: Timestamp) -> Self::Event;

    /// Returns the id of a record as the engine prints it.
    fn record_id(entry: &Entry<Self>) -> String;

    /// Tells whether a failure means that another host or another call works on the record, or has
    /// settled it.
    fn is_elsewhere(failure: &Self::Failure) -> bool;

    /// Adds facts of the new state to a failure, such as the time of the next try.
    fn completed(failure: Self::Failure, _entry: &Entry<Self>) -> Self::Failure {
        failure
    }

    /// Returns new records of another kind that are stored with the step of an event. `next` is the state after the
    /// step.
    ///
    /// # Errors
    /// The new records cannot be sealed. In this case, the step is not stored.
    fn note(
        &self,
        _entry: &Entry<Self>,
        _next: Option<&Self::State>,
        _event: &Self::Event,
    ) -> Result<Option<Note>, RecordError> {
        Ok(None)
    }

    /// Receives an event whose step is stored now.
    fn stored(&self, _entry: &Entry<Self>, _event: &Self::Event) {}

    /// Returns the event for a record whose caller is gone, because it lived in an earlier run of this host.
    fn caller_lost(&self, _fixed: &Self::Fixed, _run: &Run, _now: Timestamp) -> Option<Self::Event> {
        None
    }

    /// Does the engine's regular work that belongs to no record.
    fn tick(&self, _now: Timestamp) {}

    /// Lists the lanes of this host.
    fn lanes(&self) -> Vec<Lane>;

    /// Returns the guard of the plugin behind a lane, if one plugin serves the whole lane.
    fn guard(&self, _lane: &str) -> Option<&dyn LaneGuard> {
        None
    }

    /// Tells whether a command has no deadline. If so, the claim for it is renewed whenever a third of the claim's
    /// duration has passed.
    fn is_long(_command: &Self::Command) -> bool {
        false
    }

    /// Carries a command out. `live` is present if a caller waits for the result.
    fn carry_out(
        &self,
        on: &Claimed<'_, Self>,
        command: Self::Command,
        live: Option<&Self::Live>,
    ) -> impl Future<Output = Carried<Self>> + Send;
}

/// A lane: the records that wait for the same plugin and service.
pub(crate) struct Lane {
    pub(crate) name: String,
    /// Whether the plugin of the lane can be called at present.
    pub(crate) is_ready: bool,
}
