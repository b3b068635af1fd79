//! Takes leases back, and changes their credentials if necessary.

use keyway_core::{Effect, IntentId, PluginError as _};
use keyway_credentials::{
    Candidate, CredentialChange, CredentialError, LeaseId, Probed, Rotation, TargetCredential,
};
use tracing::warn;

use crate::accounts::Loaded;
use crate::machine::{CheckIn, begin, check_in, take_back};
use crate::rotation::{Answer, Course, Next, Question, abandon, confirm, diverge, give_up};
use crate::store::{ATTEMPTS, VaultedStore};

impl VaultedStore {
    /// Takes a lease back, and returns what became of the credential (see [`Rotation`]). The call can be repeated after
    /// any failure.
    pub(crate) async fn take_back(
        &self,
        candidate: &Candidate,
        lease: &LeaseId,
    ) -> Result<Rotation, CredentialError> {
        for _ in 0..ATTEMPTS {
            let Some(Loaded { account, header }) = self.accounts.load(candidate).await? else {
                return Ok(Rotation::NotRotated);
            };
            match check_in(&account, lease, self.settings.terms) {
                CheckIn::Gone(rotation) => return Ok(rotation),
                CheckIn::Store(next, rotation) => {
                    if self.accounts.store(&header, &next).await?.is_some() {
                        return Ok(rotation);
                    }
                }
                CheckIn::Revoke => {
                    self.revoke_certificates(candidate, &account, lease).await?;
                    let next = take_back(&account, lease, Rotation::NotRotated);
                    if self.accounts.store(&header, &next).await?.is_some() {
                        return Ok(Rotation::NotRotated);
                    }
                }
                CheckIn::Begin(kind) => {
                    let (Some(rules), Some(old)) = (&self.settings.rotation, account.credential(kind)) else {
                        return Err(CredentialError::Unsupported { what: "rotation" });
                    };
                    if !self.can_change(&old) {
                        warn!(account = %candidate.account, asset = %candidate.asset, ?kind, "the changer or the prober does not take such a credential, so it is taken back unchanged");
                        let next = take_back(&account, lease, Rotation::NotRotated);
                        if self.accounts.store(&header, &next).await?.is_some() {
                            return Ok(Rotation::NotRotated);
                        }
                        continue;
                    }
                    let next = begin(&account, lease, rules.replacing(&old)?);
                    if let Some(header) = self.accounts.store(&header, &next).await? {
                        self.change(candidate, Loaded { account: *next, header }, Course::fresh()).await?;
                    }
                }
                // The change may belong to another lease of the account. So the loop checks the given lease again after
                // the change.
                CheckIn::Resume => {
                    self.change(candidate, Loaded { account, header }, Course::resumed()).await?;
                }
            }
        }
        Err(contended())
    }

    /// Tells whether the changer can change a credential, and the prober can check the new one.
    fn can_change(&self, old: &TargetCredential) -> bool {
        self.changer.as_ref().is_none_or(|changer| changer.takes(old))
            && self.prober.as_ref().is_none_or(|prober| prober.takes(old))
    }

    /// Carries out a change that is stored, until it is confirmed, given up, or has diverged.
    async fn change(
        &self,
        candidate: &Candidate,
        loaded: Loaded,
        (mut course, mut question): (Course, Question),
    ) -> Result<(), CredentialError> {
        let Loaded { account, header } = loaded;
        let Some(order) = order(candidate, &account) else { return Ok(()) };
        let mut of_change = None;
        loop {
            let (answer, failed) = self.ask(&order, question).await;
            let next = match course.after(answer) {
                Next::Ask(next) => {
                    question = next;
                    of_change = failed.or(of_change);
                    continue;
                }
                Next::Leave => return Err(failed.unwrap_or_else(|| target_does_not_take(of_change))),
                Next::GiveUp => {
                    self.accounts.store(&header, &give_up(&account)).await?;
                    return Err(of_change.unwrap_or_else(|| target_does_not_take(None)));
                }
                Next::Abandon => {
                    warn!(account = %candidate.account, asset = %candidate.asset, "the changer does not take such a credential, so it is taken back unchanged");
                    abandon(&account)
                }
                Next::Confirm => confirm(&account),
                Next::Diverge => {
                    warn!(account = %candidate.account, asset = %candidate.asset, "the target takes neither the old credential nor the new one: give it one by hand, and store the account anew");
                    diverge(&account)
                }
            };
            // If another call was faster, nothing is stored, and the caller loads the account again.
            self.accounts.store(&header, &next).await?;
            return Ok(());
        }
    }

    /// Asks the target one question. Returns its answer, and a failure if the changer or the prober is missing or has
    /// failed.
    async fn ask(&self, order: &CredentialChange, question: Question) -> (Answer, Option<CredentialError>) {
        let (Some(changer), Some(prober)) = (&self.changer, &self.prober) else {
            return (Answer::NotAsked, Some(CredentialError::Unsupported { what: "rotation" }));
        };
        let credential = match question {
            Question::Change => {
                let failed = changer.change(order).await.err();
                let failure = failed.as_ref().map(|error| (error.effect(), error.kind()));
                if let Some(error) = failed.as_ref().filter(|error| error.effect() == Effect::Unknown) {
                    warn!(error = error.detail(), "whether the target changed a credential is not known");
                }
                return (Answer::of_change(failure), failed);
            }
            Question::New => &order.new,
            Question::Old => &order.old,
        };
        match prober.probe(&order.candidate, credential).await {
            Ok(Probed::Opens) => (Answer::Opens, None),
            Ok(Probed::Refused) => (Answer::Refused, None),
            Err(error) => (Answer::NotAsked, Some(error)),
        }
    }
}

/// Returns the order to the target for the stored change.
fn order(candidate: &Candidate, account: &crate::StoredAccount) -> Option<CredentialChange> {
    let change = account.change.as_ref()?;
    let lease = account.lease(&change.lease)?;
    let old: TargetCredential = account.credential(lease.kind)?;
    let intent = IntentId::new(change.lease.as_str())?;
    Some(CredentialChange::new(intent, candidate.clone(), old, change.new.clone()))
}

/// Makes the error for a login that shows that nothing has changed. Keeps the failure of the change as the cause.
fn target_does_not_take(of_change: Option<CredentialError>) -> CredentialError {
    CredentialError::Unavailable {
        what: "the target, which was told of a new credential and still takes the old one,",
        retry_after: None,
        source: of_change.map(Into::into),
    }
}

/// Makes the error for an account that other calls changed at each attempt.
pub(crate) fn contended() -> CredentialError {
    CredentialError::Unavailable { what: "an account that others change", retry_after: None, source: None }
}
