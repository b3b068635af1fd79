//! The life of a grant as the host sees it: a pure state machine.
//!
//! ```text
//!          begin            issued                  revoke              revoked
//! (none) ────────► Intended ──────────────► Granted ───────► Revoking ─────────► (none)
//!    ▲                │ │ │                    ▲              ▲ │  ▲
//!    │  nothing made  │ │ │ answer discarded   │              │ └──┘ failed: kept, again later
//!    ├────────────────┘ │ └────────────────────┼──────────────┘
//!    │                  │ cannot be known      │ issued late,
//!    │     decided      ▼                      │ or decided
//!    └──────────── Indeterminate ──────────────┘
//! ```
//!
//! A record goes away only when the plugin said that there is no credential, or a person decided so. An
//! event that settles a grant counts only from the caller whose claim is on it: a host that lost its
//! claim speaks of its own call, not of the one that took over (decision H50). The exception is a
//! credential that arrives late: it is taken if the grant still waits for one, and revoked otherwise.

use keyway_core::Timestamp;
use keyway_issuers::{CredentialRef, Description, Parameters, Violation};

use super::workflow::GrantWorkflow;
use crate::work::{Retries, Standing};

type Step = crate::work::Step<GrantWorkflow>;

/// Where a grant is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The plugin is being asked, or was asked and its answer is not stored.
    Intended,
    /// There is a credential, and the host knows its state.
    Granted,
    /// The credential is to be destroyed; perhaps it is already.
    Revoking,
    /// Whether there is a credential cannot be known. The grant stays listed until a person decides.
    Indeterminate,
}

/// Why it is not known whether there is a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IndeterminateReason {
    /// The plugin gave no answer that says so: a deadline, a panic, an error after which
    /// anything may have happened.
    NoAnswer,
    /// The host stopped while the plugin was being asked, and the plugin cannot tell what
    /// became of it.
    Interrupted,
    /// The plugin was asked what became of it, and does not know.
    PluginCannotTell,
    /// The plugin was asked what became of it as often as it is allowed, and failed.
    NotReconciled,
    /// There is a credential whose state must not be stored, and it could not be revoked.
    NotDiscarded,
}

/// Describes a grant as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantState {
    /// Where it is in its life.
    pub phase: Phase,
    /// By what the plugin knows the credential; there while it is granted or being revoked.
    pub credential: Option<CredentialRef>,
    /// When this phase began.
    pub since: Timestamp,
    /// How often the plugin failed in this phase.
    pub failures: u32,
    /// When it is tried again; `None` for no automatic retry.
    pub next: Option<Timestamp>,
    /// How often the plugin made another credential with the same state, which was refused
    /// (decision W6). They cannot be told apart from this one, and go when it is revoked.
    pub orphans: u32,
    /// The credential's values reached nobody: the host stopped before it could hand them
    /// over. Revoke it, unless the user knows them anyway.
    pub undelivered: bool,
    /// The request was made again by its id, so an earlier attempt may have made a credential.
    pub resumed: bool,
    /// Why it is indeterminate.
    pub reason: Option<IndeterminateReason>,
}

/// Says how often and for how long the engine tries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) retries: Retries,
}

/// How a plugin that failed is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    /// The present.
    pub(crate) now: Timestamp,
    /// The wait that the plugin asked for.
    pub(crate) retry_after: Option<std::time::Duration>,
    /// How much the wait is lengthened.
    pub(crate) jitter: u8,
}

/// Tells the machine about something that happened to a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A request passed the gate; it may be made again by its id.
    Begin { now: Timestamp, idempotent: bool, limit: Option<u64> },
    /// The plugin made a credential with this state. `undelivered` if nobody gets its values.
    Issued { now: Timestamp, credential: CredentialRef, undelivered: bool },
    /// The plugin made a credential whose state must not be stored.
    Unstorable { credential: CredentialRef },
    /// The plugin made a credential that must not be handed out.
    Discard { now: Timestamp, credential: CredentialRef },
    /// A credential whose state is not stored was revoked, or could not be.
    Discarded { now: Timestamp, revoked: bool },
    /// The state of the credential just made is that of another grant, which is handed out again or not.
    StateTaken { reuse: bool },
    /// The state that a person decided on is that of another grant.
    DecisionTaken,
    /// The plugin answered another request with the state of this credential.
    OrphanSeen,
    /// The plugin made none this time.
    NothingMade { again: Again, reconciles: bool },
    /// The plugin gave no answer that says what happened.
    Unanswered { again: Again, reconciles: bool, reason: IndeterminateReason },
    /// The plugin was asked what became of a request, and made none.
    NeverMade,
    /// The plugin was asked what became of a request, and cannot tell.
    CannotTell { now: Timestamp },
    /// A user or the host wants the credential destroyed.
    Revoke { now: Timestamp },
    /// The plugin destroyed it, or it was gone. `orphans` is their number when the plugin was asked: a
    /// later one may have been made after the destruction.
    Revoked { orphans: u32 },
    /// The plugin did not destroy it.
    NotRevoked { again: Again },
    /// A worker takes up what is due.
    Wake { now: Timestamp, reconciles: bool },
    /// A person decided what cannot be known.
    Decide { now: Timestamp, decision: Decision },
    /// The service is gone for good, and the host forgets its grants.
    Drop,
}

