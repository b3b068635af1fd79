//! Carries the machine's effects out on issuers and records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use keyway_core::{Clock, PluginError, Timestamp};
use keyway_issuers::{
    Action, Context, CredentialPart, CredentialRequest, Issued, IssuerError, Outcome, Rule, ServiceName,
    State, UserId, Violation,
};
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::error::GrantsError;
use super::id::GrantId;
use super::issuer::Place;
use super::lease::{Holder, Lease, Sightings};
use super::ledger::{Begun, Changed, Entry, Ledger};
use super::limits::GrantLimits;
use super::machine::{Asked, Doubt, Event, Phase, Refusal, admit, step};
use super::outcome::{Grant, GrantOutcome, HandedOver};
use super::owner::Owner;
use super::record::GrantRecord;
use super::service::{Ready, RunningService, ServiceView};
use crate::sealed_records::RecordError;

/// How often a step is tried again because another host changed the grant first.
pub(super) const MAX_ATTEMPTS: u32 = 16;
/// The longest state that is stored; far beyond what any plugin needs.
pub(super) const MAX_STATE_BYTES: usize = 16 << 10;

/// The engine for issuers: lets users request credentials and revoke them, and goes on after
/// a crash with what was cut short.
///
/// What it knows of each grant (service, user, the state that the plugin chose) it keeps on
/// a storage engine, sealed by the host's own keys (decision K1); never a value of a
/// credential, a parameter or a token. Every step is stored before the plugin is asked
/// (decision R2). Several hosts may share one storage engine.
///
/// A clone is another handle to the same engine.
///
/// Its futures need a tokio runtime. They block as much as the storage engine does.
#[derive(Clone, Debug)]
pub struct Grants {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) ledger: Ledger,
    pub(super) services: BTreeMap<ServiceName, RunningService>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: GrantLimits,
    pub(super) holder: Holder,
    pub(super) drops_missing: bool,
    pub(super) in_hand: Mutex<BTreeSet<GrantId>>,
    pub(super) sightings: Mutex<Sightings>,
}

