//! The life of a grant as the host sees it: a pure state machine.
//!
//! ```text
//!          begin            issued                  revoke              revoked
//! (none) ────────► Intended ──────────────► Granted ───────► Revoking ─────────► (none)
//!    ▲                │ │ │                    ▲              ▲ │  ▲
//!    │  nothing made  │ │ │ answer discarded   │              │ └──┘ failed: kept, again later
//!    ├────────────────┘ │ └────────────────────┼──────────────┘
//!    │                  │ nobody can tell      │ issued late,
//!    │     decided      ▼                      │ or decided
//!    └──────────── Indeterminate ──────────────┘
//! ```
//!
//! No clock, no I/O, no randomness. Each step is persisted before its effect is carried out
//! (write ahead, decision R2). A record goes away only when the plugin said that there is no
//! credential, or somebody decided so.

use keyway_core::Timestamp;
use keyway_issuers::{Description, Parameters, State, Violation};

use super::lease::Lease;

/// Where a grant is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The plugin is being asked, or was asked and its answer is not stored.
    Intended,
    /// There is a credential, and the host knows its state.
    Granted,
    /// The credential is to be destroyed; perhaps it is already.
    Revoking,
    /// Nobody knows whether there is a credential. It stays listed until somebody decides.
    Indeterminate,
}

/// Why it is not known whether there is a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Doubt {
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

/// What the host knows of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantState {
    /// Where it is in its life.
    pub phase: Phase,
    /// By what the plugin knows the credential; there while it is granted or being revoked.
    pub credential: Option<State>,
    /// When this phase began.
    pub since: Timestamp,
    /// How often the plugin failed in this phase.
    pub failures: u32,
    /// When it is to be tried again; `None` when nothing is to be tried by itself.
    pub next: Option<Timestamp>,
    /// Who works on it (decision R5).
    pub lease: Option<Lease>,
    /// How often the plugin made another credential with the same state, which was refused
    /// (decision W6). They cannot be told apart from this one, and go when it is revoked.
    pub orphans: u32,
    /// The credential's values reached nobody: the host stopped before it could hand them
    /// over. Revoke it, unless the user knows them anyway.
    pub values_lost: bool,
    /// Why it is indeterminate.
    pub doubt: Option<Doubt>,
}

/// What happens to a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request passed the gate.
    Begin {
        /// The present.
        now: Timestamp,
        /// Who asks the plugin.
        lease: Lease,
    },
    /// The same request is made again, with the same id.
    Resume {
        /// The present.
        now: Timestamp,
        /// Who asks the plugin.
        lease: Lease,
        /// Whether the plugin makes one credential for one id, however often it is asked.
        idempotent: bool,
    },
    /// The plugin made a credential with this state.
    Issued {
        /// The present.
        now: Timestamp,
        /// The state.
        credential: State,
        /// Nobody gets its values.
        values_lost: bool,
    },
    /// The plugin said that it made none.
    NothingMade,
    /// The plugin gave no answer that says what happened.
    Unanswered {
        /// The present.
        now: Timestamp,
        /// Why nobody knows.
        doubt: Doubt,
        /// When to ask it what became of the request, if it can be asked at all.
        reconcile_at: Option<Timestamp>,
    },
    /// The plugin made a credential that nobody may have: it is to be revoked.
    Discard {
        /// The present.
        now: Timestamp,
        /// Its state.
        credential: State,
        /// Who revokes it.
        lease: Lease,
    },
    /// The plugin answered another request with the state of this credential, and that
    /// request was refused.
    OrphanSeen,
    /// Somebody wants the credential destroyed.
    Revoke {
        /// The present.
        now: Timestamp,
        /// Who asks the plugin.
        lease: Lease,
    },
    /// The plugin destroyed it, or it was gone.
    Revoked {
        /// The present.
        now: Timestamp,
        /// The number of orphans when the plugin was asked: one that came later may have
        /// been made after the destruction.
        orphans: u32,
    },
    /// The plugin did not destroy it.
    NotRevoked {
        /// The present.
        now: Timestamp,
        /// When to try again by itself; `None` when that was tried often enough.
        retry_at: Option<Timestamp>,
    },
    /// What is due cannot be taken up: its service is gone, or its plugin cannot be used.
    Postponed {
        /// When to look again, so that it does not stand before all the rest for ever.
        until: Timestamp,
    },
    /// A worker takes up what is due.
    Claim {
        /// The worker.
        lease: Lease,
        /// The present.
        now: Timestamp,
        /// Whether the plugin can tell what became of a request.
        reconciles: bool,
    },
    /// Somebody decided what nobody can know.
    Decide {
        /// The present.
        now: Timestamp,
        /// The decision.
        decision: Decision,
    },
}

