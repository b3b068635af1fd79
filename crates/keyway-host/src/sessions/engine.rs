//! The engine for credential stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyway_core::PluginError as _;
use keyway_credentials::{CredentialStoreName, Holder, Verification, Verified};
use tracing::warn;

use super::audit::SessionAudit;
use super::error::SessionsError;
use super::leases::{
    Decision, LeasePage, LeaseQuery, OpenLease, PageStart, UndecidedFetch, UndecidedPage, leases_of,
    undecided_of,
};
use super::lock::{Lock, LockTarget, Locks};
use super::machine::What;
use super::new_session::NewSession;
use super::part::address;
use super::queue::Queues;
use super::session::{Session, Settled};
use super::vault::{RunningVault, Vault, VaultView};
use super::workflow::{SessionWorkflow, UNDECIDED};
use crate::host::{HostError, Lent};
use crate::records::{ATTEMPTS, Address, Applied, Change, Entry, Journal, Names, RecordError};
use crate::work::{Limits, Worker};

/// The engine for credential stores: sessions fetch credentials, and the host checks their leases in.
///
/// For each session at each store, a record is kept on the host's storage engine, sealed by the host's own keys
/// (decision K1). Every step is stored before the store is asked (decision R2). Several hosts may share one storage
/// engine.
///
/// Get it from [`Host::sessions`](crate::Host::sessions); the host also carries out due work. A clone is another handle
/// to the same engine. The futures need a tokio runtime, and block as much as the storage engine does.
#[derive(Clone, Debug)]
pub struct Sessions {
    pub(crate) worker: Arc<Worker<SessionWorkflow>>,
    locks: Arc<Journal<Locks>>,
}

/// Holds the settings of the engine until it is started.
#[derive(Default)]
pub(crate) struct SessionSettings {
    pub(crate) vaults: Vec<Vault>,
    pub(crate) limits: Limits,
    pub(crate) audit: Option<Arc<dyn SessionAudit>>,
}

impl Sessions {
    /// Opens all vaults, without I/O.
    pub(crate) fn open_engine(lent: &Lent, settings: SessionSettings) -> Result<Self, HostError> {
        let SessionSettings { vaults, limits, audit } = settings;
        let mut running = BTreeMap::new();
        for vault in vaults {
            let name = vault.name.clone();
            let opened = Arc::new(RunningVault::open(vault, lent, &limits));
            if running.insert(name.clone(), opened).is_some() {
                return Err(HostError::DuplicateVault { name: name.to_string() });
            }
        }
        let workflow =
            SessionWorkflow { vaults: running, limits, audit, queues: Arc::new(Queues::default()) };
        Ok(Self { worker: lent.worker(workflow), locks: Arc::new(lent.journal()) })
    }

    /// Begins a session, without I/O. A record is made only when something is checked out.
    ///
    /// # Errors
    /// [`SessionsError::NoVault`] if [`NewSession::stores`] names a store that the host does not have;
    /// [`SessionsError::TooLarge`] or [`SessionsError::TooDeep`] if the facts about the connection cannot be stored.
    pub fn begin(&self, session: NewSession) -> Result<Session, SessionsError> {
        Session::new(self.clone(), session, Vec::new())
    }

