//! The life of a grant, as a pure state machine.
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
//! A record is removed only after the plugin has said, or a person has decided, that there is no credential. An event
//! that settles a grant counts only if its caller has the claim on the grant, because a host that lost its claim does
//! not know about the calls of its successor (decision H50). There is one exception: a credential that arrives late is
//! accepted if the grant still exists and has no credential, and revoked otherwise. If the grant is gone, the
//! credential gets a record again until it is revoked.

use keyway_core::Timestamp;
use keyway_issuers::{CredentialRef, Description, Parameters, Violation};

use super::workflow::GrantWorkflow;
use crate::work::{Again, Limits, Retries, Standing};

type Step = crate::work::Step<GrantWorkflow>;

/// The phase of a grant's life. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The plugin is being called, or its answer is not stored yet.
    Intended = 1,
    /// The credential exists, and the host knows the plugin's reference to it.
    Granted = 2,
    /// The credential is to be destroyed, and may already be gone.
    Revoking = 3,
    /// It is unknown whether the credential exists. The grant stays listed until a person decides.
    Indeterminate = 4,
}

/// The reason why it is unknown whether there is a credential. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IndeterminateReason {
    /// The plugin gave no clear answer: a deadline, a panic, or an error with an unknown effect.
    NoAnswer = 1,
    /// The host stopped during the plugin's call, and the plugin cannot tell the outcome.
    Interrupted = 2,
    /// The plugin was asked about the outcome, and does not know it.
    PluginCannotTell = 3,
    /// The plugin was asked about the outcome, and failed until the retries were used up.
    NotReconciled = 4,
    /// The credential exists, the plugin's reference to it must not be stored, and it could not be revoked.
    NotDiscarded = 5,
}

/// The state of a grant, as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantState {
    /// The phase of the grant's life.
    pub phase: Phase,
    /// The plugin's reference to the credential. It is present while the credential is granted or being revoked.
    pub credential: Option<CredentialRef>,
    /// The time at which this phase began.
    pub since: Timestamp,
    /// The number of the plugin's failures in this phase.
    pub failures: u32,
    /// The time at which the host retries, or `None` if it does not retry on its own.
    pub next: Option<Timestamp>,
    /// The number of other credentials that the plugin made with the same reference, and that the host refused. The
    /// plugin cannot tell them apart from this credential, so revoking it revokes them too (decision W6).
    pub orphans: u32,
    /// Set if the host stopped before it could hand out the credential's values. The credential should then be revoked,
    /// unless the user knows its values anyway.
    pub undelivered: bool,
    /// Set if the request was repeated by its id. An earlier attempt may then have made a credential.
    pub resumed: bool,
    /// The reason why the phase is `Indeterminate`.
    pub reason: Option<IndeterminateReason>,
}

/// An event in the life of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A request passed the gate. If `idempotent` is set, the request can be repeated by its id.
    Begin { now: Timestamp, idempotent: bool, limit: Option<u64> },
    /// The plugin made the credential with this reference. `undelivered` is set if no caller gets the values of the
    /// credential.
    Issued { now: Timestamp, credential: CredentialRef, undelivered: bool },
    /// The plugin made a credential whose reference must not be stored.
    Unstorable { credential: CredentialRef },
    /// The plugin made a credential that must not be handed out.
    Discard { now: Timestamp, credential: CredentialRef },
    /// The host tried to revoke a credential whose reference is not stored. `revoked` tells whether it succeeded.
    Discarded { now: Timestamp, revoked: bool },
    /// The plugin's reference to the new credential is that of another grant. `reuse` tells whether the other grant is
    /// handed out again.
    StateTaken { reuse: bool },
    /// Another grant has the reference that a person entered in a decision.
    DecisionTaken,
    /// The plugin answered another request with the reference to this grant's credential.
    OrphanSeen,
    /// The plugin made no credential in this attempt.
    NothingMade { again: Again, reconciles: bool },
    /// The plugin gave no clear answer.
    Unanswered { again: Again, reconciles: bool, reason: IndeterminateReason },
    /// The plugin was asked about the outcome of a request, and says that it made no credential.
    NeverMade,
    /// The plugin was asked about the outcome of a request, and cannot tell.
    CannotTell { now: Timestamp },
    /// A user or the host wants the credential destroyed.
    Revoke { now: Timestamp },
    /// The plugin destroyed the credential, or it was already gone. `orphans` is the number of orphans when the plugin
    /// was called: an orphan that was counted later may have been made after the destruction.
    Revoked { orphans: u32 },
    /// The plugin did not destroy the credential.
    NotRevoked { again: Again },
    /// A worker takes up a grant that is due.
    Wake { now: Timestamp, reconciles: bool },
    /// A person decided a question that the host cannot answer.
    Decide { now: Timestamp, decision: Decision },
    /// The service is gone for good, and the host removes its grants.
    Drop,
}

