//! A target in memory, for tests of stores that rotate credentials.

use std::collections::VecDeque;
use std::io;
use std::mem::discriminant;
use std::sync::{Arc, Mutex, MutexGuard};

use keyway_credentials::{
    Candidate, Changer, CredentialChange, CredentialError, Probed, Prober, TargetCredential, async_trait,
};

use crate::lock::locked;

/// A target in memory that accepts one credential of each kind for an account, and fails as a script says. It
/// implements [`Changer`] and [`Prober`]. Clones are handles to the same target.
///
/// ```
/// use keyway_conformance::credentials::ScriptedTarget;
/// use keyway_credentials::{
///     Account, Asset, Candidate, Changer as _, CredentialChange, IntentId, Password, Probed, Prober as _,
///     TargetCredential,
/// };
///
/// # pollster::block_on(async {
/// let target = ScriptedTarget::new();
/// let root = Candidate::new(Account::new("root")?, Asset::new("web1")?);
/// let password = |text: &str| TargetCredential::Password(Password::new(text));
/// target.accept(&root, password("old"));
///
/// let intent = IntentId::new("change-1").unwrap();
/// let change = CredentialChange::new(intent, root.clone(), password("old"), password("new"));
/// target.change(&change).await.unwrap();
/// assert_eq!(target.probe(&root, &password("old")).await.unwrap(), Probed::Refused);
/// assert_eq!(target.probe(&root, &password("new")).await.unwrap(), Probed::Opens);
/// # Ok::<(), keyway_credentials::InvalidText>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct ScriptedTarget(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    accepted: Vec<(Candidate, TargetCredential)>,
    faults: VecDeque<TargetFault>,
    logins: usize,
    changes: usize,
}

/// The way in which a target answers one call, or fails it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetFault {
    /// The target answers correctly.
    None,
    /// The target cannot be reached, so nothing happens.
    Unreachable,
    /// The target does what it was asked to do, but the answer is lost.
    AnswerLost,
    /// The request is lost, so the target does nothing. The caller gets the same error as for `AnswerLost`.
    QuestionLost,
    /// The target's rules refuse a change, so nothing happens. Logins work as usual.
    Refuses,
    /// The changer cannot change such a credential, so nothing happens. Logins work as usual.
    NotOffered,
}

impl ScriptedTarget {
    /// Creates a target that accepts nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the target accept a credential for the account of `candidate`, in place of the account's accepted
    /// credential of the same kind.
    pub fn accept(&self, candidate: &Candidate, credential: TargetCredential) {
        self.state().set(candidate, credential);
    }

    /// Tells whether the target accepts a credential.
    pub fn accepts(&self, candidate: &Candidate, credential: &TargetCredential) -> bool {
        self.state().accepts(candidate, credential)
    }

    /// Sets how the next calls end, one fault for each call in order. Calls after these do not fail.
    pub fn script(&self, faults: impl IntoIterator<Item = TargetFault>) {
        self.state().faults = faults.into_iter().collect();
    }

    /// Returns the number of changes and the number of logins that the target was asked for.
    pub fn asked(&self) -> (usize, usize) {
        let state = self.state();
        (state.changes, state.logins)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }
}

impl State {
    fn set(&mut self, candidate: &Candidate, credential: TargetCredential) {
        let kind = discriminant(&credential);
        self.accepted.retain(|(of, known)| of != candidate || discriminant(known) != kind);
        self.accepted.push((candidate.clone(), credential));
    }

    fn accepts(&self, candidate: &Candidate, credential: &TargetCredential) -> bool {
        self.accepted.iter().any(|(of, known)| of == candidate && known == credential)
    }

    fn next_fault(&mut self) -> TargetFault {
        self.faults.pop_front().unwrap_or(TargetFault::None)
    }
}

const UNREACHABLE: CredentialError =
    CredentialError::Unavailable { what: "the scripted target", retry_after: None, source: None };

fn lost() -> CredentialError {
    CredentialError::system("hear the answer of the scripted target", io::Error::other("it is lost"))
}

#[async_trait]
impl Changer for ScriptedTarget {
    async fn change(&self, change: &CredentialChange) -> Result<(), CredentialError> {
        let mut state = self.state();
        state.changes += 1;
        let fault = state.next_fault();
        if matches!(fault, TargetFault::None | TargetFault::AnswerLost) {
            state.set(&change.candidate, change.new.clone());
        }
        match fault {
            TargetFault::None => Ok(()),
            TargetFault::Unreachable => Err(UNREACHABLE),
            TargetFault::AnswerLost | TargetFault::QuestionLost => Err(lost()),
            TargetFault::Refuses => Err(CredentialError::refused(
                "The target refuses this credential.",
                "the scripted target refuses the new credential",
            )),
            TargetFault::NotOffered => Err(CredentialError::Unsupported { what: "such a change" }),
        }
    }
}

#[async_trait]
impl Prober for ScriptedTarget {
    async fn probe(
        &self,
        candidate: &Candidate,
        credential: &TargetCredential,
    ) -> Result<Probed, CredentialError> {
        let mut state = self.state();
        state.logins += 1;
        match state.next_fault() {
            TargetFault::None | TargetFault::Refuses | TargetFault::NotOffered => {
                let opens = state.accepts(candidate, credential);
                Ok(if opens { Probed::Opens } else { Probed::Refused })
            }
            TargetFault::Unreachable => Err(UNREACHABLE),
            TargetFault::AnswerLost | TargetFault::QuestionLost => Err(lost()),
        }
    }
}