/// A grant that this run works on; dropping the last clone says that it does no longer. A call of the
/// plugin that makes or destroys a credential holds one until it has ended, also when nobody waits for it
/// any more: what became of a request cannot be asked before, and what is revoked late must not be new.
#[derive(Clone, Debug)]
pub(super) struct InHand(#[expect(dead_code, reason = "it is there to be dropped")] Arc<Held>);

/// What a call of the plugin holds until it has ended.
pub(super) type Working = (InHand, Place);

#[derive(Debug)]
struct Held {
    inner: Arc<Inner>,
    id: GrantId,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.inner.in_hand.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Grants {
    /// Makes a credential for a user, if the gate lets the request through (decision W5): the
    /// user is allowed, the service is enabled, the parameters fit one set, and the user has
    /// fewer credentials than the limit, requests in flight counted.
    ///
    /// Who asks, with what logins and tokens, stands in the request's
    /// [context](CredentialRequest::context); its configuration is replaced by that of the
    /// service. An [intent](Context::intent) in it is the caller's own id for this request:
    /// when the same request is made again with it, the same grant is answered instead of a
    /// second one made, as long as that grant lives. If the first attempt was cut short, a
    /// plugin that is [idempotent](keyway_issuers::Capabilities::idempotent) is asked again
    /// for the same credential.
    ///
    /// # Errors
    /// [`GrantsError::Refused`] by the gate; [`GrantsError::Issuer`] when the plugin refused;
    /// [`GrantsError::Uncertain`] when nobody knows what it did;
    /// [`GrantsError::StateTaken`], [`GrantsError::Discarded`], [`GrantsError::NotStored`],
    /// [`GrantsError::Overtaken`] when there was a credential that nobody gets;
    /// [`GrantsError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future may leave a credential behind that nobody has, and then always its
    /// intent: [`recover`](Self::recover) and [`run_due`](Self::run_due) go on with that.
    pub async fn request(
        &self,
        service: &ServiceName,
        request: CredentialRequest,
    ) -> Result<GrantOutcome, GrantsError> {
        let running = self.inner.services.get(service).ok_or(Refusal::NoService)?;
        let ready = running.ready();
        admit(&Asked {
            allowed: running.service.allows(&request.context.user_info),
            enabled: running.service.enabled && ready.faults.is_empty(),
            description: ready.description.as_deref(),
            parameters: &request.parameters,
        })?;
        let place = running.place().await;
        match self.begin(running, &request).await? {
            Intent::New { in_hand, entry, resumed } => {
                self.ask(running, &ready, (in_hand, place), entry, request, resumed).await
            }
            Intent::Granted(id) => Ok(GrantOutcome::Repeated(id)),
        }
    }

    async fn begin(
        &self,
        running: &RunningService,
        request: &CredentialRequest,
    ) -> Result<Intent, GrantsError> {
        let inner = &self.inner;
        let user = &request.context.user;
        let given = request.context.intent.as_ref();
        let id = match given {
            Some(given) => inner.ledger.id_of_request(&running.service.name, user, given.as_str()),
            None => GrantId::from_bytes(random()?),
        };
        let now = inner.clock.now();
        let begun = step(None, Event::Begin { now, lease: self.lease(now) })?;
        let state = begun.state.ok_or(Refusal::NothingToDo)?;
        let record = GrantRecord { service: running.service.name.clone(), made: now, state };
        // Claimed before it is stored, so that no worker of this run takes it for abandoned.
        let Some(in_hand) = self.take_in_hand(id) else { return Err(Refusal::InFlight.into()) };
        if given.is_some()
            && let Some(entry) = inner.ledger.load(&inner.ledger.user_mark(user), id).await?
        {
            return self.resume(running, in_hand, entry).await;
        }
        let owner = Owner::of(&request.context)?;
        match inner.ledger.begin(id, &owner, record, running.service.limit).await? {
            Begun::Stored(entry) => Ok(Intent::New { in_hand, entry, resumed: false }),
            Begun::Refused(refusal) => Err(refusal.into()),
            // Another host was asked the same at the same time.
            Begun::Known => Err(Refusal::InFlight.into()),
        }
    }

    /// Goes on with a request that was made before, by its id.
    async fn resume(
        &self,
        running: &RunningService,
        in_hand: InHand,
        mut entry: Box<Entry>,
    ) -> Result<Intent, GrantsError> {
        if entry.record.state.phase == Phase::Granted {
            return Ok(Intent::Granted(entry.id));
        }
        if !self.may_take(&entry) {
            return Err(Refusal::InFlight.into());
        }
        let idempotent = running.issuer.as_ref().is_some_and(|issuer| issuer.capabilities().idempotent);
        let now = self.inner.clock.now();
        match self.advance(&mut entry, Event::Resume { now, lease: self.lease(now), idempotent }).await? {
            Changed::Stored => Ok(Intent::New { in_hand, entry, resumed: true }),
            Changed::Removed | Changed::Overtaken | Changed::Taken => Err(Refusal::InFlight.into()),
        }
    }

    async fn ask(
        &self,
        running: &RunningService,
        ready: &Ready,
        working: Working,
        entry: Box<Entry>,
        mut request: CredentialRequest,
        resumed: bool,
    ) -> Result<GrantOutcome, GrantsError> {
        let (Some(issuer), Some(configuration)) = (&running.issuer, &ready.configuration) else {
            // That nothing happens now says nothing about the time before.
            if !resumed {
                self.nothing_made(entry).await;
            }
            return Err(Refusal::Disabled.into());
        };
        request.context.configuration = configuration.clone();
        request.context.intent = Some(entry.id.intent());
        // Shared, because a credential that is discarded is revoked in the same context.
        let request = Arc::new(request);
        let asked = &request.context;
        let answer = issuer.request(Arc::clone(&request), working.clone()).await;
        // Others need not wait until the answer is stored. Who has to revoke it waits for a place again.
        let (in_hand, place) = working;
        drop(place);
        match answer {
            Ok(Outcome::Issued(made)) => self.store(running, entry, made, asked).await,
            Ok(Outcome::LoginRequired(login)) => {
                if !resumed {
                    self.nothing_made(entry).await;
                }
                Ok(GrantOutcome::LoginRequired(login))
            }
            // The plugin speaks of this time; the time before may have made a credential.
            Err(error) if error.leaves_no_effect() && !resumed => {
                info!(service = %running.service.name, grant = %entry.id, error = %error.detail(), "no credential was made");
                self.nothing_made(entry).await;
                Err(error.into())
            }
            Err(error) => match error.orphan().cloned() {
                // It broke the contract and named its credential: that one is to be revoked.
                Some(state) => {
                    let disposal = self.discard(running, &in_hand, entry, state, asked.clone()).await?;
                    warn!(service = %running.service.name, %disposal, error = %error.detail(), "a credential was discarded");
                    Err(GrantsError::Discarded { disposal, error })
                }
                None => self.unanswered(running, entry, error).await,
            },
        }
    }

    /// The intent is settled: there is no credential. If that cannot be stored, the intent
    /// stays and is looked into later; the answer to the user is known all the same.
    async fn nothing_made(&self, entry: Box<Entry>) {
        let id = entry.id;
        if let Err(error) = self.settle(entry, &Event::NothingMade).await {
            warn!(grant = %id, error = %error.detail(), "an intent stays open, though nothing was made");
        }
    }

    async fn unanswered(
        &self,
        running: &RunningService,
        mut entry: Box<Entry>,
        error: IssuerError,
    ) -> Result<GrantOutcome, GrantsError> {
        let id = entry.id;
        let now = self.inner.clock.now();
        let reconciles = running.issuer.as_ref().is_some_and(|issuer| issuer.capabilities().reconciles);
        let reconcile_at = reconciles.then(|| now.plus(self.inner.limits.retries.wait(1, None, jitter())));
        warn!(service = %running.service.name, grant = %id, error = %error.detail(), "it is not known whether there is a credential");
        let event = Event::Unanswered { now, doubt: Doubt::NoAnswer, reconcile_at };
        // Only if the lease still holds: otherwise somebody else found out, or says so.
        if let Err(error) = self.advance(&mut entry, event).await {
            warn!(grant = %id, error = %error.detail(), "that a grant is uncertain could not be stored; its intent stays");
        }
        Err(GrantsError::Uncertain { grant: id, error })
    }

    /// Stores the grant of a credential that was just made, or gets rid of the credential.
    async fn store(
        &self,
        running: &RunningService,
        mut entry: Box<Entry>,
        issued: Issued,
        asked: &Context,
    ) -> Result<GrantOutcome, GrantsError> {
        let Issued { credential, state } = issued;
        if let Err(violation) = check_state(&state, &credential) {
            // The state must not be stored, so it is revoked from here or not at all.
            let error = IssuerError::violation(Action::Request, violation);
            let disposal = self.discard_unstored(running, entry, state, asked.clone()).await;
            warn!(service = %running.service.name, %disposal, error = %error.detail(), "a credential was discarded");
            return Err(GrantsError::Discarded { disposal, error });
        }
        let id = entry.id;
        let event = |now| Event::Issued { now, credential: state.clone(), values_lost: false };
        for _ in 0..MAX_ATTEMPTS {
            let stored = match self.advance(&mut entry, event(self.inner.clock.now())).await {
                Ok(stored) => stored,
                Err(GrantsError::Refused(_)) => {
                    let disposal = self.discard_overtaken(running, &entry, state, asked.clone()).await;
                    return Err(GrantsError::Overtaken { grant: id, disposal });
                }
                Err(GrantsError::Record(error)) => {
                    return self.not_stored(running, entry, state, credential, asked.clone(), error).await;
                }
                Err(other) => return Err(other),
            };
            match stored {
                Changed::Stored => {
                    return Ok(GrantOutcome::Granted(HandedOver { grant: id, credential, reused: false }));
                }
                Changed::Taken => {
                    if let Some(outcome) =
                        self.settle_taken(running, &entry, &state, Some(&credential)).await?
                    {
                        return outcome;
                    }
                }
                Changed::Overtaken | Changed::Removed => {}
            }
            // The lease was lost: whoever took it over may have settled the intent.
            match self.inner.ledger.again(&entry).await {
                Ok(Some(current)) => entry = current,
                Ok(None) => {
                    let disposal = self.discard_overtaken(running, &entry, state, asked.clone()).await;
                    return Err(GrantsError::Overtaken { grant: id, disposal });
                }
                Err(error) => {
                    return self.not_stored(running, entry, state, credential, asked.clone(), error).await;
                }
            }
        }
        Err(GrantsError::Contended { attempts: MAX_ATTEMPTS })
    }

    /// All grants of a user, also those that are being requested or revoked, and those of
    /// which it is not known whether there is a credential. The oldest first.
    ///
    /// # Errors
    /// [`GrantsError::Record`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn list(&self, user: &UserId) -> Result<Vec<Grant>, GrantsError> {
        let entries = self.inner.ledger.of_user(user).await?;
        let mut grants: Vec<_> = entries.iter().map(|entry| Grant::of(entry, user.clone())).collect();
        grants.sort_by_key(|grant| (grant.made, grant.id));
        Ok(grants)
    }

    /// All services, ordered by name, with what is wrong with them and what a user interface
    /// needs (decision W9).
    pub fn services(&self) -> Vec<ServiceView> {
        self.inner.services.values().map(RunningService::view).collect()
    }

    /// One service.
    ///
    /// # Errors
    /// [`Refusal::NoService`].
    pub fn service(&self, name: &ServiceName) -> Result<ServiceView, GrantsError> {
        Ok(self.inner.services.get(name).ok_or(Refusal::NoService)?.view())
    }

    /// Asks the plugin of a service to describe itself, and takes that over if its version is
    /// another than before (decision W4), or if the service had faults. Whether it was taken
    /// over.
    ///
    /// # Errors
    /// [`Refusal::NoService`]. What goes wrong with the plugin stands in
    /// [`ServiceView::faults`]; a plugin that described itself before is used on with that.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn refresh(&self, name: &ServiceName) -> Result<bool, GrantsError> {
        let running = self.inner.services.get(name).ok_or(Refusal::NoService)?;
        Ok(running.describe(self.inner.clock.now()).await)
    }

    /// Asks all plugins at once to describe themselves whose description is old, so that one
    /// that hangs holds up no other. It does not wait for them.
    pub(super) fn describe_old(&self, now: Timestamp) -> JoinSet<()> {
        let (mut asked, every) = (JoinSet::new(), self.inner.limits.describe_every);
        for (name, running) in &self.inner.services {
            if running.is_description_due(now, every) {
                let (engine, name) = (self.clone(), name.clone());
                asked.spawn(async move {
                    if let Some(running) = engine.inner.services.get(&name) {
                        running.describe_if_due(now, every).await;
                    }
                });
            }
        }
        asked
    }

    pub(super) fn lease(&self, from: Timestamp) -> Lease {
        Lease { holder: self.inner.holder.clone(), from, lasts: self.inner.limits.lease() }
    }

    pub(super) fn take_in_hand(&self, id: GrantId) -> Option<InHand> {
        let fresh = self.inner.in_hand.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        fresh.then(|| InHand(Arc::new(Held { inner: Arc::clone(&self.inner), id })))
    }

    /// Persists what `event` does to the grant, if nobody changed it since it was read. Where it is not
    /// stored, the entry stays as it was read.
    pub(super) async fn advance(&self, entry: &mut Entry, event: Event) -> Result<Changed, GrantsError> {
        let planned = step(Some(&entry.record.state), event)?;
        if planned.state.as_ref() == Some(&entry.record.state) {
            return Ok(Changed::Stored);
        }
        Ok(self.inner.ledger.change(entry, planned.state).await?)
    }

    /// Persists what `event` does to the grant, as long as its lease is the one of `entry`: whoever took
    /// it over settles it, and may have begun anew under the same id. The grant afterwards,
    /// or `None` when it is gone.
    pub(super) async fn settle(
        &self,
        mut entry: Box<Entry>,
        event: &Event,
    ) -> Result<Option<Box<Entry>>, GrantsError> {
        for _ in 0..MAX_ATTEMPTS {
            match self.advance(&mut entry, event.clone()).await? {
                Changed::Stored => return Ok(Some(entry)),
                Changed::Removed => return Ok(None),
                Changed::Overtaken | Changed::Taken => match self.inner.ledger.again(&entry).await? {
                    Some(current) if current.record.state.lease == entry.record.state.lease => {
                        entry = current;
                    }
                    other => return Ok(other),
                },
            }
        }
        Err(GrantsError::Contended { attempts: MAX_ATTEMPTS })
    }
}

/// What a request goes on with.
enum Intent {
    New {
        in_hand: InHand,
        entry: Box<Entry>,
        /// Whether the plugin may have been asked before.
        resumed: bool,
    },
    Granted(GrantId),
}

/// Whether a state may be stored (decision W8).
pub(super) fn check_state(state: &State, credential: &[CredentialPart]) -> Result<(), Violation> {
    if state.as_str().len() > MAX_STATE_BYTES {
        return Err(Violation::new("state", Rule::Other { text: "it is longer than 16 KiB" }));
    }
    state.check_keeps_no_secret(credential)
}

/// The id under which the plugin knows the revocation of this grant; the same each time.
pub(super) fn revocation_of(id: GrantId) -> keyway_issuers::IntentId {
    id.intent_of(".revoke")
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], RecordError> {
    keyway_seal::random_bytes().map_err(RecordError::Random)
}

/// How much a wait is lengthened. Without randomness it is not, which harms nobody.
pub(super) fn jitter() -> u8 {
    random::<1>().map_or(0, |[jitter]| jitter)
}