/// What somebody decides about a grant that the host cannot decide.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// There is no credential: the grant is forgotten.
    NothingThere,
    /// There is one, and the plugin knows it by this state.
    Made(State),
}

/// What the driver does after it has persisted the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing more.
    None,
    /// Ask the plugin for the credential.
    Request,
    /// Ask the plugin what became of the request.
    Reconcile,
    /// Ask the plugin to destroy the credential.
    Revoke,
}

/// A step: what to persist, then what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state to persist; `None` takes the record away.
    pub state: Option<GrantState>,
    /// What to do when that is done.
    pub effect: Effect,
}

/// Why a request does not pass the gate, or an event does not fit the phase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
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
    /// What the login said about the user cannot be kept.
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
    /// Somebody works on its revocation at this moment.
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
}

/// What a gate looks at besides the number of grants.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whether the user may use the service.
    pub allowed: bool,
    /// Whether the service is enabled.
    pub enabled: bool,
    /// What the plugin says about its parameters; a service without is disabled.
    pub description: Option<&'a Description>,
    /// What the user entered.
    pub parameters: &'a Parameters,
}

/// The gate, in the order of decision W5: allowed, enabled, parameters fit one set. The
/// index of that set. The fourth, [`admit_one_more`], needs the number of grants.
///
/// # Errors
/// The first that does not hold.
pub fn admit(asked: &Asked<'_>) -> Result<usize, Refusal> {
    if !asked.allowed {
        return Err(Refusal::NotAllowed);
    }
    let description = asked.description.filter(|_| asked.enabled).ok_or(Refusal::Disabled)?;
    description.fitting_set(asked.parameters).map_err(Refusal::Parameters)
}

/// The end of the gate (decision W5): `held` counts everything that is or may be a
/// credential, requests in flight too.
///
/// # Errors
/// [`Refusal::LimitReached`].
pub fn admit_one_more(limit: Option<u64>, held: u64) -> Result<(), Refusal> {
    match limit {
        Some(limit) if held >= limit => Err(Refusal::LimitReached { limit }),
        _ => Ok(()),
    }
}

/// What happens when a plugin returns a state that a grant has already (decision W6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SameState {
    /// An error; the old grant is kept, and counts the orphan.
    #[default]
    Reject,
    /// The old grant is returned.
    Reuse,
}

impl SameState {
    /// Whether the old grant is returned. One that is being revoked cannot be.
    pub fn reuses(self, old: Phase) -> bool {
        self == Self::Reuse && old == Phase::Granted
    }
}

/// What `event` does to a grant in this state; `None` is a grant that is not there.
///
/// # Errors
/// A refusal leaves everything as it was.
pub fn step(state: Option<&GrantState>, event: Event) -> Result<Step, Refusal> {
    match (state, event) {
        (None, Event::Begin { now, lease }) => {
            let state = GrantState { lease: Some(lease), ..GrantState::new(Phase::Intended, now) };
            Ok(Step { state: Some(state), effect: Effect::Request })
        }
        (None, _) => Err(Refusal::NoGrant),
        (Some(state), event) => step_existing(state, event),
    }
}

