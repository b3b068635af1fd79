//! The interface of the engine for issuers.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyway_issuers::{IntentId, Requester, ServiceName, UserId};
use tracing::warn;

use super::error::GrantsError;
use super::id::GrantId;
use super::machine::{Decision, Event, TransitionError, admit};
use super::outcome::{Grant, GrantOutcome, GrantPage, IssuedCredential, Revoked};
use super::record::Owner;
use super::request::GrantRequest;
use super::service::{RunningService, Service, ServiceView, describe_old};
use super::workflow::{Answer, GrantWorkflow, Live, check_state};
use crate::host::{HostError, Lent};
use crate::records::{Address, Entry, NameTag, random};
use crate::work::{Failed, FailedBecause, Limits, Submitted, Worker};

/// The engine for issuers: users request credentials and revoke them.
///
/// It keeps a record of each grant on a storage engine: the service, the user, and the plugin's reference to the
/// credential (`state` on the wire). The host's own keys seal the records (decision K1). The record never holds a value
/// of a credential, a parameter or a token. Every step is stored before the plugin is called (decision R2). Several
/// hosts may share one storage engine.
///
/// [`Host::grants`](crate::Host::grants) returns it. The host also does the engine's due work. A clone is another
/// handle to the same engine. Its futures need a tokio runtime, and block as much as the storage engine does.
#[derive(Clone, Debug)]
pub struct Grants {
    pub(crate) worker: Arc<Worker<GrantWorkflow>>,
}

/// The settings of the engine before it is started.
#[derive(Debug, Default)]
pub(crate) struct GrantSettings {
    pub(crate) services: Vec<Service>,
    pub(crate) limits: Limits,
    pub(crate) drops_missing: bool,
}

type Ended = Result<Submitted<GrantWorkflow>, Failed<GrantWorkflow>>;

impl Grants {
    /// Opens all services, and asks their issuers to describe themselves.
    pub(crate) async fn open_engine(lent: &Lent, settings: GrantSettings) -> Result<Self, HostError> {
        let GrantSettings { services, limits, drops_missing } = settings;
        let mut running = BTreeMap::new();
        for service in services {
            let name = service.name.clone();
            let opened = Arc::new(RunningService::open(service, lent, &limits));
            if running.insert(name.clone(), opened).is_some() {
                return Err(HostError::DuplicateService { name: name.to_string() });
            }
        }
        describe_old(&running, lent.plugins.clock.now(), limits.describe_every).join_all().await;
        let workflow = GrantWorkflow { services: running, limits, drops_missing };
        Ok(Self { worker: lent.worker(workflow) })
    }

    /// Makes a credential for a user, if the request passes the gate: the user is allowed, the service is enabled, the
    /// parameters fit one set, and the user has fewer credentials than the limit. Requests in flight count as
    /// credentials.
    ///
    /// See decision W5.
    ///
    /// A request with an [id](GrantRequest::with_id) can be repeated without making a second
    /// credential.
    ///
    /// # Errors
    /// [`GrantsError::Refused`] if the gate refused; [`GrantsError::Issuer`] if the plugin refused;
    /// [`GrantsError::Uncertain`] if the effect of the call is unknown; [`GrantsError::StateTaken`],
    /// [`GrantsError::Discarded`], [`GrantsError::NotStored`], [`GrantsError::Overtaken`] if a credential was made but
    /// is not handed out; [`GrantsError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future may leave a credential that was not handed out. The host always has the stored intent of such a
    /// credential, and settles it later.
    pub async fn request(
        &self,
        service: &ServiceName,
        request: GrantRequest,
    ) -> Result<GrantOutcome, GrantsError> {
        let running = self.running(service)?;
        let ready = running.ready();
        let is_on = running.service.enabled && ready.faults.is_empty();
        admit(
            running.service.allows(&request.requester.user_info),
            ready.description.as_deref().filter(|_| is_on),
            &request.parameters,
        )?;
        let (journal, now) = (&self.worker.journal, self.worker.clock.now());
        let user = &request.requester.user;
        let (address, known) = match &request.id {
            Some(given) => {
                let address = self.address_of(user, service, given);
                (address, journal.load(address).await?)
            }
            None => (Address { scope: self.scope(user), id: random()? }, None),
        };
        let entry = match known {
            Some(known) => known,
            None => Box::new(Entry::new(address, Owner::of(&request.requester, service.clone(), now)?)),
        };
        let idempotent = running.issuer.as_ref().is_some_and(|issuer| issuer.capabilities.idempotent);
        let event = Event::Begin { now, idempotent, limit: running.service.limit };
        let live = Live::Request(request);
        requested(GrantId::of(address), self.worker.submit(entry, event, Some(&live)).await)
    }

