//! Tests the course of changes with a target that fails, and a process that dies at any point.

use keyway_core::Timestamp;
use keyway_credentials::{CredentialKind, LeaseId, Password, Rotation, SessionId, TargetCredential};
use proptest::prelude::*;

use super::*;
use crate::account::StoredLease;
use crate::machine::begin;

/// A failure at one question to the target, or the death of the process before or after that question.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// The target cannot be reached.
    Unreachable,
    /// The answer is lost. The flag tells whether the target acted.
    Lost(bool),
    /// The target refuses a change by its rules.
    RefusedByRule,
    /// The changer cannot change such a credential.
    NotOffered,
    /// The process dies. The flag tells whether the target acted before that.
    Dies(bool),
    /// The process dies after the answer, before the result is stored.
    DiesAfter,
    /// Someone changes the credential at the target by hand.
    ByHand,
}

/// A target, and the account in the store.
struct World {
    accepts: String,
    stored: Box<StoredAccount>,
    made: u32,
}

enum Ended {
    Confirmed,
    Abandoned,
    Diverged,
    /// The attempt failed, or the process died.
    Again,
}

fn password(text: &str) -> TargetCredential {
    TargetCredential::Password(Password::new(text))
}

pub(super) fn lease() -> LeaseId {
    LeaseId::new("lease").unwrap()
}

/// Makes an account whose password is checked out under the [`lease`].
pub(super) fn leased(password: &str) -> Box<StoredAccount> {
    let lease = StoredLease {
        id: lease(),
        session: SessionId::new("session").unwrap(),
        kind: CredentialKind::Passwords,
        since: Timestamp::default(),
        until: Timestamp::default(),
        certificates: 0,
        renewal: None,
    };
    Box::new(StoredAccount { leases: vec![lease], ..StoredAccount::new().with_password(password) })
}

impl World {
    fn new() -> Self {
        Self { accepts: "p0".to_owned(), stored: leased("p0"), made: 0 }
    }

    fn secret(&self, question: Question) -> String {
        let new = self.stored.change.as_ref().map(|change| match &change.new {
            TargetCredential::Password(password) => password.expose().to_owned(),
            other => panic!("{other:?}"),
        });
        match question {
            Question::Old => self.stored.password.as_ref().unwrap().expose().to_owned(),
            Question::New | Question::Change => new.expect("a change is stored before the target is asked"),
        }
    }

    /// Makes one attempt, as the store does.
    fn attempt(&mut self, faults: &mut impl Iterator<Item = Fault>) -> Ended {
        let (mut course, mut question) = if self.stored.change.is_some() {
            Course::resumed()
        } else {
            self.made += 1;
            self.stored = begin(&self.stored, &lease(), password(&format!("p{}", self.made)));
            Course::fresh()
        };
        loop {
            let secret = self.secret(question);
            let fault = faults.next().unwrap_or(Fault::None);
            let changing = question == Question::Change;
            let acts = changing
                && !matches!(
                    fault,
                    Fault::Unreachable
                        | Fault::RefusedByRule
                        | Fault::NotOffered
                        | Fault::Lost(false)
                        | Fault::Dies(false)
                );
            if matches!(fault, Fault::ByHand) {
                "by hand".clone_into(&mut self.accepts);
            } else if acts {
                self.accepts.clone_from(&secret);
            }
            let answer = match fault {
                Fault::Dies(_) | Fault::DiesAfter => return Ended::Again,
                Fault::RefusedByRule if changing => Answer::NotTaken,
                Fault::NotOffered if changing => Answer::NotOffered,
                Fault::Unreachable => Answer::NotAsked,
                Fault::Lost(_) if !changing => Answer::NotAsked,
                _ if changing => Answer::MayHaveChanged,
                _ if self.accepts == secret => Answer::Opens,
                _ => Answer::Refused,
            };
            match course.after(answer) {
                Next::Ask(next) => question = next,
                Next::Leave => return Ended::Again,
                Next::GiveUp => {
                    self.stored = give_up(&self.stored);
                    return Ended::Again;
                }
                Next::Abandon => {
                    self.stored = abandon(&self.stored);
                    return Ended::Abandoned;
                }
                Next::Confirm => {
                    self.stored = confirm(&self.stored);
                    return Ended::Confirmed;
                }
                Next::Diverge => {
                    self.stored = diverge(&self.stored);
                    return Ended::Diverged;
                }
            }
        }
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        1 => Just(Fault::Unreachable),
        2 => any::<bool>().prop_map(Fault::Lost),
        1 => Just(Fault::RefusedByRule),
        1 => Just(Fault::NotOffered),
        3 => any::<bool>().prop_map(Fault::Dies),
        2 => Just(Fault::DiesAfter),
    ]
}

