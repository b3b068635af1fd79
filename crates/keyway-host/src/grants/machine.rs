//! Defines the life of a grant as a pure state machine.
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
//! A record is removed only after the plugin said that there is no credential, or a person decided
//! so. An event that settles a grant counts only from the caller with the claim on it: a host that
//! lost its claim knows only about its own call, not about that of its successor (decision H50).
//! The exception is a credential that arrives late: it is accepted if the grant still waits for
//! one, and revoked otherwise.

use keyway_core::Timestamp;
use keyway_issuers::{CredentialRef, Description, Parameters, Violation};

use super::workflow::GrantWorkflow;
use crate::work::{Again, Limits, Retries, Standing};

type Step = crate::work::Step<GrantWorkflow>;

/// Where a grant is in its life. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The plugin is being asked, or its answer is not stored yet.
    Intended = 1,
    /// The credential exists, and the host knows its state.
    Granted = 2,
    /// The credential is to be destroyed, and may already be gone.
    Revoking = 3,
    /// It is unknown whether the credential exists. The grant stays listed until a person decides.
    Indeterminate = 4,
}

/// Why it is not known whether there is a credential. The numbers are stored, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IndeterminateReason {
    /// The plugin gave no clear answer: a deadline, a panic, or an error with an unknown effect.
    NoAnswer = 1,
    /// The host stopped while the plugin was asked, and the plugin cannot tell the outcome.
    Interrupted = 2,
    /// The plugin was asked about the outcome, and does not know it.
    PluginCannotTell = 3,
    /// The plugin was asked about the outcome until the retries were used up, and failed.
    NotReconciled = 4,
    /// The credential exists, its state must not be stored, and it could not be revoked.
    NotDiscarded = 5,
}

/// A grant as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantState {
    /// The phase of its life.
    pub phase: Phase,
    /// The plugin's reference to the credential; present while it is granted or being revoked.
    pub credential: Option<CredentialRef>,
    /// When this phase began.
    pub since: Timestamp,
    /// How often the plugin failed in this phase.
    pub failures: u32,
    /// When the host retries; `None` for no automatic retry.
    pub next: Option<Timestamp>,
    /// How often the plugin made another credential with the same state, which was refused. Such
    /// credentials cannot be told apart from this one, and go when it is revoked (decision W6).
    pub orphans: u32,
    /// Set if the host stopped before it could hand out the credential's values. Revoke the
    /// credential, unless the user knows its values anyway.
    pub undelivered: bool,
    /// Set if the request was repeated by its id, so that an earlier attempt may have made a
    /// credential.
    pub resumed: bool,
    /// The reason for the phase `Indeterminate`.
    pub reason: Option<IndeterminateReason>,
}

/// Something that happened to a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A request passed the gate; with `idempotent` it may be repeated by its id.
    Begin { now: Timestamp, idempotent: bool, limit: Option<u64> },
    /// The plugin made a credential with this state. `undelivered` is set if its values reach no
    /// caller.
    Issued { now: Timestamp, credential: CredentialRef, undelivered: bool },
    /// The plugin made a credential whose state must not be stored.
    Unstorable { credential: CredentialRef },
    /// The plugin made a credential that must not be handed out.
    Discard { now: Timestamp, credential: CredentialRef },
    /// A credential whose state is not stored was revoked, or could not be revoked.
    Discarded { now: Timestamp, revoked: bool },
    /// Another grant has the state of the new credential. `reuse` tells whether that grant is
    /// handed out again.
    StateTaken { reuse: bool },
    /// Another grant has the state that a person decided on.
    DecisionTaken,
    /// The plugin answered another request with the state of this credential.
    OrphanSeen,
    /// The plugin made no credential this time.
    NothingMade { again: Again, reconciles: bool },
    /// The plugin gave no clear answer.
    Unanswered { again: Again, reconciles: bool, reason: IndeterminateReason },
    /// The plugin was asked about the outcome of a request, and made no credential.
    NeverMade,
    /// The plugin was asked about the outcome of a request, and cannot tell.
    CannotTell { now: Timestamp },
    /// A user or the host wants the credential destroyed.
    Revoke { now: Timestamp },
    /// The plugin destroyed the credential, or it was already gone. `orphans` is their number when
    /// the plugin was asked: a later one may have been made after the destruction.
    Revoked { orphans: u32 },
    /// The plugin did not destroy it.
    NotRevoked { again: Again },
    /// A worker takes up a due grant.
    Wake { now: Timestamp, reconciles: bool },
    /// A person decided what the host cannot know.
    Decide { now: Timestamp, decision: Decision },
    /// The service is gone for good, and the host forgets its grants.
    Drop,
}

/// A person's decision about a grant that the host cannot settle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// There is no credential: the grant is forgotten.
    NothingThere,
    /// The credential exists, and the plugin knows it by this state.
    Made(CredentialRef),
}

