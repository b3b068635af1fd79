//! Tests two hosts that work on the same change, because the first one paused.

use keyway_credentials::{CredentialKind, Password, TargetCredential};
use proptest::prelude::*;

use super::properties::{lease, leased};
use super::*;
use crate::machine::begin;

/// A secret with its version, and a target. Passwords are numbers. If `is_picky` is set, the target refuses odd
/// numbers.
struct World {
    accepts: u32,
    stored: Box<StoredAccount>,
    version: u32,
    made: u32,
    is_picky: bool,
}

/// An attempt of one host.
struct Attempt {
    course: Course,
    question: Question,
    account: Box<StoredAccount>,
    version: u32,
}

fn password(number: u32) -> TargetCredential {
    TargetCredential::Password(Password::new(number.to_string()))
}

fn number(credential: &TargetCredential) -> u32 {
    match credential {
        TargetCredential::Password(password) => password.expose().parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

impl World {
    fn new(is_picky: bool) -> Self {
        Self { accepts: 0, stored: leased("0"), version: 0, made: 0, is_picky }
    }

    /// Stores an account, unless another host was faster.
    fn store(&mut self, version: u32, account: Box<StoredAccount>) -> bool {
        let is_first = version == self.version;
        if is_first {
            (self.stored, self.version) = (account, version + 1);
        }
        is_first
    }

    /// Loads the account and begins an attempt; `None` if nothing is left to do.
    fn begin(&mut self) -> Option<Attempt> {
        self.stored.lease(&lease())?;
        let (course, question) = if self.stored.change.is_some() {
            Course::resumed()
        } else {
            self.made += 1;
            let next = begin(&self.stored, &lease(), password(self.made));
            assert!(self.store(self.version, next));
            Course::fresh()
        };
        Some(Attempt { course, question, account: self.stored.clone(), version: self.version })
    }

    /// Asks one question of an attempt, and returns the attempt if it goes on.
    fn ask(&mut self, mut attempt: Attempt, reaches: bool) -> Option<Attempt> {
        let old = attempt.account.credential(CredentialKind::Passwords).unwrap();
        let new = number(&attempt.account.change.as_ref().unwrap().new);
        let answer = match attempt.question {
            _ if !reaches => Answer::NotAsked,
            Question::Change if self.is_picky && new % 2 == 1 => Answer::NotTaken,
            Question::Change => {
                self.accepts = new;
                Answer::MayHaveChanged
            }
            Question::New if self.accepts == new => Answer::Opens,
            Question::Old if self.accepts == number(&old) => Answer::Opens,
            Question::New | Question::Old => Answer::Refused,
        };
        let next = match attempt.course.after(answer) {
            Next::Ask(question) => {
                attempt.question = question;
                return Some(attempt);
            }
            Next::Leave => return None,
            Next::GiveUp => give_up(&attempt.account),
            Next::Abandon => abandon(&attempt.account),
            Next::Confirm => confirm(&attempt.account),
            Next::Diverge => diverge(&attempt.account),
        };
        self.store(attempt.version, next);
        None
    }

    /// Tells whether the secret has the credential that the target accepts.
    fn knows(&self) -> bool {
        let current = self.stored.credential(CredentialKind::Passwords);
        let known = current.iter().chain(self.stored.change.iter().map(|change| &change.new));
        known.map(number).any(|known| known == self.accepts)
    }
}

proptest! {
    #[test]
    fn two_hosts_lock_nobody_out(
        turns in prop::collection::vec((0..2_usize, prop::bool::weighted(0.7)), 0..40),
        is_picky in any::<bool>(),
    ) {
        let mut world = World::new(is_picky);
        let mut attempts = [None, None];
        for (host, reaches) in turns.into_iter().chain((0..60).map(|turn| (turn % 2, true))) {
            attempts[host] = match attempts[host].take() {
                Some(attempt) => world.ask(attempt, reaches),
                None => world.begin(),
            };
            prop_assert!(world.knows(), "the target accepts {}, and the secret is {:?}", world.accepts, world.stored);
            prop_assert!(!world.stored.has_diverged());
        }
        prop_assert!(world.stored.lease(&lease()).is_none(), "it does not end");
        prop_assert!(world.accepts != 0, "the password was changed");
    }
}