/// Settles a grant that the host cannot settle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// There is no credential: the grant is forgotten.
    NothingThere,
    /// There is one, and the plugin knows it by this state.
    Made(CredentialRef),
}

/// Asks the plugin for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Make the credential.
    Request,
    /// Tell what became of the request.
    Reconcile,
    /// Destroy the credential.
    Revoke { credential: CredentialRef, orphans: u32 },
    /// Destroy a credential whose state is not stored, unless a grant has that state.
    Discard(CredentialRef),
}

/// Why a request does not pass the gate, or an event does not fit the phase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// The host has no such service.
    #[error("there is no such service: check its name")]
    NoService,
    /// The user may not use the service (gate, 1).
    #[error("the user may not use this service")]
    NotAllowed,
    /// The service is switched off, or its plugin has faults (gate, 2).
    #[error("the service is disabled: `services` says why")]
    Disabled,
    /// The parameters fit none of the plugin's sets (gate, 3).
    #[error("the parameters of the request do not fit: {0}")]
    Parameters(Violation),
    /// The claims of the user cannot be stored.
    #[error("the claims of the user cannot be stored: too many arrays and objects lie in each other")]
    Claims,
    /// The user has as many credentials as the service allows (gate, 4).
    #[error("the limit of {limit} credentials for each user is reached: revoke one first")]
    LimitReached {
        /// The limit.
        limit: u64,
    },
    /// There is no such grant of this user.
    #[error("this user has no such grant")]
    NoGrant,
    /// The plugin is being asked for it at this moment.
    #[error("the request is still being worked on: try again when it has ended")]
    InFlight,
    /// It is being revoked by another caller at this moment.
    #[error("it is being revoked at this moment")]
    BeingRevoked,
    /// Whether there is a credential is not known.
    #[error("it is not known whether there is a credential: `decide` first")]
    Undecided,
    /// It was granted already.
    #[error("it is granted already")]
    Granted,
    /// There is nothing to decide, or nothing to be taken up.
    #[error("there is nothing to be done about this grant")]
    NothingToDo,
    /// A grant has this state already.
    #[error("another grant has this state")]
    StateTaken,
}

/// Lists everything that a gate looks at besides the number of grants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Whether the user may use the service.
    pub(crate) allowed: bool,
    /// Whether the service is enabled.
    pub(crate) enabled: bool,
    /// The plugin's description of its parameters; a service without one is disabled.
    pub(crate) description: Option<&'a Description>,
    /// The parameters that the user entered.
    pub(crate) parameters: &'a Parameters,
}

/// The gate, in the order of decision W5: allowed, enabled, parameters fit one set. The
/// index of that set. The number of grants is checked in the batch that stores the intent.
///
/// # Errors
/// The first that does not hold.
pub(crate) fn admit(asked: &Asked<'_>) -> Result<usize, TransitionError> {
    if !asked.allowed {
        return Err(TransitionError::NotAllowed);
    }
    let description = asked.description.filter(|_| asked.enabled).ok_or(TransitionError::Disabled)?;
    description.fitting_set(asked.parameters).map_err(TransitionError::Parameters)
}

/// Decides about a state that a plugin returns and a grant has already (decision W6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DuplicatePolicy {
    /// An error; the old grant is kept, and counts the orphan.
    #[default]
    Reject,
    /// The old grant is returned.
    Reuse,
}

impl DuplicatePolicy {
    /// Whether the old grant is returned. One that is being revoked cannot be.
    pub fn reuses(self, old: Phase) -> bool {
        self == Self::Reuse && old == Phase::Granted
    }
}

/// Computes the step that `event` causes in this state; `None` is a grant that is not there.
///
/// # Errors
/// A refusal leaves everything as it was.
pub(crate) fn step(
    policy: &Policy,
    state: Option<&GrantState>,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    let Some(state) = state else { return step_missing(event) };
    match state.phase {
        Phase::Intended => step_intended(policy, state, standing, event),
        Phase::Granted => step_granted(state, standing, event),
        Phase::Revoking => step_revoking(policy, state, standing, event),
        Phase::Indeterminate => step_indeterminate(state, standing, event),
    }
}

