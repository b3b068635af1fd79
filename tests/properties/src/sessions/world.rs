//! Defines the world of one input: a host, its storage, its clock, its vault and two sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyway_core::{Clock, Registry, SecretText};
use keyway_credentials::{
    Account, Capabilities, CheckInTrigger, CheckInTriggers, Connection, CredentialStore, CredentialStoreName,
    Holder, Lease, LeaseId, SessionId,
};
use keyway_host::sessions::{
    CredentialType, Decision, FetchRequest, Fetched, Isolation, LeaseQuery, Limits, NewSession, OpenLease,
    Retries, Session, SessionsError, Settled, Transition, Vault,
};
use keyway_host::{Host, HostError, WorkOutcome};
use keyway_storage::{Fault, FaultyStorage, Layered, Memory, Storage};
use tokio::task::JoinHandle;

use super::clock::WarpedClock;
use super::silence::{SECRET, error_is_silent, is_silent, text_is_silent};
use super::vault::InputVault;
use crate::records::keys;

/// The number of times that the host attempts a renewal to which the vault does not answer.
pub(super) const ATTEMPTS: u32 = 4;

/// The leases that were handed out, each with its session, and with the call that the fetch named.
pub(super) type HandedOut = Arc<Mutex<BTreeMap<LeaseId, (SessionId, Option<String>)>>>;

/// The host, and everything around it.
pub(super) struct World {
    below: Arc<dyn Storage>,
    pub(super) storage: Arc<Layered<FaultyStorage>>,
    pub(super) clock: Arc<WarpedClock>,
    pub(super) vault: Arc<InputVault>,
    pub(super) host: Host,
    /// The handles of the sessions.
    pub(super) sessions: [Option<Session>; 2],
    /// The sessions that outlive their host.
    pub(super) detached: BTreeSet<SessionId>,
    lends_login: bool,
    begun: u32,
    running: Vec<JoinHandle<()>>,
    /// The leases that an operator gave up.
    pub(super) forgotten: BTreeSet<LeaseId>,
    pub(super) handed_out: HandedOut,
    /// The reports of all hosts. They are checked at the end, because a panic in the audit would be caught.
    pub(super) audit: Arc<Mutex<Vec<String>>>,
}

pub(super) fn hall() -> CredentialStoreName {
    CredentialStoreName::new("hall").expect("a name")
}

pub(super) fn ada() -> Holder {
    Holder::new("ada").expect("a name")
}

/// Checks the error of a call. A refusal is a valid result.
fn checked<T>(outcome: Result<T, SessionsError>) -> Option<T> {
    let error = outcome.as_ref().err();
    if let Some(error) = error {
        error_is_silent(error);
        text_is_silent(&error.user_message());
    }
    outcome.ok()
}

impl World {
    /// Starts a host whose vault has these capabilities.
    pub(super) async fn new(capabilities: u8) -> Self {
        let has = |bit: u8| capabilities & (1 << bit) != 0;
        let capabilities = Capabilities::MINIMAL
            .passwords(true)
            .private_keys(true)
            .totp_codes(true)
            .idempotent(has(0))
            .reconciles(has(1))
            .renews(has(2))
            .own_accounts(has(3))
            .leases(!has(4));
        let below: Arc<dyn Storage> = Arc::new(Memory::new());
        let clock = Arc::new(WarpedClock::new());
        let vault = Arc::new(InputVault::new(capabilities, &clock));
        let audit: Arc<Mutex<Vec<String>>> = Arc::default();
        let storage = FaultyStorage::over(&below).ends_reads().into_engine();
        let host = start(&storage, &clock, &vault, &audit, has(5)).await.expect("a host");
        Self {
            below,
            storage,
            clock,
            vault,
            host,
            sessions: [None, None],
            detached: BTreeSet::new(),
            lends_login: has(5),
            begun: 0,
            running: Vec::new(),
            forgotten: BTreeSet::new(),
            handed_out: HandedOut::default(),
            audit,
        }
    }

