//! Tests properties over any sequence of events, with a crash at any point, on a model of the plugin.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::work::Retries;
use crate::work::laws::follow;

/// The plugin's reaction to a command.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Done,
    Refused,
    Unavailable,
    /// The answer is lost, after or before the effect.
    LostAfter,
    LostBefore,
    /// The process ends while the plugin is asked: after the effect, or before it.
    CrashAfter,
    CrashBefore,
    /// The plugin was asked what happened, and cannot tell.
    CannotTell,
}

const ANSWERS: [Answer; 8] = [
    Answer::Done,
    Answer::Refused,
    Answer::Unavailable,
    Answer::LostAfter,
    Answer::LostBefore,
    Answer::CrashAfter,
    Answer::CrashBefore,
    Answer::CannotTell,
];

/// An action on an authority.
#[derive(Clone, Copy, Debug)]
enum Act {
    Create,
    Delete,
    Wake,
    DecideTruthfully,
}

/// The host's state of one authority, and the authorities that exist at the plugin.
struct Life {
    state: Option<State>,
    existing: BTreeSet<CaId>,
    made: u32,
    now: Timestamp,
    can: Capabilities,
    limits: Limits,
}

impl Life {
    fn new(idempotent: bool, reconciles: bool) -> Self {
        let can = Capabilities::MINIMAL.idempotent(idempotent).reconciles(reconciles);
        let limits = Limits::default().with_retries(Retries::default().with_attempts(4));
        let now = Timestamp::from_milliseconds(1000);
        Self { state: None, existing: BTreeSet::new(), made: 0, now, can, limits }
    }

    fn again(&self) -> Again {
        Again { now: self.now, retry_after: None, jitter: 0 }
    }

    fn create(&mut self) -> CaId {
        if self.can.idempotent
            && let Some(known) = self.existing.first()
        {
            return known.clone();
        }
        self.made += 1;
        let id = CaId::new(format!("sub-{}", self.made)).unwrap();
        self.existing.insert(id.clone());
        id
    }

    /// Carries a command out; `None` if the process ends during the call.
    fn carry_out(&mut self, command: Command, answer: Answer, is_awaited: bool) -> Option<Event> {
        let (now, again, can, message) = (self.now, self.again(), self.can, String::new());
        let unanswered = Event::Unanswered { again, can, message: message.clone() };
        let not_deleted = |is_final| Event::NotDeleted { again, is_final, message: String::new() };
        let has_effect =
            matches!(answer, Answer::Done | Answer::LostAfter | Answer::CrashAfter | Answer::CannotTell);
        if matches!(answer, Answer::CrashAfter | Answer::CrashBefore)
            && (command == Command::Reconcile || !has_effect)
        {
            return None;
        }
        Some(match command {
            Command::Create => {
                let made = has_effect.then(|| self.create());
                match (answer, made) {
                    (Answer::CrashAfter, _) => return None,
                    (Answer::Done | Answer::CannotTell, Some(ca)) => Event::Created { now, ca },
                    (Answer::Refused | Answer::Unavailable, _) => {
                        let gives_up = is_awaited || answer == Answer::Refused;
                        Event::NotCreated { again, gives_up, can, message }
                    }
                    _ => unanswered,
                }
            }
            Command::Reconcile => match (answer, self.existing.first()) {
                (Answer::CannotTell, _) => Event::CannotTell { now, message },
                (Answer::Done, Some(ca)) => Event::Created { now, ca: ca.clone() },
                (Answer::Done, None) => Event::NeverCreated { now },
                _ => unanswered,
            },
            Command::Delete => {
                let ca = self.state.as_ref().and_then(|state| state.ca.as_ref());
                let ca = ca.expect("only a known authority is deleted");
                let is_missing =
                    if has_effect { !self.existing.remove(ca) } else { !self.existing.contains(ca) };
                match answer {
                    Answer::CrashAfter => return None,
                    Answer::Done | Answer::CannotTell => Event::Deleted,
                    // Deleting a missing authority succeeds.
                    Answer::Refused if is_missing => Event::Deleted,
                    Answer::Refused => not_deleted(true),
                    _ => not_deleted(false),
                }
            }
        })
    }