fn step_missing(event: Event) -> Result<Step, TransitionError> {
    Ok(match event {
        Event::Begin { now, limit, .. } => {
            let state = GrantState { next: Some(now), ..GrantState::new(Phase::Intended, now) };
            Step { at_most: limit, ..Step::to(state).then(Command::Request) }
        }
        // It is late: another caller settled the grant, and did not know of this credential.
        Event::Issued { credential, .. }
        | Event::Unstorable { credential }
        | Event::Discard { credential, .. } => Step::gone().then(Command::Discard(credential)),
        Event::Revoke { .. } | Event::Decide { .. } | Event::Drop | Event::Wake { .. } => {
            return Err(TransitionError::NoGrant);
        }
        Event::OrphanSeen => return Err(TransitionError::NoGrant),
        _ => Step::gone(),
    })
}

fn step_intended(
    policy: &Policy,
    state: &GrantState,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    let keep = || Step::to(state.clone());
    let ours = standing == Standing::Ours;
    Ok(match event {
        Event::Begin { now, idempotent: true, .. } if standing != Standing::Others => resume(now),
        Event::Issued { now, credential, undelivered } => issued(now, credential, undelivered).handing_out(),
        Event::Discard { now, credential } => discard(now, credential),
        // From memory, since the state must not be stored.
        Event::Unstorable { credential } => keep().then(Command::Discard(credential)),
        Event::Discarded { revoked: true, .. } | Event::NeverMade if ours => Step::gone(),
        Event::Discarded { now, .. } if ours => indeterminate(now, IndeterminateReason::NotDiscarded),
        Event::StateTaken { reuse } => {
            Step { holder: (!reuse).then_some(Event::OrphanSeen), hands_out: reuse, ..Step::gone() }
        }
        Event::NothingMade { .. } if ours && !state.resumed => Step::gone().handing_out(),
        // The plugin speaks of this time; the time before may have made a credential.
        Event::NothingMade { again, reconciles } if ours => {
            unanswered(policy, state, again, reconciles, IndeterminateReason::NoAnswer).handing_out()
        }
        Event::NothingMade { .. } => keep().handing_out(),
        Event::Unanswered { again, reconciles, reason } if ours => {
            unanswered(policy, state, again, reconciles, reason)
        }
        Event::CannotTell { now } if ours => indeterminate(now, IndeterminateReason::PluginCannotTell),
        Event::Wake { reconciles: true, .. } if standing == Standing::Free => keep().then(Command::Reconcile),
        Event::Wake { now, .. } if standing == Standing::Free => {
            indeterminate(now, IndeterminateReason::Interrupted)
        }
        Event::Begin { .. }
        | Event::Revoke { .. }
        | Event::Wake { .. }
        | Event::Decide { decision: Decision::NothingThere, .. } => return Err(TransitionError::InFlight),
        Event::Decide { .. } | Event::OrphanSeen => return Err(TransitionError::NothingToDo),
        Event::Drop => Step::gone(),
        Event::Discarded { .. }
        | Event::Unanswered { .. }
        | Event::NeverMade
        | Event::CannotTell { .. }
        | Event::DecisionTaken
        | Event::Revoked { .. }
        | Event::NotRevoked { .. } => keep(),
    })
}

fn step_granted(state: &GrantState, standing: Standing, event: Event) -> Result<Step, TransitionError> {
    let keep = || Step::to(state.clone());
    Ok(match event {
        Event::Begin { .. } => return Err(TransitionError::Granted),
        // Another caller found it by asking the plugin, before its own request came back.
        Event::Issued { credential, undelivered, .. } if state.credential.as_ref() == Some(&credential) => {
            let undelivered = state.undelivered && undelivered;
            Step::to(GrantState { undelivered, ..state.clone() }).handing_out()
        }
        Event::Issued { credential, .. }
        | Event::Unstorable { credential }
        | Event::Discard { credential, .. } => keep().then(Command::Discard(credential)),
        Event::OrphanSeen => orphan_seen(state),
        Event::Revoke { .. } if standing == Standing::Others => return Err(TransitionError::BeingRevoked),
        Event::Revoke { now } => revoke(state, now),
        Event::Decide { .. } if standing == Standing::Others => return Err(TransitionError::InFlight),
        Event::Decide { decision: Decision::NothingThere, .. } | Event::Drop => Step::gone(),
        Event::Decide { .. } | Event::Wake { .. } => return Err(TransitionError::NothingToDo),
        _ => keep(),
    })
}