    /// Ends the process, if it still runs, and starts another one.
    pub(super) async fn restart(&mut self) {
        self.storage.0.end_after(0, Fault::EndsBefore);
        for running in self.running.drain(..) {
            running.abort();
            drop(running.await);
        }
        self.sessions = [None, None];
        // From here on, calls of the old host have no effect.
        self.settle().await;
        self.storage = FaultyStorage::over(&self.below).ends_reads().into_engine();
        let started = start(&self.storage, &self.clock, &self.vault, &self.audit, self.lends_login).await;
        self.host = started.expect("the storage engine works");
        self.host.recover().await.expect("the storage engine works");
    }

    /// Waits until no task can go on without a further event.
    pub(super) async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Begins a new session in this slot, in place of the session that was there.
    pub(super) fn begin(&mut self, slot: usize, is_detached: bool) {
        self.begun += 1;
        let id = SessionId::new(format!("s-{}", self.begun)).expect("an id");
        if is_detached {
            self.detached.insert(id.clone());
        }
        let new = NewSession::new(connection(id, slot)).detached(is_detached);
        let session = self.host.sessions().begin(new).expect("a session");
        is_silent(&session);
        self.sessions[slot] = Some(session);
    }

    /// Resumes a session that outlives its host.
    pub(super) async fn resume(&mut self, slot: usize, id: SessionId) {
        let new = NewSession::new(connection(id, slot)).detached(true);
        if let Some(session) = checked(self.host.sessions().resume(new).await) {
            self.sessions[slot] = session;
        }
    }

    /// Runs a call on its own task.
    pub(super) fn spawn(&mut self, call: impl Future<Output = ()> + Send + 'static) {
        self.running.push(tokio::spawn(call));
    }

