//! What must hold over any sequence of events, with a crash at any point.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::grants::lease::Holder;

fn lease(run: u64) -> Lease {
    Lease { holder: Holder { host: "a".into(), run }, from: now(), lasts: Duration::from_secs(60) }
}

fn now() -> Timestamp {
    Timestamp::from_milliseconds(1_000)
}

/// What a plugin does with an effect that it is asked for.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Done,
    Refused,
    /// It did it, and the answer broke the contract but names the credential.
    Garbled,
    /// It did it, and nobody heard of it.
    LostAfter,
    /// It did not, and nobody heard of it.
    LostBefore,
    /// The process ends while it is asked; it was done or not.
    CrashAfter,
    CrashBefore,
}

/// What is done to one grant.
#[derive(Clone, Copy, Debug)]
enum Act {
    Begin,
    Resume,
    Revoke,
    Claim,
    Postpone,
    DecideTruthfully,
    OrphanSeen,
}

/// A grant, the plugin's world behind it, and what runs at the moment.
struct Life {
    state: Option<GrantState>,
    /// Credentials of this grant's that exist, and how often each was made.
    made: BTreeMap<String, u32>,
    idempotent: bool,
    reconciles: bool,
    serial: u32,
}

impl Life {
    fn step(&mut self, event: Event) -> Option<Effect> {
        let step = step(self.state.as_ref(), event).ok()?;
        self.state = step.state;
        Some(step.effect)
    }

    fn make(&mut self) -> State {
        if self.idempotent
            && let Some(state) = self.made.keys().next()
        {
            return State::new(state.as_str());
        }
        self.serial += 1;
        let state = format!("s{}", self.serial);
        *self.made.entry(state.clone()).or_default() += 1;
        State::new(state)
    }

    fn act(&mut self, act: Act, answer: Answer) {
        let (now, lease, reconciles) = (now(), lease(1), self.reconciles);
        let effect = match act {
            Act::Begin => self.step(Event::Begin { now, lease }),
            Act::Resume => self.step(Event::Resume { now, lease, idempotent: self.idempotent }),
            Act::Revoke => self.step(Event::Revoke { now, lease }),
            Act::Claim => self.step(Event::Claim { lease, now, reconciles }),
            Act::Postpone => self.step(Event::Postponed { until: now }),
            Act::OrphanSeen => self.step(Event::OrphanSeen),
            Act::DecideTruthfully => {
                let decision = match self.made.keys().next() {
                    // Of two credentials with one grant, one would be forgotten: see the test.
                    Some(state)
                        if self.state.as_ref().is_some_and(|state| state.phase == Phase::Indeterminate) =>
                    {
                        Decision::Made(State::new(state.as_str()))
                    }
                    Some(_) => return,
                    None => Decision::NothingThere,
                };
                self.step(Event::Decide { now, decision })
            }
        };
        match effect {
            Some(Effect::Request) => self.request(answer),
            Some(Effect::Reconcile) => self.reconcile(answer),
            Some(Effect::Revoke) => self.revoke(answer),
            Some(Effect::None) | None => {}
        }
    }

    fn request(&mut self, answer: Answer) {
        let now = now();
        let unanswered = Event::Unanswered {
            now,
            doubt: Doubt::NoAnswer,
            reconcile_at: self.reconciles.then(|| now.plus(Duration::from_secs(1))),
        };
        match answer {
            Answer::Done => {
                let credential = self.make();
                self.step(Event::Issued { now, credential, values_lost: false });
            }
            Answer::Refused => {
                // An idempotent plugin that made it before does not say that there is none.
                if self.made.is_empty() {
                    self.step(Event::NothingMade);
                }
            }
            Answer::Garbled => {
                let credential = self.make();
                self.step(Event::Discard { now, credential, lease: lease(1) });
                self.revoke(Answer::Done);
            }
            Answer::LostAfter => {
                self.make();
                self.step(unanswered);
            }
            Answer::LostBefore => {
                self.step(unanswered);
            }
            Answer::CrashAfter => {
                self.make();
            }
            Answer::CrashBefore => {}
        }
    }

    fn reconcile(&mut self, answer: Answer) {
        let now = now();
        match (answer, self.made.keys().next().cloned()) {
            (Answer::Done | Answer::Garbled, Some(state)) => {
                self.step(Event::Issued { now, credential: State::new(state), values_lost: true });
            }
            (Answer::Done | Answer::Garbled, None) => {
                self.step(Event::NothingMade);
            }
            (Answer::Refused | Answer::LostAfter | Answer::LostBefore, _) => {
                self.step(Event::Unanswered { now, doubt: Doubt::NotReconciled, reconcile_at: None });
            }
            (Answer::CrashAfter | Answer::CrashBefore, _) => {}
        }
    }

