//! Tests the properties of the state machine of grants over any sequence of events, with a crash at any point.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::records::{Due, Recorded};
use crate::work::laws::follow;

fn now() -> Timestamp {
    Timestamp::from_milliseconds(1_000)
}

fn again() -> Again {
    Again { now: now(), retry_after: None, jitter: 0 }
}

fn limits(attempts: u32) -> Limits {
    Limits::default().with_retries(Retries::default().with_attempts(attempts))
}

fn due(state: &GrantState) -> Due {
    let user = keyway_issuers::UserInfo::new("https://i", "joe");
    let asked = keyway_issuers::Requester::new(user);
    let service = keyway_issuers::ServiceName::new("door").unwrap();
    let owner = super::super::record::Owner::of(&asked, service, now()).unwrap();
    GrantWorkflow::due(&owner, state)
}

/// The plugin's reaction to a command.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Done,
    Refused,
    /// The plugin obeyed, but its answer broke the contract. The answer names the credential.
    Garbled,
    /// The plugin obeyed, and its answer was lost.
    LostAfter,
    /// The plugin did not obey, and its answer was lost.
    LostBefore,
    /// The process ends after the plugin obeyed.
    CrashAfter,
    CrashBefore,
}

/// An action on a grant.
#[derive(Clone, Copy, Debug)]
enum Act {
    Begin,
    Revoke,
    Wake,
    DecideTruthfully,
    OrphanSeen,
}

/// A grant, and the credentials that its plugin made.
struct Life {
    state: Option<GrantState>,
    /// The existing credentials of this grant. The number tells how often each was made.
    made: BTreeMap<String, u32>,
    idempotent: bool,
    reconciles: bool,
    serial: u32,
    limits: Limits,
}

impl Life {
    fn new(idempotent: bool, reconciles: bool) -> Self {
        let limits = limits(3);
        Self { state: None, made: BTreeMap::new(), idempotent, reconciles, serial: 0, limits }
    }

    fn make(&mut self) -> CredentialRef {
        if self.idempotent
            && let Some(state) = self.made.keys().next()
        {
            return CredentialRef::new(state.as_str());
        }
        self.serial += 1;
        let state = format!("s{}", self.serial);
        *self.made.entry(state.clone()).or_default() += 1;
        CredentialRef::new(state)
    }

    fn act(&mut self, act: Act, answer: Answer) {
        let (now, reconciles) = (now(), self.reconciles);
        let event = match act {
            Act::Begin => Event::Begin { now, idempotent: self.idempotent, limit: None },
            Act::Revoke => Event::Revoke { now },
            Act::Wake => Event::Wake { now, reconciles },
            Act::OrphanSeen => Event::OrphanSeen,
            Act::DecideTruthfully => {
                let decision = match self.made.keys().next() {
                    // The decision names the first credential. If there were a second credential, the test would fail
                    // anyway, because it counts the credentials.
                    Some(state)
                        if self.state.as_ref().is_some_and(|state| state.phase == Phase::Indeterminate) =>
                    {
                        Decision::Made(CredentialRef::new(state.as_str()))
                    }
                    Some(_) => return,
                    None => Decision::NothingThere,
                };
                Event::Decide { now, decision }
            }
        };
        // The test chooses the answer to the first command. Later commands succeed.
        let (mut event, mut standing, mut answer) = (event, Standing::Free, answer);
        for commands in 0.. {
            assert!(commands < 8, "no pair of state and event goes on for ever");
            let Ok(step) = step(&self.limits, self.state.as_ref(), standing, event) else { return };
            self.state = step.state;
            let Some(command) = step.command else { return };
            let Some(next) = self.carry_out(command, answer) else { return };
            (event, standing, answer) = (next, Standing::Ours, Answer::Done);
        }
    }

    /// Carries out a command. Returns `None` if the process ends during the command.
    fn carry_out(&mut self, command: Command, answer: Answer) -> Option<Event> {
        let reconciles = self.reconciles;
        let unanswered =
            Event::Unanswered { again: again(), reconciles, reason: IndeterminateReason::NoAnswer };
        Some(match command {
            Command::Request => match answer {
                Answer::Done => Event::Issued { now: now(), credential: self.make(), undelivered: false },
                Answer::Refused => Event::NothingMade { again: again(), reconciles },
                Answer::Garbled => Event::Discard { now: now(), credential: self.make() },
                Answer::LostAfter => {
                    self.make();
                    unanswered
                }
                Answer::LostBefore => unanswered,
                Answer::CrashAfter => {
                    self.make();
                    return None;
                }
                Answer::CrashBefore => return None,
            },
            Command::Reconcile => match (answer, self.made.keys().next().cloned()) {
                (Answer::Done | Answer::Garbled, Some(state)) => {
                    Event::Issued { now: now(), credential: CredentialRef::new(state), undelivered: true }
                }
                (Answer::Done | Answer::Garbled, None) => Event::NeverMade,
                (Answer::Refused, _) => Event::CannotTell { now: now() },
                (Answer::LostAfter | Answer::LostBefore, _) => Event::Unanswered {
                    again: again(),
                    reconciles,
                    reason: IndeterminateReason::NotReconciled,
                },
                (Answer::CrashAfter | Answer::CrashBefore, _) => return None,
            },
            Command::Revoke { credential, orphans } => {
                if !matches!(answer, Answer::Refused | Answer::LostBefore | Answer::CrashBefore) {
                    self.made.remove(credential.as_str());
                }
                match answer {
                    Answer::Done => Event::Revoked { orphans },
                    Answer::CrashAfter | Answer::CrashBefore => return None,
                    _ => Event::NotRevoked { again: again() },
                }
            }
            Command::Discard(credential) => {
                self.made.remove(credential.as_str());
                Event::Discarded { now: now(), revoked: true }
            }
        })
    }
}

