//! A vault whose answers come from the bytes of an input.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyway_core::{Clock, Timestamp};
use keyway_credentials::{
    Account, Busy, CandidateQuestion, CandidateStream, Candidates, Capabilities, CheckIn, CheckedIn,
    CredentialError, CredentialStore, Denial, Fetch, FetchOutcome, Found, IntendedCall, Lease, LeaseId,
    LeaseRenewal, NeedInfo, Password, Passwords, PrivateKey, PrivateKeys, Reconciled, Reconciliation,
    Rotation, SessionContext, SessionEvent, TotpCode, TotpCodes, async_trait,
};

use super::answer::{Answer, Ending};
use super::clock::WarpedClock;
use super::ledger::Ledger;
use super::silence::{KEY, SECRET};

/// A vault whose answers are the bytes of an input. Without a byte left, its calls succeed.
#[derive(Debug)]
pub(super) struct InputVault {
    capabilities: Capabilities,
    clock: Arc<WarpedClock>,
    answers: Mutex<VecDeque<u8>>,
    ledger: Mutex<Ledger>,
}

impl InputVault {
    pub(super) fn new(capabilities: Capabilities, clock: &Arc<WarpedClock>) -> Self {
        let clock = Arc::clone(clock);
        Self { capabilities, clock, answers: Mutex::default(), ledger: Mutex::default() }
    }

    /// Adds the answer of a later call.
    pub(super) fn will_answer(&self, answer: u8) {
        self.answers().push_back(answer);
    }

    /// Lets all later calls succeed.
    pub(super) fn works(&self) {
        self.answers().clear();
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the answer of a call, and puts a secret into both cookies.
    fn next(&self, session: &SessionContext) -> Result<Answer, CredentialError> {
        let answer = Answer(self.answers().pop_front().unwrap_or_default());
        session.cookie.set("token", format!("{SECRET}-{}", answer.0))?;
        session.session_cookie.set("seen", SECRET)?;
        Ok(answer)
    }

    /// Returns the terms of a lease. The details of an answer choose them.
    fn terms(&self, details: u8) -> impl FnOnce(LeaseId) -> Lease {
        let minutes = [None, Some(1), Some(10), Some(60)][usize::from(details / 4)];
        let ends = minutes.map(|minutes: u64| self.clock.now().plus(Duration::from_secs(minutes * 60)));
        move |id| {
            let lease = Lease::new(id).renewable(details & 1 != 0).exclusive(details & 2 != 0);
            ends.map_or(lease.clone(), |ends| lease.expires_at(ends))
        }
    }

    async fn fetch<C>(&self, fetch: &Fetch, credentials: C) -> Result<FetchOutcome<C>, CredentialError> {
        let answer = self.next(&fetch.session)?;
        let (ending, found) = (answer.ending(), Found::new(credentials));
        if !self.capabilities.leases {
            ending.carry_out().await?;
            let broken = || Lease::new(LeaseId::new("undeclared").expect("a valid id"));
            return Ok(match ending {
                Ending::Violation => found.with_lease(broken()).into(),
                Ending::Answer(other @ 1..) => nothing(other, answer.details()),
                _ => found.into(),
            });
        }
        let lease = {
            let mut ledger = self.ledger();
            let made = fetch.intent.as_ref().and_then(|intent| ledger.made(intent)).cloned();
            ledger.demand(fetch.intent.is_some(), || "a fetch has no intent".into());
            ledger.demand(made.is_none() || self.capabilities.idempotent, || {
                format!("the intent of {made:?} is used again")
            });
            // An intent that has already made a lease gets this lease again, unless the call fails.
            let gives = match ending {
                Ending::Answer(other) => other == 0 || made.is_some(),
                _ => ending.has_effect(),
            };
            if gives { Some(ledger.give(fetch, self.terms(answer.details()))) } else { made }
        };
        ending.carry_out().await?;
        Ok(match (ending, lease) {
            (Ending::Answer(other), None) => nothing(other, answer.details()),
            (Ending::Answer(_) | Ending::Slow(_), Some(lease)) => found.with_lease(lease).into(),
            _ => found.into(),
        })
    }

    /// Answers a call that makes no lease.
    async fn simple(&self, session: &SessionContext) -> Result<(), CredentialError> {
        self.next(session)?.ending().carry_out().await
    }
}

/// Answers that there are no credentials.
fn nothing<C>(answer: u8, details: u8) -> FetchOutcome<C> {
    let wait = Duration::from_secs(u64::from(details));
    match answer {
        1 => FetchOutcome::Busy(Busy::new()),
        2 => FetchOutcome::Denied(Denial::new("no")),
        3 if details == 0 => FetchOutcome::NeedInfo(NeedInfo::new("more")),
        3 => FetchOutcome::Unavailable { retry_after: Some(wait) },
        _ => FetchOutcome::NotFound,
    }
}

#[async_trait]
impl CredentialStore for InputVault {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        self.fetch(fetch, Passwords::new(Password::new(SECRET))).await
    }