proptest! {
    #[test]
    fn nothing_locks_the_owner_out(faults in prop::collection::vec(fault(), 0..24)) {
        let mut world = World::new();
        let mut faults = faults.into_iter();
        for _ in 0..64 {
            let ended = world.attempt(&mut faults);
            // After a crash at any point, the store has the credential that the target accepts.
            let known = [Question::Old, Question::New];
            let known = known.iter().filter(|question| **question == Question::Old || world.stored.change.is_some());
            prop_assert!(known.clone().any(|question| world.secret(*question) == world.accepts));
            match ended {
                Ended::Again => {
                    prop_assert!(world.stored.lease(&lease()).is_some(), "the lease stays until the change has ended");
                }
                Ended::Diverged => prop_assert!(false, "no one changed the target by hand"),
                Ended::Abandoned => {
                    prop_assert_eq!(world.stored.password.as_ref().unwrap().expose(), &world.accepts);
                    prop_assert!(world.stored.change.is_none() && world.stored.leases.is_empty());
                    prop_assert_eq!(world.stored.returned.as_ref().unwrap().rotation, Rotation::NotRotated);
                    return Ok(());
                }
                Ended::Confirmed => {
                    prop_assert_eq!(world.stored.password.as_ref().unwrap().expose(), &world.accepts);
                    prop_assert!(world.accepts != "p0" && world.stored.change.is_none());
                    prop_assert_eq!(world.stored.returned.as_ref().unwrap().rotation, Rotation::Rotated);
                    prop_assert!(world.stored.leases.is_empty());
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "it does not end");
    }

    #[test]
    fn a_target_that_takes_neither_is_reported(
        before in prop::collection::vec(fault(), 0..6),
        after in prop::collection::vec(fault(), 0..6),
    ) {
        let mut world = World::new();
        let mut faults = before.into_iter().chain([Fault::ByHand]).chain(after);
        for _ in 0..64 {
            match world.attempt(&mut faults) {
                Ended::Again => {}
                Ended::Confirmed | Ended::Abandoned => {
                    prop_assert_eq!(world.stored.password.as_ref().unwrap().expose(), &world.accepts);
                    return Ok(());
                }
                Ended::Diverged => {
                    prop_assert_eq!(&world.accepts, "by hand");
                    prop_assert!(world.stored.has_diverged() && world.stored.leases.is_empty());
                    prop_assert!(world.stored.unconfirmed().is_some());
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "it does not end");
    }
}

#[test]
fn only_a_refusal_without_an_effect_gives_the_new_credential_up() {
    let unavailable = ErrorKind::Unavailable { retry_after: None };
    for (failure, answer) in [
        (None, Answer::MayHaveChanged),
        (Some((Effect::Unknown, ErrorKind::Denied)), Answer::MayHaveChanged),
        (Some((Effect::Unknown, unavailable)), Answer::MayHaveChanged),
        (Some((Effect::None, ErrorKind::Denied)), Answer::NotTaken),
        (Some((Effect::None, ErrorKind::Unsupported)), Answer::NotOffered),
        (Some((Effect::Unknown, ErrorKind::Unsupported)), Answer::MayHaveChanged),
        (Some((Effect::None, unavailable)), Answer::NotAsked),
        (Some((Effect::None, ErrorKind::Internal)), Answer::NotAsked),
    ] {
        assert_eq!(Answer::of_change(failure), answer, "{failure:?}");
    }
}