/// A question or an order to the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Make the credential.
    Request,
    /// Tell the outcome of the request.
    Reconcile,
    /// Destroy the credential.
    Revoke { credential: CredentialRef, orphans: u32 },
    /// Destroy a credential whose state is not stored, unless a grant has that state.
    Discard(CredentialRef),
}

/// The reason why a request does not pass the gate, or why an event does not fit the phase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// The host has no such service.
    #[error("there is no such service: check its name")]
    NoService,
    /// The user may not use the service. Checked first.
    #[error("the user may not use this service")]
    NotAllowed,
    /// The service is switched off, or its plugin has faults. Checked second.
    #[error("the service is disabled: `services` says why")]
    Disabled,
    /// The parameters fit none of the plugin's sets. Checked third.
    #[error("the parameters of the request do not fit: {0}")]
    Parameters(Violation),
    /// The claims of the user cannot be stored.
    #[error("the claims of the user cannot be stored: too many arrays and objects lie in each other")]
    Claims,
    /// The user has as many credentials as the service allows. Checked fourth.
    #[error("the limit of {limit} credentials for each user is reached: revoke one first")]
    LimitReached {
        /// The limit.
        limit: u64,
    },
    /// This user has no such grant.
    #[error("this user has no such grant")]
    NoGrant,
    /// The plugin is being asked for it right now.
    #[error("the request is still being worked on: try again when it has ended")]
    InFlight,
    /// Another caller is revoking it right now.
    #[error("it is being revoked at this moment")]
    BeingRevoked,
    /// It is unknown whether the credential exists.
    #[error("it is not known whether there is a credential: `decide` first")]
    Undecided,
    /// It was granted already.
    #[error("it is granted already")]
    Granted,
    /// No decision or work is possible in this phase.
    #[error("there is nothing to be done about this grant")]
    NothingToDo,
    /// A grant has this state already.
    #[error("another grant has this state")]
    StateTaken,
}

/// Asks the first three questions of the gate, in the order of decision W5: allowed, enabled, parameters fit
/// one set. A service that is switched off or has faults has no description. The number of grants is checked
/// in the batch that stores the intent.
///
/// # Errors
/// The first failed check.
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

/// Decides what to do if a plugin returns a state that another grant already has.
///
/// See decision W6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DuplicatePolicy {
    /// The call fails; the old grant stays, and counts the orphan.
    #[default]
    Reject,
    /// The old grant is returned.
    Reuse,
}

impl DuplicatePolicy {
    /// Tells whether the old grant is returned. A grant that is being revoked never is.
    pub fn reuses(self, old: Phase) -> bool {
        self == Self::Reuse && old == Phase::Granted
    }
}

/// Computes the step that `event` causes in this state; `None` is a grant that does not exist.
///
/// # Errors
/// A transition error leaves everything unchanged.
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
        // The credential is late: another caller settled the grant without knowing of it.
        Event::Issued { credential, .. }
        | Event::Unstorable { credential }
        | Event::Discard { credential, .. } => Step::gone().then(Command::Discard(credential)),
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
        // Decisions of a person or of the host.
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

        // A request.
        (Intended | Indeterminate, Event::Begin { now, idempotent: true, .. }) if !others => resume(now),
        (Granted, Event::Begin { .. }) => return Err(TransitionError::Granted),

        // The plugin made a credential. `Unstorable` is discarded from memory, since its state must not be
        // stored; so is one that comes too late.
        (Intended | Indeterminate, Event::Issued { now, credential, undelivered }) => {
            issued(now, credential, undelivered).handing_out()
        }
        (Intended | Indeterminate, Event::Discard { now, credential }) => discard(now, credential),
        (Intended | Indeterminate, Event::StateTaken { reuse }) => {
            Step { holder: (!reuse).then_some(Event::OrphanSeen), hands_out: reuse, ..Step::gone() }
        }
        // Another caller learned the state by asking the plugin before this request returned.
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

        // It made none, or it is not known whether it did.
        (Intended, Event::Discarded { revoked: true, .. } | Event::NeverMade) if ours => Step::gone(),
        (Intended, Event::Discarded { now, .. }) if ours => {
            indeterminate(now, IndeterminateReason::NotDiscarded)
        }
        (Intended, Event::NothingMade { .. }) if ours && !state.resumed => Step::gone().handing_out(),
        // The plugin's answer is about this attempt; an earlier one may have made a credential.
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

        // A revocation.
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
        // Another credential with the same state was made meanwhile, perhaps after this one was
        // destroyed. So the state is revoked again.
        (Revoking, Event::Revoked { .. }) if ours => keep().then(revocation(state)),
        (Revoking, Event::NotRevoked { again }) if ours => {
            let failures = state.failures.saturating_add(1);
            let next = retries.next(state.since, failures, again);
            Step::to(GrantState { failures, next, ..state.clone() })
        }

        // Events that do not fit the phase.
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

/// Handles a missing answer. A plugin that reconciles is asked later, as often as the policy
/// allows.
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
