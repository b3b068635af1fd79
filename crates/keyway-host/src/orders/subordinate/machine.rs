//! The life of a subordinate authority as the host sees it: a pure state machine.
//!
//! ```text
//!  create            created              delete             deleted
//! ────────► Creating ────────► Active ──────────────► Deleting ────────► (gone)
//!            │    ▲              ▲  ▲     refused        │
//!  cannot    │    └ again        │  └────────────────────┘
//!  be known  └────► Undecided ───┘ decide
//! ```
//!
//! | event | Creating | Active | Deleting | Undecided |
//! | --- | --- | --- | --- | --- |
//! | create | refused | refused | refused | refused |
//! | delete | refused | asks the plugin | asks it again | refused |
//! | due | idempotent: asks again; reconciles: asks what happened; else Undecided | | asks again | |
//! | created | Active | ignored | ignored | Active |
//! | not created | gone, if no earlier call may have created it; else tried again | ignored | ignored | ignored |
//! | no clear answer | tried again; Undecided where the plugin can do nothing twice | ignored | ignored | ignored |
//! | deleted | | gone | gone | |
//! | refused to delete | | ignored | Active | |
//! | decide | refused | refused | nothing there, when the retries are used up | Active, or gone |
//!
//! An answer counts only if its worker has the claim, except that the answers "created" and "deleted" always count. If
//! the record is gone when the plugin has created the authority, the record is stored again, so that no authority is
//! without an owner.

use keyway_certificates::{CaId, Capabilities};
use keyway_core::Timestamp;

use super::workflow::SubordinateWorkflow;
use crate::work::{Again, Limits, Standing};

pub(super) type Step = crate::work::Step<SubordinateWorkflow>;

/// The phase of the life of a subordinate authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The plugin is being asked to create the authority, for the first time or again.
    Creating = 1,
    /// The authority exists.
    Active = 2,
    /// The plugin is being asked to delete the authority, for the first time or again. If no time of a next try is set,
    /// a person has to look at the authority, or the owner deletes it again.
    Deleting = 3,
    /// It is not known whether the authority was created. A person decides.
    Undecided = 4,
}

/// The calls that may have created an authority although no answer says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// No call.
    None = 0,
    /// The call that is running, or that was cut short.
    Asked = 1,
    /// An earlier call.
    Earlier = 2,
}

/// The state of a subordinate authority.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// The phase of the authority's life.
    pub phase: Phase,
    /// The plugin's own id; present while the authority is active or being deleted.
    pub ca: Option<CaId>,
    /// When this phase began.
    pub since: Timestamp,
    /// How many times the plugin failed in this phase.
    pub failures: u32,
    /// When the host asks again; `None` for no automatic retry.
    pub next: Option<Timestamp>,
    /// The plugin's last message, when it failed.
    pub message: String,
    pub(crate) doubt: Doubt,
}

/// A person's decision about an authority that the host cannot settle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// There is no such authority, so the host forgets it.
    NothingThere,
    /// The authority was created, and the plugin knows it by this id.
    Exists(CaId),
}

/// Something that happened to a subordinate authority.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// An owner requests the authority, and the request passed the checks.
    Create { now: Timestamp },
    /// Another authority already has the requested name.
    NameTaken,
    /// The plugin created the authority.
    Created { now: Timestamp, ca: CaId },
    /// The plugin did not create the authority this time. `gives_up` is set if another try would not help, or if the
    /// owner was told of the failure.
    NotCreated { again: Again, gives_up: bool, can: Capabilities, message: String },
    /// It is not known what the plugin has done.
    Unanswered { again: Again, can: Capabilities, message: String },
    /// The plugin was asked what happened, and says that it never created the authority.
    NeverCreated { now: Timestamp },
    /// Only a person can tell what happened.
    CannotTell { now: Timestamp, message: String },
    /// The owner asks to delete the authority.
    Delete { now: Timestamp },
    /// The plugin deleted the authority, or the authority was gone already.
    Deleted,
    /// The plugin did not delete the authority. `is_final` is set if another try would not help.
    NotDeleted { again: Again, is_final: bool, message: String },
    /// A worker takes up the authority when its next action is due.
    Wake { now: Timestamp, can: Capabilities },
    /// A person made a decision, because the host cannot know what happened.
    Decide { now: Timestamp, decision: Decision },
    /// Another authority has the id that the person's decision names.
    DecisionTaken,
}