/// A person's decision about a grant that the host cannot settle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// There is no credential. The grant is removed.
    NothingThere,
    /// The credential exists, and the plugin knows it by this reference.
    Made(CredentialRef),
}

/// A call of the plugin that the machine commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Make the credential.
    Request,
    /// Tell the outcome of the request.
    Reconcile,
    /// Destroy the credential.
    Revoke { credential: CredentialRef, orphans: u32 },
    /// Destroy a credential whose reference is not stored, unless a grant has the same reference.
    Discard(CredentialRef),
}

/// The reason why a request does not pass the gate, or why an event does not fit the phase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// The host has no such service.
    #[error("there is no such service: check its name")]
    NoService,
    /// The user may not use the service. This is checked first.
    #[error("the user may not use this service")]
    NotAllowed,
    /// The service is switched off, or its plugin has faults. This is checked second.
    #[error("the service is disabled: `services` says why")]
    Disabled,
    /// The parameters fit none of the plugin's sets. This is checked third.
    #[error("the parameters of the request do not fit: {0}")]
    Parameters(Violation),
    /// The claims of the user cannot be stored.
    #[error("the claims of the user cannot be stored: too many arrays and objects lie in each other")]
    Claims,
    /// The user has as many credentials as the service allows. This is checked fourth.
    #[error("the limit of {limit} credentials for each user is reached: revoke one first")]
    LimitReached {
        /// The limit.
        limit: u64,
    },
    /// This user has no such grant.
    #[error("this user has no such grant")]
    NoGrant,
    /// The request for this grant is still being worked on.
    #[error("the request is still being worked on: try again when it has ended")]
    InFlight,
    /// Another caller is revoking the grant at the moment.
    #[error("it is being revoked at this moment")]
    BeingRevoked,
    /// It is unknown whether the credential exists.
    #[error("it is not known whether there is a credential: `decide` first")]
    Undecided,
    /// The grant was granted already.
    #[error("it is granted already")]
    Granted,
    /// The phase of the grant allows no decision and no work.
    #[error("there is nothing to be done about this grant")]
    NothingToDo,
    /// Another grant has this reference already.
    #[error("another grant has this state")]
    StateTaken,
}

/// Makes the first three checks of the gate, in this order: the user is allowed, the service is enabled, and the
/// parameters fit one set (decision W5). `description` is `None` if the service is switched off or has faults. The
/// number of grants is checked later, in the batch that stores the intent.
///
/// # Errors
/// The first check that fails.
pub(crate) fn admit(
    allowed: bool,
    description: Option<&Description>,
    parameters: &Parameters,
) -> Result<(), TransitionError> {
    if !allowed {
        return Err(TransitionError::NotAllowed);
    }
    let fitting = description.ok_or(TransitionError::Disabled)?.fitting_set(parameters);
    fitting.map(|_| ()).map_err(TransitionError::Parameters)
}

/// The policy for a new credential whose reference (`state` on the wire) is that of another grant.
///
/// See decision W6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DuplicatePolicy {
    /// The call fails. The other grant stays, and counts the new credential as an orphan.
    #[default]
    Reject,
    /// The other grant is returned, unless it is being revoked.
    Reuse,
}