fn step_existing(state: &GrantState, event: Event) -> Result<Step, Refusal> {
    use Phase::{Granted, Indeterminate, Intended, Revoking};

    let keep = |state| Ok(Step { state: Some(state), effect: Effect::None });
    let gone = Ok(Step { state: None, effect: Effect::None });
    match (state.phase, event) {
        (Intended | Indeterminate, Event::Resume { now, lease, idempotent: true }) => {
            let state = GrantState { lease: Some(lease), ..GrantState::new(Intended, now) };
            Ok(Step { state: Some(state), effect: Effect::Request })
        }
        (Intended | Indeterminate, Event::Issued { now, credential, values_lost }) => {
            keep(GrantState { credential: Some(credential), values_lost, ..GrantState::new(Granted, now) })
        }
        // Somebody found it by asking the plugin, before its own request came back.
        (Granted, Event::Issued { credential, values_lost, .. })
            if state.credential.as_ref() == Some(&credential) =>
        {
            keep(GrantState { values_lost: state.values_lost && values_lost, ..state.clone() })
        }
        (Intended | Indeterminate, Event::NothingMade)
        // A person may also give up on a plugin or a service that will not come back.
        | (Indeterminate | Granted | Revoking, Event::Decide { decision: Decision::NothingThere, .. }) => gone,
        (Intended, Event::Unanswered { reconcile_at: Some(at), .. }) => {
            keep(GrantState { failures: state.failures + 1, next: Some(at), lease: None, ..state.clone() })
        }
        (Intended, Event::Unanswered { now, doubt, reconcile_at: None }) => {
            keep(GrantState { doubt: Some(doubt), ..GrantState::new(Indeterminate, now) })
        }
        // Another worker was faster, and knew as little.
        (Indeterminate, Event::Unanswered { .. }) => keep(state.clone()),
        (Intended | Indeterminate, Event::Discard { now, credential, lease }) => Ok(Step {
            state: Some(GrantState {
                credential: Some(credential),
                values_lost: true,
                lease: Some(lease),
                ..GrantState::new(Revoking, now)
            }),
            effect: Effect::Revoke,
        }),
        (Granted | Revoking, Event::OrphanSeen) => {
            keep(GrantState { orphans: state.orphans.saturating_add(1), ..state.clone() })
        }
        (Granted | Revoking, Event::Revoke { now, lease }) => Ok(Step {
            state: Some(GrantState {
                phase: Revoking,
                since: now,
                failures: 0,
                next: None,
                lease: Some(lease),
                ..state.clone()
            }),
            effect: Effect::Revoke,
        }),
        (Revoking, Event::Revoked { orphans, .. }) if orphans == state.orphans => gone,
        // A credential with the same state was made meanwhile, perhaps after this one was
        // destroyed: destroying is done again, and hits it.
        (Revoking, Event::Revoked { now, .. }) => {
            keep(GrantState { next: Some(now), lease: None, ..state.clone() })
        }
        (Revoking, Event::NotRevoked { retry_at, .. }) => keep(GrantState {
            failures: state.failures.saturating_add(1),
            next: retry_at,
            lease: None,
            ..state.clone()
        }),
        (Intended | Revoking, Event::Postponed { until }) => {
            keep(GrantState { next: Some(until), lease: None, ..state.clone() })
        }
        (Intended, Event::Claim { lease, reconciles: true, .. }) => Ok(Step {
            state: Some(GrantState { lease: Some(lease), next: None, ..state.clone() }),
            effect: Effect::Reconcile,
        }),
        (Intended, Event::Claim { now, reconciles: false, .. }) => {
            keep(GrantState { doubt: Some(Doubt::Interrupted), ..GrantState::new(Indeterminate, now) })
        }
        (Revoking, Event::Claim { lease, .. }) => Ok(Step {
            state: Some(GrantState { lease: Some(lease), next: None, ..state.clone() }),
            effect: Effect::Revoke,
        }),
        (Indeterminate, Event::Decide { now, decision: Decision::Made(credential) }) => keep(GrantState {
            credential: Some(credential),
            values_lost: true,
            ..GrantState::new(Granted, now)
        }),
        (_, event) => Err(state.refusal(&event)),
    }
}

impl GrantState {
    fn new(phase: Phase, since: Timestamp) -> Self {
        Self {
            phase,
            credential: None,
            since,
            failures: 0,
            next: None,
            lease: None,
            orphans: 0,
            values_lost: false,
            doubt: None,
        }
    }

    fn refusal(&self, event: &Event) -> Refusal {
        match (self.phase, event) {
            (
                _,
                Event::Claim { .. }
                | Event::Postponed { .. }
                | Event::Decide { decision: Decision::Made(_), .. },
            ) => Refusal::NothingToDo,
            (Phase::Intended, _) => Refusal::InFlight,
            (Phase::Granted, _) => Refusal::Granted,
            (Phase::Revoking, _) => Refusal::BeingRevoked,
            (Phase::Indeterminate, _) => Refusal::Undecided,
        }
    }

    /// When a worker should look at it: at once after the lease or the wait that was
    /// persisted. `Some(None)` is a grant that waits for somebody's decision, and `None`
    /// one with which nothing is to be done.
    pub fn work(&self) -> Option<Option<Timestamp>> {
        match (self.phase, &self.lease) {
            (Phase::Granted, _) => None,
            (Phase::Indeterminate, _) => Some(None),
            (_, Some(lease)) => Some(Some(lease.from.plus(lease.lasts))),
            (_, None) => Some(self.next),
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