fn any_act() -> impl Strategy<Value = (Act, Answer)> {
    let act = prop::sample::select(vec![
        Act::Begin,
        Act::Revoke,
        Act::Wake,
        Act::DecideTruthfully,
        Act::OrphanSeen,
    ]);
    let answer = prop::sample::select(vec![
        Answer::Done,
        Answer::Refused,
        Answer::Garbled,
        Answer::LostAfter,
        Answer::LostBefore,
        Answer::CrashAfter,
        Answer::CrashBefore,
    ]);
    (act, answer)
}

proptest! {
    /// Checks that no credential exists without a record, that a stored reference is that of the existing credential,
    /// if there is one, and that no credential is made twice for one id.
    ///
    /// See decision R3.
    #[test]
    fn no_grant_is_lost_and_none_is_doubled(
        idempotent: bool,
        reconciles: bool,
        acts in prop::collection::vec(any_act(), 0..24),
    ) {
        let mut life = Life::new(idempotent, reconciles);
        for (act, answer) in acts {
            life.act(act, answer);
            prop_assert!(life.made.values().sum::<u32>() <= 1, "doubled: {:?}", life.made);
            let Some(state) = &life.state else {
                prop_assert!(life.made.is_empty(), "lost: {:?}", life.made);
                continue;
            };
            prop_assert_eq!(state.credential.is_some(), matches!(state.phase, Phase::Granted | Phase::Revoking));
            if let (Some(known), Some(there)) = (&state.credential, life.made.keys().next()) {
                prop_assert_eq!(known.as_str(), there);
            }
            if state.phase == Phase::Granted {
                prop_assert_eq!(life.made.len(), 1);
            }
            // Every grant that is not settled is either due for a worker, or listed for a person.
            prop_assert_eq!(due(state) == Due::Never, state.phase == Phase::Granted);
            prop_assert_eq!(state.reason.is_some(), state.phase == Phase::Indeterminate);
        }
    }

    /// Checks that a working plugin and a truthful person settle every state: the credential is
    /// granted, or nothing is left.
    #[test]
    fn everything_can_be_settled(
        idempotent: bool,
        reconciles: bool,
        acts in prop::collection::vec(any_act(), 0..24),
    ) {
        let mut life = Life::new(idempotent, reconciles);
        for (act, answer) in acts {
            life.act(act, answer);
        }
        for act in [Act::Wake, Act::DecideTruthfully] {
            life.act(act, Answer::Done);
        }
        prop_assert!(life.state.as_ref().is_none_or(|state| state.phase == Phase::Granted), "{:?}", life.state);
        life.act(Act::Revoke, Answer::Done);
        prop_assert!(life.state.is_none() && life.made.is_empty());
    }
}