    fn revoke(&mut self, answer: Answer) {
        let Some(state) = self.state.clone() else { return };
        let credential = state.credential.expect("what is revoked has a state");
        match answer {
            Answer::Done => {
                self.made.remove(credential.as_str());
                self.step(Event::Revoked { now: now(), orphans: state.orphans });
            }
            Answer::LostAfter | Answer::Garbled => {
                self.made.remove(credential.as_str());
                self.step(Event::NotRevoked { now: now(), retry_at: None });
            }
            Answer::Refused | Answer::LostBefore => {
                self.step(Event::NotRevoked { now: now(), retry_at: Some(now()) });
            }
            Answer::CrashAfter => {
                self.made.remove(credential.as_str());
            }
            Answer::CrashBefore => {}
        }
    }
}

fn any_act() -> impl Strategy<Value = (Act, Answer)> {
    let act = prop::sample::select(vec![
        Act::Begin,
        Act::Resume,
        Act::Revoke,
        Act::Claim,
        Act::Postpone,
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
    /// No credential exists without a record, one whose state is known is either the one that
    /// exists or gone, and none is made twice for one id (decision R3).
    #[test]
    fn no_grant_is_lost_and_none_is_doubled(
        idempotent: bool,
        reconciles: bool,
        acts in prop::collection::vec(any_act(), 0..24),
    ) {
        let mut life = Life { state: None, made: BTreeMap::new(), idempotent, reconciles, serial: 0 };
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
            // Whatever is not settled is found by a worker or listed for somebody.
            prop_assert_eq!(state.work().is_none(), state.phase == Phase::Granted);
            prop_assert_eq!(state.doubt.is_some(), state.phase == Phase::Indeterminate);
        }
    }

    /// From every state, a plugin that works and a person who decides truthfully come to an
    /// end: the credential is granted, or nothing is left.
    #[test]
    fn everything_can_be_settled(
        idempotent: bool,
        reconciles: bool,
        acts in prop::collection::vec(any_act(), 0..24),
    ) {
        let mut life = Life { state: None, made: BTreeMap::new(), idempotent, reconciles, serial: 0 };
        for (act, answer) in acts {
            life.act(act, answer);
        }
        for act in [Act::Claim, Act::DecideTruthfully] {
            life.act(act, Answer::Done);
        }
        prop_assert!(life.state.as_ref().is_none_or(|state| state.phase == Phase::Granted), "{:?}", life.state);
        life.act(Act::Revoke, Answer::Done);
        prop_assert!(life.state.is_none() && life.made.is_empty());
    }
}

#[test]
fn a_plugin_that_is_not_idempotent_is_never_asked_twice() {
    let intended = step(None, Event::Begin { now: now(), lease: lease(1) }).unwrap().state.unwrap();
    let again = |idempotent| Event::Resume { now: now(), lease: lease(2), idempotent };
    assert_eq!(step(Some(&intended), again(false)), Err(Refusal::InFlight));
    assert_eq!(step(Some(&intended), again(true)).unwrap().effect, Effect::Request);
}

#[test]
fn an_orphan_that_came_while_revoking_is_revoked_too() {
    let issued = Event::Issued { now: now(), credential: State::new("s"), values_lost: false };
    let mut state = step(None, Event::Begin { now: now(), lease: lease(1) }).unwrap().state.unwrap();
    for event in [issued, Event::Revoke { now: now(), lease: lease(1) }, Event::OrphanSeen] {
        state = step(Some(&state), event).unwrap().state.unwrap();
    }
    let once_more = step(Some(&state), Event::Revoked { now: now(), orphans: 0 }).unwrap().state.unwrap();
    assert_eq!((once_more.phase, once_more.next), (Phase::Revoking, Some(now())));
    assert_eq!(step(Some(&once_more), Event::Revoked { now: now(), orphans: 1 }).unwrap().state, None);
}

#[test]
fn the_limit_counts_what_is_there() {
    assert_eq!(admit_one_more(None, u64::MAX), Ok(()));
    assert_eq!(admit_one_more(Some(0), 0), Err(Refusal::LimitReached { limit: 0 }));
    assert_eq!(admit_one_more(Some(2), 1), Ok(()));
    assert_eq!(admit_one_more(Some(2), 2), Err(Refusal::LimitReached { limit: 2 }));
}

#[test]
fn one_that_is_being_revoked_is_not_reused() {
    assert!(SameState::Reuse.reuses(Phase::Granted) && !SameState::Reuse.reuses(Phase::Revoking));
    assert!(!SameState::Reject.reuses(Phase::Granted));
}