    async fn private_keys(&self, fetch: &Fetch) -> Result<FetchOutcome<PrivateKeys>, CredentialError> {
        self.fetch(fetch, PrivateKeys::new(PrivateKey::new(KEY, None)?)).await
    }

    async fn totp_codes(&self, fetch: &Fetch) -> Result<FetchOutcome<TotpCodes>, CredentialError> {
        self.fetch(fetch, TotpCodes::new(TotpCode::new(SECRET, Timestamp::default()))).await
    }

    async fn accounts(&self, question: &CandidateQuestion) -> Result<Candidates<Account>, CredentialError> {
        let ending = self.next(&question.session)?.ending();
        if let Ending::Answer(1..) = ending {
            return Ok(Candidates::new(BrokenList(1)));
        }
        ending.carry_out().await?;
        Ok(Candidates::new(["root", "ada"].into_iter().map(|name| Account::new(name).expect("a name"))))
    }

    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        let (ending, lease) = (self.next(&check_in.session)?.ending(), &check_in.lease.id);
        self.ledger().asked_back(check_in);
        if ending.has_effect() {
            self.ledger().take_back(lease);
        }
        ending.carry_out().await?;
        match ending {
            Ending::Answer(1..) => Err(CredentialError::UnknownLease { lease: lease.clone() }),
            Ending::Violation => Err(CredentialError::Unsupported { what: "that" }),
            _ => Ok(CheckedIn::new(Rotation::NotRotated)),
        }
    }

    async fn renew(&self, renewal: &LeaseRenewal) -> Result<Lease, CredentialError> {
        let answer = self.next(&renewal.session)?;
        let ending = answer.ending();
        let unknown = || CredentialError::UnknownLease { lease: renewal.lease.id.clone() };
        {
            let mut ledger = self.ledger();
            ledger.demand(self.capabilities.renews, || "a renewal is not declared".into());
            if ending.has_effect() {
                ledger.renew(renewal, answer.details() & 2 != 0, self.terms(answer.details() | 4));
            }
            if let Some((_, failures)) = ledger.renewal(&renewal.intent) {
                *failures += 1;
            }
        }
        ending.carry_out().await?;
        let mut ledger = self.ledger();
        let (lease, failures) = ledger.renewal(&renewal.intent).ok_or_else(unknown)?;
        *failures = 0;
        Ok(lease.clone())
    }

    async fn authentication_completed(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        self.simple(&event.session).await
    }

    async fn session_ended(&self, event: &SessionEvent) -> Result<(), CredentialError> {
        self.ledger().ended(event);
        self.simple(&event.session).await
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, CredentialError> {
        let IntendedCall::Fetch(_, fetch) = &question.context else {
            return Err(CredentialError::Unsupported { what: "that" });
        };
        let ending = self.next(&fetch.session)?.ending();
        let declared = self.capabilities.reconciles;
        self.ledger().demand(declared, || "a reconciliation is not declared".into());
        ending.carry_out().await?;
        if let Ending::Answer(1..) | Ending::Violation = ending {
            return Ok(Reconciled::Unknown);
        }
        let ledger = self.ledger();
        Ok(match fetch.intent.as_ref().and_then(|intent| ledger.made(intent)) {
            Some(lease) if ledger.held.contains_key(&lease.id) => Reconciled::Made(lease.clone()),
            Some(_) => Reconciled::Destroyed,
            None => Reconciled::NothingHappened,
        })
    }
}

/// A list of accounts that fails after this many accounts.
struct BrokenList(u8);

#[async_trait]
impl CandidateStream<Account> for BrokenList {
    async fn next(&mut self) -> Result<Option<Account>, CredentialError> {
        if self.0 == 0 {
            return Err(CredentialError::system("list", "the input ends it"));
        }
        self.0 -= 1;
        Ok(Some(Account::new("root")?))
    }
}