fn any_phase() -> impl Strategy<Value = Option<GrantState>> {
    let phases = [Phase::Intended, Phase::Granted, Phase::Revoking, Phase::Indeterminate];
    (prop::option::of(prop::sample::select(phases.to_vec())), any::<(bool, u32)>()).prop_map(
        |(phase, (resumed, orphans))| {
            let phase = phase?;
            let known = matches!(phase, Phase::Granted | Phase::Revoking);
            let credential = known.then(|| CredentialRef::new("s"));
            Some(GrantState { credential, orphans, resumed, ..GrantState::new(phase, now()) })
        },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    let credential = || CredentialRef::new("other");
    prop::sample::select(vec![
        Event::Begin { now: now(), idempotent: true, limit: None },
        Event::Begin { now: now(), idempotent: false, limit: None },
        Event::Issued { now: now(), credential: credential(), undelivered: false },
        Event::Unstorable { credential: credential() },
        Event::Discard { now: now(), credential: credential() },
        Event::Discarded { now: now(), revoked: true },
        Event::StateTaken { reuse: true },
        Event::DecisionTaken,
        Event::OrphanSeen,
        Event::NothingMade { again: again(), reconciles: true },
        Event::Unanswered { again: again(), reconciles: true, reason: IndeterminateReason::NoAnswer },
        Event::NeverMade,
        Event::CannotTell { now: now() },
        Event::Revoke { now: now() },
        Event::Revoked { orphans: 0 },
        Event::NotRevoked { again: again() },
        Event::Wake { now: now(), reconciles: true },
        Event::Decide { now: now(), decision: Decision::NothingThere },
        Event::Drop,
    ])
}

proptest! {
    /// Checks that every pair of state and event leads to a finite sequence of commands, and that discarding a
    /// credential is the only command that may come without a stored record.
    #[test]
    fn every_event_ends_and_is_stored_before_its_command(
        state in any_phase(),
        standing in prop::sample::select(vec![Standing::Free, Standing::Ours, Standing::Others]),
        event in any_event(),
        does: bool,
        reconciles: bool,
    ) {
        let answer = |command: &Command, _: Option<&GrantState>| match command {
            Command::Request if does => {
                Event::Issued { now: now(), credential: CredentialRef::new("s"), undelivered: false }
            }
            Command::Request => Event::NothingMade { again: again(), reconciles },
            Command::Reconcile if does => Event::NeverMade,
            Command::Reconcile => Event::CannotTell { now: now() },
            Command::Revoke { orphans, .. } if does => Event::Revoked { orphans: *orphans },
            Command::Revoke { .. } => Event::NotRevoked { again: again() },
            Command::Discard(_) => Event::Discarded { now: now(), revoked: does },
        };
        let is_undo = |command: &Command| matches!(command, Command::Discard(_));
        follow::<GrantWorkflow>(&limits(3), state, standing, event, is_undo, answer);
    }

    /// Checks that a caller without the claim removes no record, and that a caller whose record is gone makes no
    /// credential: without a record, the only command discards a credential.
    #[test]
    fn a_caller_without_a_claim_settles_nothing(state in any_phase(), event in any_event()) {
        let asks = matches!(event, Event::Begin { .. } | Event::Decide { .. } | Event::Drop | Event::StateTaken { .. });
        let Ok(stepped) = step(&limits(3), state.as_ref(), Standing::Others, event) else { return Ok(()) };
        if !asks {
            prop_assert!(stepped.state.is_some() || state.is_none());
        }
        if stepped.state.is_none() {
            prop_assert!(matches!(stepped.command, None | Some(Command::Discard(_))));
        }
    }
}

fn after(events: impl IntoIterator<Item = Event>) -> Option<GrantState> {
    let mut state = None;
    for event in events {
        state = step(&limits(3), state.as_ref(), Standing::Ours, event).unwrap().state;
    }
    state
}

fn begin(idempotent: bool) -> Event {
    Event::Begin { now: now(), idempotent, limit: None }
}

#[test]
fn a_plugin_that_is_not_idempotent_is_never_asked_twice() {
    let intended = after([begin(false)]);
    let again = |idempotent| step(&limits(3), intended.as_ref(), Standing::Free, begin(idempotent));
    assert_eq!(again(false).err(), Some(TransitionError::InFlight));
    assert_eq!(again(true).unwrap().command, Some(Command::Request));
}

#[test]
fn an_orphan_that_came_while_revoking_is_revoked_too() {
    let issued = Event::Issued { now: now(), credential: CredentialRef::new("s"), undelivered: false };
    let state = after([begin(false), issued, Event::Revoke { now: now() }, Event::OrphanSeen]);
    let step =
        |orphans| step(&limits(3), state.as_ref(), Standing::Ours, Event::Revoked { orphans }).unwrap();
    let once_more = step(0);
    assert_eq!(once_more.command, Some(Command::Revoke { credential: CredentialRef::new("s"), orphans: 1 }));
    assert_eq!((step(1).state, step(1).command), (None, None));
}

#[test]
fn a_grant_that_is_being_revoked_is_not_reused() {
    assert!(DuplicatePolicy::Reuse.reuses(Phase::Granted) && !DuplicatePolicy::Reuse.reuses(Phase::Revoking));
    assert!(!DuplicatePolicy::Reject.reuses(Phase::Granted));
}

#[test]
fn a_revocation_is_tried_as_often_as_the_policy_says() {
    let issued = Event::Issued { now: now(), credential: CredentialRef::new("s"), undelivered: false };
    let failed = || Event::NotRevoked { again: again() };
    let mut state = after([begin(false), issued, Event::Revoke { now: now() }]);
    for failures in 1..=3 {
        state = step(&limits(3), state.as_ref(), Standing::Ours, failed()).unwrap().state;
        let revoking = state.as_ref().unwrap();
        let wait = Duration::from_secs(10 << (failures - 1));
        let next = (failures < 3).then(|| now().plus(wait));
        assert_eq!((revoking.failures, revoking.next), (failures, next));
    }
    assert_eq!(due(state.as_ref().unwrap()), Due::Decision);
}
