//! A credential store whose answers are closures.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyway_credentials::{
    Account, Asset, CandidateQuestion, Candidates, Capabilities, CheckIn, CheckedIn, CredentialError,
    CredentialStore, Fetch, FetchOutcome, Found, Lease, LeaseId, LeaseRenewal, Password, Passwords,
    Reconciled, Reconciliation, Rotation, SessionEvent, async_trait,
};

type Answers<Q, A> = Box<dyn Fn(&Q) -> Result<A, CredentialError> + Send + Sync>;

/// A store whose answers are closures. It records the calls that it gets.
pub(crate) struct Odd {
    pub(crate) capabilities: Capabilities,
    pub(crate) fetch: Answers<Fetch, FetchOutcome<Passwords>>,
    pub(crate) check_in: Answers<CheckIn, ()>,
    pub(crate) renew: Answers<LeaseRenewal, Lease>,
    pub(crate) reconcile: Answers<Reconciliation, Reconciled>,
    /// How long `reconcile` takes.
    pub(crate) reconciles_in: Duration,
    pub(crate) accounts: Answers<CandidateQuestion, Candidates<Account>>,
    pub(crate) assets: Answers<CandidateQuestion, Candidates<Asset>>,
    pub(crate) calls: Mutex<Vec<String>>,
}

impl fmt::Debug for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Odd")
    }
}

pub(crate) fn lease(id: &str) -> Lease {
    Lease::new(LeaseId::new(id).unwrap())
}

pub(crate) fn gives(lease: Lease) -> FetchOutcome<Passwords> {
    Found::new(Passwords::new(Password::new("correct horse"))).with_lease(lease).into()
}

impl Odd {
    pub(crate) fn new() -> Self {
        Self {
            capabilities: Capabilities::MINIMAL.passwords(true).leases(true),
            fetch: Box::new(|fetch| Ok(gives(lease(fetch.intent.as_ref().unwrap().as_str())))),
            check_in: Box::new(|_| Ok(())),
            renew: Box::new(|renewal| Ok(renewal.lease.clone())),
            reconcile: Box::new(|_| Ok(Reconciled::Unknown)),
            reconciles_in: Duration::ZERO,
            accounts: Box::new(|_| Ok(Candidates::new(std::iter::empty()))),
            assets: Box::new(|_| Ok(Candidates::new(std::iter::empty()))),
            calls: Mutex::default(),
        }
    }

    fn called(&self, line: String) {
        self.calls.lock().unwrap().push(line);
    }

    pub(crate) fn lines(self: &Arc<Self>, begin: &str) -> Vec<String> {
        self.calls.lock().unwrap().iter().filter(|line| line.starts_with(begin)).cloned().collect()
    }
}

#[async_trait]
impl CredentialStore for Odd {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn accounts(&self, question: &CandidateQuestion) -> Result<Candidates<Account>, CredentialError> {
        (self.accounts)(question)
    }

    async fn assets(&self, question: &CandidateQuestion) -> Result<Candidates<Asset>, CredentialError> {
        (self.assets)(question)
    }

    async fn passwords(&self, fetch: &Fetch) -> Result<FetchOutcome<Passwords>, CredentialError> {
        let intent = fetch.intent.as_ref().map(ToString::to_string);
        self.called(format!("passwords {} {}", intent.unwrap_or_default(), fetch.candidate.asset));
        (self.fetch)(fetch)
    }

    async fn check_in(&self, check_in: &CheckIn) -> Result<CheckedIn, CredentialError> {
        self.called(format!("check_in {} {} {:?}", check_in.intent, check_in.lease.id, check_in.reason));
        (self.check_in)(check_in)?;
        Ok(CheckedIn::new(Rotation::NotRotated))
    }

    async fn renew(&self, renewal: &LeaseRenewal) -> Result<Lease, CredentialError> {
        self.called(format!("renew {} {}", renewal.intent, renewal.lease.id));
        (self.renew)(renewal)
    }

    async fn reconcile(&self, question: &Reconciliation) -> Result<Reconciled, CredentialError> {
        self.called("reconcile".into());
        tokio::time::sleep(self.reconciles_in).await;
        (self.reconcile)(question)
    }

    async fn session_ended(&self, _: &SessionEvent) -> Result<(), CredentialError> {
        self.called("ended".into());
        Ok(())
    }
}