    /// Revokes a credential of this user. Repeating the call is no error (decision W6).
    ///
    /// Revocations are not subject to the gate: the call works even if the service is switched off.
    ///
    /// # Errors
    /// [`GrantsError::NotRevoked`] if the plugin failed: the grant stays, and the host, or the
    /// user's next call, tries again. [`TransitionError::InFlight`],
    /// [`TransitionError::BeingRevoked`] and [`TransitionError::Undecided`] if it cannot be revoked
    /// now. [`TransitionError::NoService`] if its service is gone, and
    /// [`TransitionError::Disabled`] if the service's plugin could not be opened or its
    /// configuration does not fit.
    ///
    /// # Cancel safety
    /// A dropped future leaves the grant unchanged, gone, or being revoked. If it is being revoked, the host tries
    /// again as soon as the plugin's call has ended.
    pub async fn revoke(
        &self,
        grant: GrantId,
        requester: impl Into<Requester>,
    ) -> Result<Revoked, GrantsError> {
        let requester = requester.into();
        let workflow = &self.worker.workflow;
        let Some(entry) = self.load(&requester.user, grant).await? else { return Ok(Revoked::NotThere) };
        let now = self.worker.clock.now();
        let (event, revoked) = match workflow.services.get(&entry.fixed.service) {
            Some(running) if !running.is_ready() => return Err(TransitionError::Disabled.into()),
            Some(_) => (Event::Revoke { now }, Revoked::Destroyed),
            None if workflow.drops_missing => {
                warn!(%grant, service = %entry.fixed.service, "a grant of a missing service is forgotten; its credential may live on");
                (Event::Drop, Revoked::Dropped)
            }
            None => return Err(TransitionError::NoService.into()),
        };
        let live = Live::Revocation(requester);
        match self.worker.submit(entry, event, Some(&live)).await {
            Ok(Submitted { entry, mut failures, .. }) => match (failures.pop(), &entry.state) {
                (Some(error), state) => Err(error.completed(state.as_ref())),
                (None, None) => Ok(revoked),
                // Another host took the grant over during the plugin's call.
                (None, Some(_)) => Err(TransitionError::BeingRevoked.into()),
            },
            Err(failed) => match GrantsError::from(failed) {
                GrantsError::Refused(TransitionError::NoGrant) => Ok(Revoked::NotThere),
                error => Err(error),
            },
        }
    }