impl DuplicatePolicy {
    /// Tells whether the other grant is returned. `old` is its phase: a grant that is being revoked is never returned.
    pub fn reuses(self, old: Phase) -> bool {
        self == Self::Reuse && old == Phase::Granted
    }
}

/// Computes the step that `event` causes in this state. The state `None` is a grant that does not exist.
///
/// # Errors
/// A transition error means that nothing changes.
pub(crate) fn step(
    limits: &Limits,
    state: Option<&GrantState>,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    match state {
        Some(state) => step_existing(&limits.retries, state, standing, event),
        None => step_missing(event),
    }
}

fn step_missing(event: Event) -> Result<Step, TransitionError> {
    Ok(match event {
        Event::Begin { now, limit, .. } => {
            let state = GrantState { next: Some(now), ..GrantState::new(Phase::Intended, now) };
            Step { at_most: limit, ..Step::to(state).then(Command::Request) }
        }
        // The credential arrives late: another caller has settled the grant, and did not know of the credential. Its
        // reference is stored before it is revoked, unless it must not be stored.
        Event::Issued { now, credential, .. } | Event::Discard { now, credential } => {
            discard(now, credential)
        }
        Event::Unstorable { credential } => Step::gone().then(Command::Discard(credential)),
        Event::Revoke { .. }
        | Event::Decide { .. }
        | Event::Drop
        | Event::Wake { .. }
        | Event::OrphanSeen => return Err(TransitionError::NoGrant),
        _ => Step::gone(),
    })
}