    /// Waits for the calls that run on their own tasks.
    pub(super) async fn join(&mut self) {
        for running in self.running.drain(..) {
            if let Err(error) = running.await
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    /// Does all work that is due.
    pub(super) async fn work(&self) {
        for _ in 0..8 {
            let reports = match self.host.run_due(self.clock.now()).await {
                Ok(reports) => reports,
                Err(error) => return error_is_silent(&error),
            };
            is_silent(&reports);
            for report in &reports {
                if let WorkOutcome::Failed(error) = &report.outcome {
                    error_is_silent(&**error);
                }
            }
            if reports.is_empty() {
                return;
            }
        }
    }

    /// Lists the leases that the host knows.
    pub(super) async fn leases(&self) -> Vec<OpenLease> {
        let mut leases = Vec::new();
        for account in ["root", "ada"] {
            let query = LeaseQuery::Account(Account::new(account).expect("a name"));
            let page = checked(self.host.sessions().leases(&query, None, 100).await);
            leases.extend(page.into_iter().flat_map(|page| page.leases));
        }
        is_silent(&leases);
        leases
    }

    /// Takes a lease back.
    pub(super) async fn force(&self, lease: &OpenLease) {
        settled(self.host.sessions().check_in(lease, ada()).await);
    }

    /// Gives a lease up. The lease counts as forgotten in any case, because a commit that fails may still take effect.
    pub(super) async fn forget(&mut self, lease: &OpenLease) {
        self.forgotten.insert(lease.lease.id.clone());
        let _ = checked(self.host.sessions().forget(lease, ada()).await);
    }

    /// Decides all undecided fetches, as a person would. Returns whether there were any.
    ///
    /// The person looks at the vault, and at the leases that the host knows.
    pub(super) async fn decide(&self) -> bool {
        let sessions = self.host.sessions();
        let page = checked(sessions.undecided(None, 100).await);
        let fetches = page.map(|page| page.fetches).unwrap_or_default();
        is_silent(&fetches);
        for fetch in &fetches {
            let known: BTreeSet<_> = self.leases().await.into_iter().map(|lease| lease.lease.id).collect();
            let unknown = self.vault.ledger().held.iter().find_map(|(lease, given)| {
                let is_unknown = !known.contains(lease) && !self.forgotten.contains(lease);
                (given.session == fetch.session && is_unknown)
                    .then(|| (given.candidate.clone(), lease.clone()))
            });
            let decision = match unknown {
                Some((candidate, lease)) => Decision::Made(candidate, Lease::new(lease)),
                None => Decision::NothingThere,
            };
            settled(sessions.decide(fetch, decision, ada()).await);
        }
        !fetches.is_empty()
    }
}

/// Checks the failures of a call that concerns all stores.
pub(super) fn settled(outcome: Result<Settled, SessionsError>) {
    for failure in checked(outcome).into_iter().flat_map(|settled| settled.failures) {
        error_is_silent(&failure);
    }
}

/// Fetches credentials, and notes the lease that is handed out.
pub(super) async fn fetch<C: CredentialType + std::fmt::Debug>(
    (session, vault, handed_out): (Session, Arc<InputVault>, HandedOut),
    request: FetchRequest,
) {
    let call = request.call.clone();
    let fetched = checked(session.fetch::<C>(&hall(), request).await);
    is_silent(&fetched);
    is_silent(&session);
    let Some(Fetched::Found(found)) = fetched else { return };
    let Some(lease) = found.lease else { return };
    let mut ledger = vault.ledger();
    let is_held = ledger.held.contains_key(&lease.id);
    ledger.demand(is_held, || format!("{lease:?} is handed out, and not held"));
    let receiver = (session.id().clone(), call);
    let earlier =
        handed_out.lock().unwrap_or_else(PoisonError::into_inner).insert(lease.id.clone(), receiver.clone());
    let is_repetition = earlier.as_ref().is_none_or(|earlier| *earlier == receiver && receiver.1.is_some());
    ledger.demand(is_repetition, || format!("{lease:?} is handed out to {earlier:?} and {receiver:?}"));
}

fn connection(id: SessionId, slot: usize) -> Connection {
    let mut connection = Connection::new(id);
    connection.protocol = Some(["ssh", "rdp"][slot].into());
    connection.gateway_username = Some("joe".into());
    connection.gateway_password = Some(SecretText::from(SECRET));
    connection.server_username = Some("root".into());
    connection.server_hostname = Some("web1".into());
    connection.server_ip = Some("192.0.2.7".into());
    connection
}

async fn start(
    storage: &Arc<Layered<FaultyStorage>>,
    clock: &Arc<WarpedClock>,
    vault: &Arc<InputVault>,
    audit: &Arc<Mutex<Vec<String>>>,
    lends_login: bool,
) -> Result<Host, HostError> {
    let retries = Retries::default().with_first(Duration::from_secs(5)).with_attempts(ATTEMPTS);
    let limits = Limits::default().with_isolation(Isolation::Inline).with_retries(retries);
    let triggers = CheckInTriggers::new(CheckInTrigger::AfterAuthentication)
        .with_protocol("rdp", CheckInTrigger::AtSessionEnd);
    let vault = Vault::with_store(hall(), Arc::clone(vault) as Arc<dyn CredentialStore>)
        .check_in_triggers(triggers)
        .lend_login(lends_login)
        .busy_wait(Duration::ZERO);
    is_silent(&vault);
    let lines = Arc::clone(audit);
    let report = move |transition: &Transition<'_>| {
        let line = format!("{transition} {transition:?}");
        lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    };
    let registry = Registry::builder().build().expect("no plugins");
    Host::builder(registry, Arc::clone(storage) as Arc<dyn Storage>, keys())
        .name("web-1")
        .takeover_after(Duration::ZERO)
        .clock(Arc::clone(clock) as Arc<dyn Clock>)
        .session_limits(limits)
        .vault(vault)
        .session_audit(report)
        .start()
        .await
}