/// A call of the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Create the authority.
    Create,
    /// Ask whether the authority was created.
    Reconcile,
    /// Delete the authority.
    Delete,
}

/// Why an event does not fit the phase of a subordinate authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// The owner has no such subordinate authority.
    #[error("this owner has no such subordinate authority")]
    NoCa,
    /// This request was made already.
    #[error("this subordinate authority was requested already")]
    Exists,
    /// Another authority has the name.
    #[error("another authority has this name: choose another one")]
    NameTaken,
    /// Another subordinate authority has the plugin's id.
    #[error("another subordinate authority has this id of the plugin")]
    IdTaken,
    /// A worker is asking the plugin at this moment, or nothing is due.
    #[error("the plugin is being asked, or nothing is due: try again later")]
    NotDue,
    /// The authority is being created.
    #[error("the authority is being created: try again when that has ended")]
    BeingCreated,
    /// It is not known whether the authority was created.
    #[error("it is not known whether the authority was created: `decide` first")]
    Undecided,
    /// There is nothing to decide.
    #[error("there is nothing to be decided about this authority")]
    NothingToDecide,
}

/// Computes the step that `event` causes in this state; `None` is an authority that does not exist.
///
/// # Errors
/// A transition error leaves everything unchanged.
pub(crate) fn step(
    limits: &Limits,
    state: Option<&State>,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    let Some(state) = state else { return step_missing(event) };
    match event {
        Event::Create { .. } => Err(TransitionError::Exists),
        Event::NameTaken => Err(TransitionError::NameTaken),
        Event::DecisionTaken => Err(TransitionError::IdTaken),
        Event::Delete { now } => delete(state, standing, now),
        Event::Wake { now, can } => wake(state, standing, now, can),
        Event::Decide { now, decision } => decide(state, standing, now, decision),
        Event::Created { now, ca } if state.ca.is_none() => Ok(active(now, ca)),
        Event::Deleted if state.ca.is_some() => Ok(Step::gone()),
        // Apart from `Created` and `Deleted`, an answer counts only if its worker still has the claim.
        answer if standing == Standing::Ours => Ok(answered(limits, state, answer)),
        _ => Ok(Step::to(state.clone())),
    }
}

fn step_missing(event: Event) -> Result<Step, TransitionError> {
    match event {
        Event::Create { now } => Ok(Step::to(State::new(Phase::Creating, now)).asking(Doubt::Asked, now)),
        Event::NameTaken => Err(TransitionError::NameTaken),
        // Another caller settled the authority without knowing of this answer.
        Event::Created { now, ca } => Ok(active(now, ca)),
        Event::Delete { .. } | Event::Wake { .. } | Event::Decide { .. } | Event::DecisionTaken => {
            Err(TransitionError::NoCa)
        }
        _ => Ok(Step::gone()),
    }
}

/// Applies the answer of the worker that has the claim.
fn answered(limits: &Limits, state: &State, answer: Event) -> Step {
    let keep = || Step::to(state.clone());
    match (state.phase, answer) {
        (Phase::Creating, Event::NotCreated { gives_up: true, .. }) if state.doubt != Doubt::Earlier => {
            Step::gone().handing_out()
        }
        // The refusal is about this call only. An earlier call may have created the authority.
        (Phase::Creating, Event::NotCreated { gives_up: true, can, .. }) if can.reconciles => {
            keep().then(Command::Reconcile)
        }
        (Phase::Creating, Event::NotCreated { again, can, message, .. }) => {
            let doubt = if state.doubt == Doubt::Earlier { Doubt::Earlier } else { Doubt::None };
            again_later(limits, State { message, doubt, ..state.clone() }, again, can)
        }
        (Phase::Creating, Event::Unanswered { again, can, message }) => {
            again_later(limits, State { doubt: Doubt::Earlier, message, ..state.clone() }, again, can)
        }
        (Phase::Creating, Event::NeverCreated { now }) => keep().asking(Doubt::Asked, now),
        (Phase::Creating, Event::CannotTell { now, message }) => undecided(now, message),
        (Phase::Deleting, Event::NotDeleted { again, is_final: true, message }) => {
            Step::to(State { ca: state.ca.clone(), message, ..State::new(Phase::Active, again.now) })
        }
        (Phase::Deleting, Event::NotDeleted { again, message, .. }) => {
            let failures = state.failures.saturating_add(1);
            let next = limits.retries.next(state.since, failures, again);
            Step::to(State { failures, next, message, ..state.clone() })
        }
        _ => keep(),
    }
}