fn step_existing(
    retries: &Retries,
    state: &GrantState,
    standing: Standing,
    event: Event,
) -> Result<Step, TransitionError> {
    use Phase::{Granted, Indeterminate, Intended, Revoking};

    let keep = || Step::to(state.clone());
    let (free, ours) = (standing == Standing::Free, standing == Standing::Ours);
    let others = standing == Standing::Others;
    Ok(match (state.phase, event) {
        // Decisions of a person or of the host:
        (Intended, Event::Decide { decision: Decision::NothingThere, .. }) => {
            return Err(TransitionError::InFlight);
        }
        (Granted | Revoking | Indeterminate, Event::Decide { .. }) if others => {
            return Err(TransitionError::InFlight);
        }
        (_, Event::Decide { decision: Decision::NothingThere, .. } | Event::Drop) => Step::gone(),
        (Indeterminate, Event::Decide { now, decision: Decision::Made(credential) }) => {
            issued(now, credential, true)
        }
        (Indeterminate, Event::DecisionTaken) => return Err(TransitionError::StateTaken),

        // A request:
        (Intended | Indeterminate, Event::Begin { now, idempotent: true, .. }) if !others => resume(now),
        (Granted, Event::Begin { .. }) => return Err(TransitionError::Granted),

        // The plugin made a credential. If its reference must not be stored (`Unstorable`), or if it arrives too late,
        // the credential is revoked while its reference is only in memory.
        (Intended | Indeterminate, Event::Issued { now, credential, undelivered }) => {
            issued(now, credential, undelivered).handing_out()
        }
        (Intended | Indeterminate, Event::Discard { now, credential }) => discard(now, credential),
        (Intended | Indeterminate, Event::StateTaken { reuse }) => {
            Step { holder: (!reuse).then_some(Event::OrphanSeen), hands_out: reuse, ..Step::gone() }
        }
        // Another caller asked the plugin about the outcome, and stored the reference before this request returned.
        (Granted, Event::Issued { credential, undelivered, .. })
            if state.credential.as_ref() == Some(&credential) =>
        {
            let undelivered = state.undelivered && undelivered;
            Step::to(GrantState { undelivered, ..state.clone() }).handing_out()
        }
        (
            _,
            Event::Issued { credential, .. }
            | Event::Unstorable { credential }
            | Event::Discard { credential, .. },
        ) => keep().then(Command::Discard(credential)),
        (Granted | Revoking, Event::OrphanSeen) => {
            Step::to(GrantState { orphans: state.orphans.saturating_add(1), ..state.clone() })
        }

        // The plugin made no credential, or it is unknown whether it did:
        (Intended, Event::Discarded { revoked: true, .. } | Event::NeverMade) if ours => Step::gone(),
        (Intended, Event::Discarded { now, .. }) if ours => {
            indeterminate(now, IndeterminateReason::NotDiscarded)
        }
        (Intended, Event::NothingMade { .. }) if ours && !state.resumed => Step::gone().handing_out(),
        // The plugin's answer is only about this attempt. An earlier attempt may have made a credential.
        (Intended, Event::NothingMade { again, reconciles }) if ours => {
            unanswered(retries, state, again, reconciles, IndeterminateReason::NoAnswer).handing_out()
        }
        (Intended, Event::NothingMade { .. }) => keep().handing_out(),
        (Intended, Event::Unanswered { again, reconciles, reason }) if ours => {
            unanswered(retries, state, again, reconciles, reason)
        }
        (Intended, Event::CannotTell { now }) if ours => {
            indeterminate(now, IndeterminateReason::PluginCannotTell)
        }
        (Intended, Event::Wake { reconciles: true, .. }) if free => keep().then(Command::Reconcile),
        (Intended, Event::Wake { now, .. }) if free => indeterminate(now, IndeterminateReason::Interrupted),

        // A revocation:
        (Granted | Revoking, Event::Revoke { .. }) | (Revoking, Event::Wake { .. }) if others => {
            return Err(TransitionError::BeingRevoked);
        }
        (Granted | Revoking, Event::Revoke { now }) => {
            let (phase, next) = (Revoking, Some(now));
            let revoking = GrantState { phase, since: now, failures: 0, next, ..state.clone() };
            Step::to(revoking).then(revocation(state))
        }
        (Revoking, Event::Wake { .. }) => keep().then(revocation(state)),
        (Revoking, Event::Revoked { orphans }) if ours && orphans == state.orphans => Step::gone(),
        // An orphan was counted after the plugin was called, so it may have been made after the destruction. The plugin
        // is asked to revoke again.
        (Revoking, Event::Revoked { .. }) if ours => keep().then(revocation(state)),
        (Revoking, Event::NotRevoked { again }) if ours => {
            let failures = state.failures.saturating_add(1);
            let next = retries.next(state.since, failures, again);
            Step::to(GrantState { failures, next, ..state.clone() })
        }

        // Events that do not fit the phase:
        (Intended, Event::Begin { .. } | Event::Revoke { .. } | Event::Wake { .. }) => {
            return Err(TransitionError::InFlight);
        }
        (Revoking, Event::Begin { .. }) => return Err(TransitionError::BeingRevoked),
        (Indeterminate, Event::Begin { .. } | Event::Revoke { .. }) => {
            return Err(TransitionError::Undecided);
        }
        (_, Event::Decide { .. } | Event::OrphanSeen | Event::Wake { .. }) => {
            return Err(TransitionError::NothingToDo);
        }
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

/// Computes the step after a missing answer. A plugin that reconciles is asked about the outcome later, as often as
/// `retries` allows.
fn unanswered(
    retries: &Retries,
    state: &GrantState,
    again: Again,
    reconciles: bool,
    reason: IndeterminateReason,
) -> Step {
    let failures = state.failures.saturating_add(1);
    let next = retries.next(state.since, failures, again).filter(|_| reconciles);
    match next {
        Some(_) => Step::to(GrantState { failures, next, ..state.clone() }),
        None => indeterminate(again.now, reason),
    }
}

fn revocation(state: &GrantState) -> Command {
    let credential = state.credential.clone().unwrap_or_else(|| CredentialRef::new(""));
    Command::Revoke { credential, orphans: state.orphans }
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