    /// Resumes a [detached](NewSession::detached) session after a restart of the host, or in another host; `None` if it
    /// has no record.
    ///
    /// # Errors
    /// Those of [`begin`](Self::begin) if the session has a record, and [`SessionsError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn resume(&self, session: NewSession) -> Result<Option<Session>, SessionsError> {
        let id = session.connection.session_id.as_str();
        let scope = self.worker.journal.scope(&[id.as_bytes()]);
        let entries = self.worker.journal.of_scope(&scope).await?;
        if entries.is_empty() {
            return Ok(None);
        }
        Session::new(self.clone(), session, entries).map(Some)
    }

    /// Lists the held leases of at most `limit` sessions. `after` is [`LeasePage::next`] of the page before.
    ///
    /// # Errors
    /// [`SessionsError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn leases(
        &self,
        query: &LeaseQuery,
        after: Option<PageStart>,
        limit: usize,
    ) -> Result<LeasePage, SessionsError> {
        let after = after.as_ref().map(|start| &start.0);
        let (entries, next) = self.worker.journal.listed(&query.names(), after, limit).await?;
        let leases = entries.iter().flat_map(|entry| leases_of(entry, query)).collect();
        Ok(LeasePage { leases, next: next.map(PageStart) })
    }

    /// Takes a lease back from its session. The session is not told. If another call for the session is running, the
    /// lease is checked in after that call.
    ///
    /// # Errors
    /// [`TransitionError::NoCheckOut`](super::TransitionError::NoCheckOut) and `NoSession` when the lease is checked in
    /// already; [`SessionsError::Record`]. A failure of the store is in [`Settled`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the lease held, being checked in, or checked in.
    pub async fn check_in(&self, lease: &OpenLease, by: Holder) -> Result<Settled, SessionsError> {
        self.decided(lease.address(self), &lease.store, What::Force { id: lease.check_out, by }).await
    }

    /// Forgets a lease that the store cannot take back any more, for example because the vault is gone. The store is
    /// not asked.
    ///
    /// # Errors
    /// As [`check_in`](Self::check_in).
    ///
    /// # Cancel safety
    /// A dropped future leaves the lease held or forgotten.
    pub async fn forget(&self, lease: &OpenLease, by: Holder) -> Result<(), SessionsError> {
        let what = What::Forget { id: lease.check_out, by };
        self.decided(lease.address(self), &lease.store, what).await.map(drop)
    }

    /// Lists the fetches that wait for a person's decision, from at most `limit` sessions.
    ///
    /// # Errors
    /// [`SessionsError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn undecided(
        &self,
        after: Option<PageStart>,
        limit: usize,
    ) -> Result<UndecidedPage, SessionsError> {
        let after = after.as_ref().map(|start| &start.0);
        let (entries, next) = self.worker.journal.listed(&Names::of([UNDECIDED]), after, limit).await?;
        let fetches = entries.iter().flat_map(|entry| undecided_of(entry)).collect();
        Ok(UndecidedPage { fetches, next: next.map(PageStart) })
    }

    /// Records a person's decision about a fetch. The person should first look at the vault.
    ///
    /// # Errors
    /// As [`check_in`](Self::check_in); [`TransitionError::InFlight`](super::TransitionError::InFlight).
    ///
    /// # Cancel safety
    /// A dropped future leaves the fetch decided or not.
    pub async fn decide(
        &self,
        fetch: &UndecidedFetch,
        decision: Decision,
        by: Holder,
    ) -> Result<Settled, SessionsError> {
        let made = match decision {
            Decision::NothingThere => None,
            Decision::Made(candidate, lease) => Some((candidate, lease)),
        };
        let address = address(&self.worker.journal, fetch.session.as_str(), &fetch.store);
        self.decided(address, &fetch.store, What::Decide { fetch: fetch.id, made, by }).await
    }

    /// Adds a lock against new check-outs. It replaces an earlier lock of the same target.
    ///
    /// # Errors
    /// [`SessionsError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the lock made or not.
    pub async fn lock(&self, lock: Lock) -> Result<(), SessionsError> {
        let target = lock.target.clone();
        self.put_lock(target, Some(lock), None).await?;
        // The lock is in force, so a failure from here on is no error of this call.
        if let Err(error) = self.remove_ended_locks().await {
            warn!(error = %error.detail(), "locks that have ended could not be removed");
        }
        Ok(())
    }

    /// Removes a lock. The call succeeds if there is no such lock.
    ///
    /// # Errors
    /// [`SessionsError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the lock in force or removed.
    pub async fn unlock(&self, target: LockTarget) -> Result<(), SessionsError> {
        self.put_lock(target, None, None).await
    }

    /// Lists the locks.
    ///
    /// # Errors
    /// [`SessionsError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn locks(&self) -> Result<Vec<Lock>, SessionsError> {
        Ok(self.locks.all().await?.into_iter().filter_map(|entry| entry.state).collect())
    }

    /// Asks a store whether its stored credentials still work at their target (heartbeat). A
    /// [schedule](Vault::verify_every) repeats the question regularly.
    ///
    /// # Errors
    /// [`SessionsError::NoVault`], [`SessionsError::Store`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn verify(
        &self,
        store: &CredentialStoreName,
        verification: Verification,
    ) -> Result<Verified, SessionsError> {
        let failed = |error| SessionsError::Store { name: store.clone(), call: "verify", error };
        self.vault(store)?.verify(verification).await.map_err(failed)
    }

    /// Lists the vaults of the host, each with its capabilities or its fault.
    pub fn vaults(&self) -> Vec<VaultView> {
        self.worker.workflow.vaults.values().map(|vault| vault.view()).collect()
    }

    pub(super) fn vault(&self, name: &CredentialStoreName) -> Result<Arc<RunningVault>, SessionsError> {
        let vault = self.worker.workflow.vaults.get(name).cloned();
        vault.ok_or_else(|| SessionsError::NoVault { name: name.clone() })
    }

    async fn decided(
        &self,
        address: Address,
        store: &CredentialStoreName,
        what: What,
    ) -> Result<Settled, SessionsError> {
        let known = self.worker.journal.load(address).await?;
        let entry = known.ok_or(super::TransitionError::NoSession)?;
        let event = self.worker.workflow.event(store, self.worker.clock.now(), what);
        let submitted = self.worker.submit(entry, event, None).await?;
        Ok(Settled { failures: submitted.failures })
    }

    /// Removes the locks that have ended, because every fetch reads all locks.
    async fn remove_ended_locks(&self) -> Result<(), SessionsError> {
        let now = self.worker.clock.now();
        let has_ended = |lock: &Lock| lock.until.is_some_and(|until| until <= now);
        for ended in self.locks().await?.into_iter().filter(has_ended) {
            self.put_lock(ended.target.clone(), None, Some(&ended)).await?;
        }
        Ok(())
    }

    /// Stores or removes the lock of a target. If the target has another lock than `only_for` by then, it keeps that
    /// lock.
    async fn put_lock(
        &self,
        target: LockTarget,
        lock: Option<Lock>,
        only_for: Option<&Lock>,
    ) -> Result<(), SessionsError> {
        let (kind, name) = target.parts();
        let id = self.locks.id_of(&[&[kind], name.as_bytes()]);
        let address = Address { scope: self.locks.scope(&[b"locks"]), id };
        let mut turn = self.locks.turn();
        for _ in 0..ATTEMPTS {
            turn.wait_at(address).await;
            let known = self.locks.load(address).await?;
            let mut entry = known.unwrap_or_else(|| Box::new(Entry::new(address, target.clone())));
            if only_for.is_some() && entry.state.as_ref() != only_for {
                return Ok(());
            }
            if let Applied::Stored = self.locks.apply(&mut entry, Change::to(lock.clone())).await? {
                return Ok(());
            }
            turn.lost_at(address).await;
        }
        Err(RecordError::Contended.into())
    }
}

impl OpenLease {
    fn address(&self, sessions: &Sessions) -> Address {
        address(&sessions.worker.journal, self.session.as_str(), &self.store)
    }
}
