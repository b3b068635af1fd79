//! Decides about the change of a credential at its target. It does no I/O.
//!
//! ```text
//! stored ──► change ──► log in with the new one ──────────────► confirmed
//!    │          ▲ not asked yet   ▲       │ refused
//!    │          │                 │       ▼
//!    │       log in with the old one ◄────┘
//!    │          │      │ opens, though the change was asked for: later again, with another credential
//!    │          │      │ if the target refused this one; never, if the changer offers no such change
//!    │          │      └─────────────────────────────────────► (as it is, given up, or abandoned)
//!    └──────────│─────────────────┘
//!  found after  │ refused
//!  a crash      └─► log in with the new one again, refused ───► diverged
//! ```
//!
//! A change is stored before the target is asked for it. Only a login proves which credential the target accepts. If
//! one host pauses, a second host may continue the same change; each step is right for both.

use keyway_core::{Effect, ErrorKind};
use keyway_credentials::{Rotation, TargetCredential};

use crate::account::StoredAccount;
use crate::machine::take_back;

/// The questions to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Accept the new credential instead of the old one.
    Change,
    /// Does the new credential open you?
    New,
    /// Does the old credential open you?
    Old,
}

/// The answers of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The target reports that it changed the credential, or it is unknown whether it did.
    MayHaveChanged,
    /// The changer refuses the new credential. The target accepts the same credential as before.
    NotTaken,
    /// The changer cannot change such a credential. The target accepts the same credential as before.
    NotOffered,
    /// The credential opens the target.
    Opens,
    /// The credential does not open the target.
    Refused,
    /// The target could not be asked, and accepts the same credential as before.
    NotAsked,
}

impl Answer {
    /// Returns the answer for the result of a change, from the effect and the kind of its failure. The answer is
    /// [`NotTaken`](Self::NotTaken) only if the failure is a refusal without an effect.
    pub(crate) const fn of_change(failure: Option<(Effect, ErrorKind)>) -> Self {
        match failure {
            None | Some((Effect::Unknown, _)) => Self::MayHaveChanged,
            Some((Effect::None, ErrorKind::Denied)) => Self::NotTaken,
            Some((Effect::None, ErrorKind::Unsupported)) => Self::NotOffered,
            Some((Effect::None, _)) => Self::NotAsked,
        }
    }
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask the target.
    Ask(Question),
    /// The target accepts the new credential: store that.
    Confirm,
    /// The target takes neither credential: store that.
    Diverge,
    /// The target does not accept the new credential: store that it is given up, and try with another credential later.
    GiveUp,
    /// No changer can change the credential: store that the lease ends without a change.
    Abandon,
    /// Leave everything stored as it is, and try again later.
    Leave,
}

/// The course of one attempt to change a credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    question: Question,
    asked_for_change: bool,
    /// The answer of a changer that refused the new credential, or that offers no such change. If the target still
    /// accepts the old credential, this is the reason why nothing changed.
    refusal: Option<Answer>,
    /// Whether the target refused the old credential. Another host may have changed the target after it refused the new
    /// credential. So only a later refusal of the new credential shows that the target accepts neither.
    old_is_refused: bool,
}

impl Course {
    /// Begins with a change that was stored just now.
    pub(crate) const fn fresh() -> (Self, Question) {
        (Self::at(Question::Change), Question::Change)
    }

    /// Continues a change that an earlier attempt did not finish. That attempt may have asked the target already.
    pub(crate) const fn resumed() -> (Self, Question) {
        (Self::at(Question::New), Question::New)
    }

    const fn at(question: Question) -> Self {
        let asked_for_change = matches!(question, Question::Change);
        Self { question, asked_for_change, refusal: None, old_is_refused: false }
    }

    /// Decides on the next step after an answer.
    pub(crate) fn after(&mut self, answer: Answer) -> Next {
        let next = match (self.question, answer) {
            (_, Answer::NotAsked) => Next::Leave,
            (_, Answer::MayHaveChanged) | (Question::Old, Answer::Refused) => Next::Ask(Question::New),
            (Question::New | Question::Change, Answer::Opens) => Next::Confirm,
            (Question::New | Question::Change, Answer::Refused) if self.old_is_refused => Next::Diverge,
            // A changer may refuse because of the new credential, or because the target does not accept the old one.
            // Only a login with the old one shows which is the case.
            (_, Answer::NotTaken | Answer::NotOffered)
            | (Question::New | Question::Change, Answer::Refused) => Next::Ask(Question::Old),
            (Question::Old, Answer::Opens) if self.refusal == Some(Answer::NotTaken) => Next::GiveUp,
            (Question::Old, Answer::Opens) if self.refusal.is_some() => Next::Abandon,
            (Question::Old, Answer::Opens) if self.asked_for_change => Next::Leave,
            (Question::Old, Answer::Opens) => Next::Ask(Question::Change),
        };
        if matches!(answer, Answer::NotTaken | Answer::NotOffered) {
            self.refusal = Some(answer);
        }
        self.old_is_refused |= (self.question, answer) == (Question::Old, Answer::Refused);
        if let Next::Ask(question) = next {
            self.question = question;
            self.asked_for_change |= question == Question::Change;
        }
        next
    }
}

/// Returns the account to store when the target accepts the new credential. The lease that needed the change ends.
pub(crate) fn confirm(account: &StoredAccount) -> Box<StoredAccount> {
    let Some(change) = account.change.clone() else { return Box::new(account.clone()) };
    let mut next = take_back(account, &change.lease, Rotation::Rotated);
    match change.new {
        TargetCredential::PrivateKey(key) => next.key = Some(key),
        TargetCredential::Password(password) => next.password = Some(password.expose().into()),
        other => unreachable!("no change is to {other:?}"),
    }
    next.change = None;
    next
}

/// Returns the account to store when the target accepts neither credential. The lease ends, and no session gets
/// another lease.
pub(crate) fn diverge(account: &StoredAccount) -> Box<StoredAccount> {
    let Some(mut change) = account.change.clone() else { return Box::new(account.clone()) };
    let mut next = take_back(account, &change.lease, Rotation::Diverged);
    change.has_diverged = true;
    next.change = Some(change);
    next
}

/// Returns the account to store when the new credential is given up. The lease stays, and still needs a change.
pub(crate) fn give_up(account: &StoredAccount) -> Box<StoredAccount> {
    Box::new(StoredAccount { change: None, ..account.clone() })
}

/// Returns the account to store when no changer can change the credential. The lease ends without a change.
pub(crate) fn abandon(account: &StoredAccount) -> Box<StoredAccount> {
    match &account.change {
        Some(change) => take_back(&give_up(account), &change.lease, Rotation::NotRotated),
        None => Box::new(account.clone()),
    }
}

#[cfg(test)]
#[path = "rotation_properties.rs"]
mod properties;

#[cfg(test)]
#[path = "rotation_races.rs"]
mod races;