fn step_revoking(
    policy: &Policy,
    state: &GrantState,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    let keep = || Step::to(state.clone());
    let ours = standing == Standing::Ours;
    Ok(match event {
        Event::Begin { .. } => return Err(TransitionError::BeingRevoked),
        Event::Issued { credential, .. }
        | Event::Unstorable { credential }
        | Event::Discard { credential, .. } => keep().then(Command::Discard(credential)),
        Event::OrphanSeen => orphan_seen(state),
        Event::Revoke { .. } | Event::Wake { .. } if standing == Standing::Others => {
            return Err(TransitionError::BeingRevoked);
        }
        Event::Revoke { now } => revoke(state, now),
        Event::Wake { .. } => keep().then(revocation(state)),
        Event::Revoked { orphans } if ours && orphans == state.orphans => Step::gone(),
        // A credential with the same state was made meanwhile, perhaps after this one was
        // destroyed: destroying is done again, and hits it.
        Event::Revoked { .. } if ours => keep().then(revocation(state)),
        Event::NotRevoked { again } if ours => {
            let failures = state.failures.saturating_add(1);
            let next = policy.retries.next(state.since, again.now, failures, again.retry_after, again.jitter);
            Step::to(GrantState { failures, next, ..state.clone() })
        }
        Event::Decide { .. } if standing == Standing::Others => return Err(TransitionError::InFlight),
        Event::Decide { decision: Decision::NothingThere, .. } | Event::Drop => Step::gone(),
        Event::Decide { .. } => return Err(TransitionError::NothingToDo),
        _ => keep(),
    })
}

fn step_indeterminate(state: &GrantState, standing: Standing, event: Event) -> Result<Step, TransitionError> {
    let keep = || Step::to(state.clone());
    Ok(match event {
        Event::Begin { now, idempotent: true, .. } if standing != Standing::Others => resume(now),
        Event::Issued { now, credential, undelivered } => issued(now, credential, undelivered).handing_out(),
        Event::Discard { now, credential } => discard(now, credential),
        Event::Unstorable { credential } => keep().then(Command::Discard(credential)),
        Event::StateTaken { reuse } => {
            Step { holder: (!reuse).then_some(Event::OrphanSeen), hands_out: reuse, ..Step::gone() }
        }
        Event::DecisionTaken => return Err(TransitionError::StateTaken),
        Event::Decide { .. } if standing == Standing::Others => return Err(TransitionError::InFlight),
        Event::Decide { decision: Decision::NothingThere, .. } | Event::Drop => Step::gone(),
        Event::Decide { now, decision: Decision::Made(credential) } => issued(now, credential, true),
        Event::Begin { .. } | Event::Revoke { .. } => return Err(TransitionError::Undecided),
        Event::Wake { .. } | Event::OrphanSeen => return Err(TransitionError::NothingToDo),
        _ => keep(),
    })
}

fn resume(now: Timestamp) -> Step {
    let state = GrantState { next: Some(now), resumed: true, ..GrantState::new(Phase::Intended, now) };
    Step::to(state).then(Command::Request)
}

fn issued(now: Timestamp, credential: CredentialRef, undelivered: bool) -> Step {
    let granted = GrantState::new(Phase::Granted, now);
    Step::to(GrantState { credential: Some(credential), undelivered, ..granted })
}

fn discard(now: Timestamp, credential: CredentialRef) -> Step {
    let revoking = GrantState::new(Phase::Revoking, now);
    let state = GrantState { credential: Some(credential), undelivered: true, next: Some(now), ..revoking };
    let command = revocation(&state);
    Step::to(state).then(command)
}

fn indeterminate(now: Timestamp, reason: IndeterminateReason) -> Step {
    Step::to(GrantState { reason: Some(reason), ..GrantState::new(Phase::Indeterminate, now) })
}

/// A plugin that reconciles is asked later, as often as the policy allows.
fn unanswered(
    policy: &Policy,
    state: &GrantState,
    again: Again,
    reconciles: bool,
    reason: IndeterminateReason,
) -> Step {
    let failures = state.failures.saturating_add(1);
    let Again { now, retry_after, jitter } = again;
    let next = policy.retries.next(state.since, now, failures, retry_after, jitter).filter(|_| reconciles);
    match next {
        Some(_) => Step::to(GrantState { failures, next, ..state.clone() }),
        None => indeterminate(now, reason),
    }
}

fn revoke(state: &GrantState, now: Timestamp) -> Step {
    let (phase, next) = (Phase::Revoking, Some(now));
    Step::to(GrantState { phase, since: now, failures: 0, next, ..state.clone() }).then(revocation(state))
}

fn revocation(state: &GrantState) -> Command {
    let credential = state.credential.clone().unwrap_or_else(|| CredentialRef::new(""));
    Command::Revoke { credential, orphans: state.orphans }
}

fn orphan_seen(state: &GrantState) -> Step {
    Step::to(GrantState { orphans: state.orphans.saturating_add(1), ..state.clone() })
}

impl GrantState {
    pub(super) fn new(phase: Phase, since: Timestamp) -> Self {
        Self {
            phase,
            credential: None,
            since,
            failures: 0,
            next: None,
            orphans: 0,
            undelivered: false,
            resumed: false,
            reason: None,
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