    fn act(&mut self, act: Act, answers: &mut impl Iterator<Item = Answer>) {
        self.now = self.now.plus(std::time::Duration::from_secs(3600));
        let (now, can) = (self.now, self.can);
        let mut event = match act {
            Act::Create => Event::Create { now },
            Act::Delete => Event::Delete { now },
            Act::Wake => Event::Wake { now, can },
            Act::DecideTruthfully => {
                let decision = match self.existing.first() {
                    Some(ca) => Decision::Exists(ca.clone()),
                    None => Decision::NothingThere,
                };
                Event::Decide { now, decision }
            }
        };
        let mut standing = Standing::Free;
        for commands in 0.. {
            assert!(commands < 6, "no pair of state and event goes on for ever");
            let Ok(step) = step(&self.limits, self.state.as_ref(), standing, event) else { return };
            assert!(step.state.is_some() || step.command.is_none(), "a command without a stored record");
            self.state = step.state;
            let Some(command) = step.command else { return };
            let answer = answers.next().unwrap_or(Answer::Done);
            let Some(next) = self.carry_out(command, answer, matches!(act, Act::Create)) else { return };
            (event, standing) = (next, Standing::Ours);
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let Self { state, existing, .. } = self;
        prop_assert!(existing.len() <= 1, "doubled: {existing:?} {state:?}");
        let Some(state) = state else {
            prop_assert!(existing.is_empty(), "lost: {existing:?}");
            return Ok(());
        };
        let has_id = matches!(state.phase, Phase::Active | Phase::Deleting);
        prop_assert_eq!(state.ca.is_some(), has_id, "{:?}", state);
        match state.phase {
            Phase::Active => prop_assert!(existing.contains(state.ca.as_ref().unwrap())),
            Phase::Creating => prop_assert!(state.next.is_some(), "{state:?}"),
            Phase::Undecided => prop_assert_eq!(state.next, None),
            Phase::Deleting => {}
        }
        Ok(())
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let one = prop_oneof![Just(Act::Create), Just(Act::Delete), Just(Act::Wake), Just(Act::DecideTruthfully)];
    prop::collection::vec(one, 1..12)
}

proptest! {
    /// Tests that an existing authority always has a record, and that two authorities never exist at once. A record
    /// in the phase `Active` has the id of an existing authority. This holds whatever fails, whatever the plugin can
    /// do, and wherever the process ends.
    #[test]
    fn nothing_is_lost_or_doubled(
        acts in acts(), answers in prop::collection::vec(prop::sample::select(&ANSWERS[..]), 0..30),
        idempotent: bool, reconciles: bool,
    ) {
        let (mut life, mut answers) = (Life::new(idempotent, reconciles), answers.into_iter());
        for act in acts {
            life.act(act, &mut answers);
            life.check()?;
        }
    }

    /// Tests that every authority is active or gone in the end, if the plugin answers eventually, a person decides what
    /// is undecided, and a deletion that the host gave up is requested again.
    #[test]
    fn an_open_step_comes_to_an_end(
        acts in acts(), answers in prop::collection::vec(prop::sample::select(&ANSWERS[..]), 0..9),
        idempotent: bool, reconciles: bool,
    ) {
        let (mut life, mut answers) = (Life::new(idempotent, reconciles), answers.into_iter());
        for act in acts {
            life.act(act, &mut answers);
        }
        let mut done = std::iter::empty();
        life.act(Act::Wake, &mut done);
        if life.state.as_ref().is_some_and(|state| state.phase == Phase::Undecided) {
            life.act(Act::DecideTruthfully, &mut done);
        }
        let given_up = |state: &State| state.phase == Phase::Deleting && state.next.is_none();
        if life.state.as_ref().is_some_and(given_up) {
            life.act(Act::Delete, &mut done);
        }
        life.check()?;
        prop_assert!(life.state.as_ref().is_none_or(|state| state.phase == Phase::Active), "{:?}", life.state);
    }

    /// Tests that a worker that lost its claim can only report that an authority exists or is deleted. Its other
    /// answers change nothing.
    #[test]
    fn a_late_answer_says_only_what_exists(
        doubt in prop::sample::select(&[Doubt::None, Doubt::Asked, Doubt::Earlier][..]), phase in 0..4_usize,
        answer in 0..6_usize, others: bool,
    ) {
        let phase = [Phase::Creating, Phase::Active, Phase::Deleting, Phase::Undecided][phase];
        let (now, own) = (Timestamp::from_milliseconds(5), CaId::new("own").unwrap());
        let ca = matches!(phase, Phase::Active | Phase::Deleting).then(|| own.clone());
        let state = State { ca, doubt, ..State::new(phase, now) };
        let (again, can) = (Again { now, retry_after: None, jitter: 0 }, Capabilities::MINIMAL);
        let message = String::new();
        let event = match answer {
            0 => Event::NotCreated { again, gives_up: true, can, message },
            1 => Event::Unanswered { again, can, message },
            2 => Event::NeverCreated { now },
            3 => Event::CannotTell { now, message },
            4 => Event::NotDeleted { again, is_final: true, message },
            _ => Event::Created { now, ca: own.clone() },
        };
        let standing = if others { Standing::Others } else { Standing::Free };
        let is_created = matches!(event, Event::Created { .. });
        let after = follow::<SubordinateWorkflow>(
            &Limits::default(), Some(state.clone()), standing, event, |_| false, |_, _| Event::Deleted,
        );
        if is_created && matches!(phase, Phase::Creating | Phase::Undecided) {
            prop_assert_eq!(after.map(|state| (state.phase, state.ca)), Some((Phase::Active, Some(own))));
        } else {
            prop_assert_eq!(after, Some(state));
        }
    }
}

#[test]
fn an_answer_that_finds_no_record_makes_it_again() {
    let (now, ca) = (Timestamp::from_milliseconds(5), CaId::new("sub").unwrap());
    let event = Event::Created { now, ca: ca.clone() };
    let step = step(&Limits::default(), None, Standing::Ours, event).ok().unwrap();
    assert_eq!(step.state.map(|state| (state.phase, state.ca)), Some((Phase::Active, Some(ca))));
}