/// Tries the creation again if a retry is left, and a repetition cannot create a second authority. Otherwise, the host
/// forgets the authority if it certainly does not exist. If this is not certain, a person decides.
fn again_later(limits: &Limits, state: State, again: Again, can: Capabilities) -> Step {
    let failures = state.failures.saturating_add(1);
    let can_be_repeated = state.doubt == Doubt::None || can.idempotent || can.reconciles;
    let next = limits.retries.next(state.since, failures, again).filter(|_| can_be_repeated);
    match (next, state.doubt) {
        (Some(_), _) => Step::to(State { failures, next, ..state }),
        (None, Doubt::None) => Step::gone(),
        (None, _) => undecided(again.now, state.message),
    }
}

fn delete(state: &State, standing: Standing, now: Timestamp) -> Result<Step, TransitionError> {
    match state.phase {
        Phase::Creating => Err(TransitionError::BeingCreated),
        Phase::Undecided => Err(TransitionError::Undecided),
        _ if standing == Standing::Others => Err(TransitionError::NotDue),
        Phase::Active | Phase::Deleting => {
            let deleting = State::new(Phase::Deleting, now);
            Ok(Step::to(State { ca: state.ca.clone(), ..deleting }).then(Command::Delete))
        }
    }
}

fn wake(
    state: &State,
    standing: Standing,
    now: Timestamp,
    can: Capabilities,
) -> Result<Step, TransitionError> {
    let keep = || Step::to(state.clone());
    match state.phase {
        _ if standing != Standing::Free => Err(TransitionError::NotDue),
        Phase::Creating if state.doubt == Doubt::None => Ok(keep().asking(Doubt::Asked, now)),
        Phase::Creating if can.idempotent => Ok(keep().asking(Doubt::Earlier, now)),
        Phase::Creating if can.reconciles => {
            Ok(Step::to(State { doubt: Doubt::Earlier, ..state.clone() }).then(Command::Reconcile))
        }
        Phase::Creating => Ok(undecided(now, "the host was interrupted while it asked".to_owned())),
        Phase::Deleting if state.next.is_some() => Ok(keep().then(Command::Delete)),
        _ => Err(TransitionError::NotDue),
    }
}

fn decide(
    state: &State,
    standing: Standing,
    now: Timestamp,
    decision: Decision,
) -> Result<Step, TransitionError> {
    let is_given_up = state.phase == Phase::Deleting && state.next.is_none();
    match (state.phase, decision) {
        (Phase::Undecided, Decision::Exists(ca)) => Ok(active(now, ca)),
        (Phase::Undecided, Decision::NothingThere) => Ok(Step::gone()),
        (_, Decision::NothingThere) if is_given_up && standing != Standing::Others => Ok(Step::gone()),
        _ => Err(TransitionError::NothingToDecide),
    }
}

fn active(now: Timestamp, ca: CaId) -> Step {
    Step::to(State { ca: Some(ca), ..State::new(Phase::Active, now) }).handing_out()
}

fn undecided(now: Timestamp, message: String) -> Step {
    Step::to(State { message, doubt: Doubt::Earlier, ..State::new(Phase::Undecided, now) })
}

impl Step {
    /// Asks the plugin to create the authority. Until the answer is stored, the call counts as one that may have had an
    /// effect.
    fn asking(self, doubt: Doubt, now: Timestamp) -> Self {
        let state = self.state.map(|state| State { doubt, next: Some(now), ..state });
        Self { state, ..self }.then(Command::Create)
    }
}

impl State {
    pub(super) fn new(phase: Phase, since: Timestamp) -> Self {
        let next = (phase == Phase::Deleting).then_some(since);
        Self { phase, ca: None, since, failures: 0, next, message: String::new(), doubt: Doubt::None }
    }
}

#[cfg(test)]
#[path = "machine_properties.rs"]
mod properties;