    /// Lists all grants of a user, the oldest first. The list includes indeterminate grants, and grants that are being
    /// requested or revoked.
    ///
    /// # Errors
    /// [`GrantsError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn list(&self, user: &UserId) -> Result<Vec<Grant>, GrantsError> {
        let entries = self.worker.journal.of_scope(&self.scope(user)).await?;
        let mut grants: Vec<_> = entries.iter().filter_map(|entry| Grant::of(entry)).collect();
        grants.sort_by_key(|grant| (grant.made, grant.id));
        Ok(grants)
    }

    /// Lists at most `limit` of all users' grants that wait for a person's decision: indeterminate grants, and grants
    /// whose revocation used up its retries. `after` is [`GrantPage::next`] of the previous page.
    ///
    /// # Errors
    /// [`GrantsError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn undecided(&self, after: Option<GrantId>, limit: usize) -> Result<GrantPage, GrantsError> {
        let after = after.as_ref().map(GrantId::as_bytes);
        let (entries, next) = self.worker.journal.undecided(after, limit).await?;
        let grants = entries.iter().filter_map(|entry| Grant::of(entry)).collect();
        Ok(GrantPage { grants, next: next.map(GrantId::of_id) })
    }

    /// Records the decision of a person who has looked at the service behind the plugin. [`Decision::NothingThere`]
    /// removes a grant in any phase except [`Phase::Intended`](super::Phase::Intended), unless another call is working
    /// on the grant. [`Decision::Made`] makes an indeterminate grant revocable. Returns the grant after the decision,
    /// or `None` if the grant does not exist or was removed.
    ///
    /// # Errors
    /// [`TransitionError::InFlight`], [`TransitionError::NothingToDo`]; [`TransitionError::Parameters`] when the
    /// reference in [`Decision::Made`] is not valid; [`GrantsError::StateTaken`] when another grant has that reference.
    ///
    /// # Cancel safety
    /// A dropped future leaves the grant decided or unchanged.
    pub async fn decide(
        &self,
        user: &UserId,
        grant: GrantId,
        decision: Decision,
    ) -> Result<Option<Grant>, GrantsError> {
        let Some(entry) = self.load(user, grant).await? else { return Ok(None) };
        if let Decision::Made(state) = &decision {
            check_state(state, &[]).map_err(TransitionError::Parameters)?;
        }
        let event = Event::Decide { now: self.worker.clock.now(), decision };
        match self.worker.submit(entry, event, None).await {
            Ok(submitted) => Ok(Grant::of(&submitted.entry)),
            Err(failed) => match GrantsError::from(failed) {
                GrantsError::Refused(TransitionError::NoGrant) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Lists all services by name, with their faults and the facts that a user interface needs.
    ///
    /// See decision W9.
    pub fn services(&self) -> Vec<ServiceView> {
        self.worker.workflow.services.values().map(|running| running.view()).collect()
    }

    /// Returns one service.
    ///
    /// # Errors
    /// [`TransitionError::NoService`].
    pub fn service(&self, name: &ServiceName) -> Result<ServiceView, GrantsError> {
        Ok(self.running(name)?.view())
    }

    /// Asks the plugin of a service to describe itself. The host uses the answer, and returns true, if the version of
    /// the description changed, or if the service had faults or no description (decision W4). Returns false if the
    /// version is the same and there were no faults, if a failed call leaves the description as it was, or if the
    /// plugin could not be opened.
    ///
    /// # Errors
    /// [`TransitionError::NoService`]. Faults of the plugin are in [`ServiceView::faults`]. If the call fails, a
    /// service that has a description and no faults keeps that description.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn refresh(&self, name: &ServiceName) -> Result<bool, GrantsError> {
        Ok(self.running(name)?.describe(self.worker.clock.now()).await)
    }

    fn running(&self, service: &ServiceName) -> Result<&Arc<RunningService>, TransitionError> {
        self.worker.workflow.services.get(service).ok_or(TransitionError::NoService)
    }

    fn scope(&self, user: &UserId) -> NameTag {
        self.worker.journal.scope(&[user.as_str().as_bytes()])
    }

    /// Returns the address of the record of the grant that was requested with this id.
    pub(super) fn address_of(&self, user: &UserId, service: &ServiceName, id: &IntentId) -> Address {
        let names = [user.as_str(), service.as_str(), id.as_str()].map(str::as_bytes);
        Address { scope: self.scope(user), id: self.worker.journal.id_of(&names) }
    }

    async fn load(
        &self,
        user: &UserId,
        grant: GrantId,
    ) -> Result<Option<Box<Entry<GrantWorkflow>>>, GrantsError> {
        let address = Address { scope: self.scope(user), id: *grant.as_bytes() };
        Ok(self.worker.journal.load(address).await?)
    }
}

/// Converts the result of a request to the answer for the caller.
fn requested(grant: GrantId, ended: Ended) -> Result<GrantOutcome, GrantsError> {
    let Submitted { entry, answer, failures, holder } = match ended {
        Ok(submitted) => submitted,
        Err(Failed { because: FailedBecause::Refused { error: TransitionError::Granted, .. }, .. }) => {
            return Ok(GrantOutcome::Repeated(grant));
        }
        Err(failed) => return Err(GrantsError::from(failed)),
    };
    let holder = holder.map(|holder| GrantId::of(holder.address));
    match (answer, holder) {
        (Some(Answer::Credential(credential)), holder) => {
            let (grant, reused) = (holder.unwrap_or(grant), holder.is_some());
            Ok(GrantOutcome::Granted(IssuedCredential { grant, credential, reused }))
        }
        (Some(Answer::Login(login)), _) => Ok(GrantOutcome::LoginRequired(login)),
        (None, holder) => Err(GrantsError::of_request(grant, entry.state.as_ref(), failures, holder)),
    }
}
