//! Carries the machine's commands out on issuers.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyway_core::{Effect, PluginError, Timestamp};
use keyway_issuers::{
    Action, Context, CredentialPart, CredentialRef, CredentialRequest, IntendedEffect, Issued, IssuerError,
    LoginRequired, Reconciled, Reconciliation, RequestOutcome, Revocation, Rule, ServiceName, Violation,
};
use tracing::{info, warn};

use super::error::{Disposal, GrantsError};
use super::id::GrantId;
use super::issuer::GuardedIssuer;
use super::limits::GrantLimits;
use super::machine::{
    self, Again, Command, DuplicatePolicy, Event, GrantState, Phase, Policy, TransitionError,
};
use super::record::Owner;
use super::request::{GrantRequest, Requester};
use super::service::RunningService;
use crate::host::LaneHealth;
use crate::plugin::Permit;
use crate::records::{Due, Entry, NameTag, Names, RecordKind, Recorded, random};
use crate::work::{Carried, ClaimLength, Claimed, Failed, Retries, Standing, Step, WorkOutcome, Workflow};

/// The longest state that is stored; plugins need far less.
const MAX_STATE_BYTES: usize = 16 << 10;

/// Holds the services of a host, and their limits.
#[derive(Debug)]
pub(crate) struct GrantWorkflow {
    pub(super) services: Arc<BTreeMap<ServiceName, RunningService>>,
    pub(super) limits: GrantLimits,
    pub(super) policy: Policy,
    pub(super) clock: Arc<dyn keyway_core::Clock>,
    pub(super) drops_missing: bool,
}

/// Holds the caller's part, which is never stored.
pub(crate) enum Live {
    /// A request, with tokens and parameters.
    Request(GrantRequest),
    /// The login of a user who revokes.
    Revocation(Requester),
}

impl Live {
    fn requester(&self) -> &Requester {
        match self {
            Self::Request(request) => &request.requester,
            Self::Revocation(requester) => requester,
        }
    }
}

/// Holds the answer for the caller, which is never stored.
pub(crate) enum Answer {
    Credential(Vec<CredentialPart>),
    Login(LoginRequired),
}

impl Recorded for GrantWorkflow {
    const KIND: RecordKind = RecordKind::Grant;
    type Fixed = Owner;
    type State = GrantState;

    fn unique<'a>(user: &'a NameTag, owner: &'a Owner, state: &'a GrantState) -> Vec<Names<'a>> {
        state.credential.iter().map(|credential| names_of(user, owner, credential)).collect()
    }

    fn counted<'a>(user: &'a NameTag, owner: &'a Owner) -> Option<Names<'a>> {
        Some(vec![user, owner.service.as_str().as_bytes()])
    }

    fn due(_: &Owner, state: &GrantState) -> Due {
        match state.phase {
            Phase::Granted => Due::Never,
            Phase::Indeterminate => Due::Decision,
            Phase::Intended | Phase::Revoking => state.next.map_or(Due::Decision, Due::At),
        }
    }

    /// Returns the name of the service. A service has one plugin, so the name identifies both.
    fn lane(owner: &Owner) -> &str {
        owner.service.as_str()
    }
}

fn names_of<'a>(user: &'a NameTag, owner: &'a Owner, credential: &'a CredentialRef) -> Names<'a> {
    vec![user, owner.service.as_str().as_bytes(), credential.as_str().as_bytes()]
}

type Done = Carried<GrantWorkflow>;

impl Workflow for GrantWorkflow {
    type Policy = Policy;
    type Event = Event;
    type Command = Command;
    type TransitionError = TransitionError;
    type Live = Live;
    type Answer = Answer;
    type Failure = GrantsError;

    const ENGINE: &'static str = "grants";

    fn step(
        policy: &Policy,
        state: Option<&GrantState>,
        standing: Standing,
        event: Event,
    ) -> Result<Step<Self>, TransitionError> {
        machine::step(policy, state, standing, event)
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn taken(&self, event: &Event, holder: &Entry<Self>) -> Event {
        let holds = holder.state.as_ref().map(|state| state.phase);
        let duplicates = self.services.get(&holder.fixed.service).map(|running| running.service.duplicates);
        let reuses = |policy: DuplicatePolicy| holds.is_some_and(|phase| policy.reuses(phase));
        match event {
            Event::Issued { .. } => Event::StateTaken { reuse: duplicates.is_some_and(reuses) },
            // A credential that may belong to the other grant must not be revoked (decision W6).
            Event::Discard { .. } => Event::StateTaken { reuse: false },
            Event::Decide { .. } => Event::DecisionTaken,
            other => other.clone(),
        }
    }

    fn undo(event: &Event) -> Option<Command> {
        match event {
            Event::Issued { credential, .. } | Event::Discard { credential, .. } => {
                Some(Command::Discard(credential.clone()))
            }
            _ => None,
        }
    }

    fn wake(&self, owner: &Owner, now: Timestamp) -> Event {
        Event::Wake { now, reconciles: self.reconciles(&owner.service) }
    }

    fn record_id(entry: &Entry<Self>) -> String {
        GrantId::of(entry.address).to_string()
    }

    fn failed(failed: Failed<Self>) -> WorkOutcome {
        match GrantsError::of_work(failed) {
            GrantsError::Refused(
                TransitionError::InFlight | TransitionError::BeingRevoked | TransitionError::NoGrant,
            ) => WorkOutcome::LeasedElsewhere,
            error => WorkOutcome::Failed(Box::new(error)),
        }
    }

    fn completed(failure: GrantsError, entry: &Entry<Self>) -> GrantsError {
        failure.completed(entry.state.as_ref())
    }

    fn tick(&self, now: Timestamp) {
        super::service::describe_old(&self.services, now, self.limits.describe_every).detach_all();
    }

    fn lanes(&self) -> Vec<String> {
        let ready = |running: &RunningService| running.is_ready().then(|| running.service.name.to_string());
        self.services.values().filter_map(ready).collect()
    }

    fn lane_health(&self) -> Vec<LaneHealth> {
        let health = |running: &RunningService| LaneHealth {
            lane: running.service.name.to_string(),
            quarantined: running.issuer.as_ref().is_some_and(GuardedIssuer::is_quarantined),
            free_permits: running.issuer.as_ref().and_then(GuardedIssuer::free_permits),
        };
        self.services.values().map(health).collect()
    }

    fn claim_lasts(&self, _: &Command) -> ClaimLength {
        ClaimLength::Fixed(self.limits.claim())
    }

    async fn permit(&self, lane: &str) -> Permit {
        match self.running(lane).and_then(|running| running.issuer.as_ref()) {
            Some(issuer) => issuer.permit().await,
            None => Permit::default(),
        }
    }

    fn try_permit(&self, lane: &str) -> Option<Permit> {
        self.running(lane).and_then(|running| running.issuer.as_ref())?.try_permit()
    }

    async fn carry_out(&self, on: &Claimed<'_, Self>, command: Command, live: Option<&Self::Live>) -> Done {
        match (command, live) {
            (Command::Request, Some(Live::Request(request))) => self.request(on, request).await,
            // A worker never starts a request: only its caller has the parameters.
            (Command::Request, _) => Carried::done(self.nothing_made(on)),
            (Command::Reconcile, _) => self.reconcile(on).await,
            (Command::Revoke { credential, orphans }, _) => self.revoke(on, credential, orphans, live).await,
            (Command::Discard(credential), _) => self.discard(on, credential, live).await,
        }
    }
}

impl GrantWorkflow {
    fn running(&self, lane: &str) -> Option<&RunningService> {
        self.services.get(lane)
    }

    fn reconciles(&self, service: &ServiceName) -> bool {
        let issuer = self.services.get(service).and_then(|running| running.issuer.as_ref());
        issuer.is_some_and(|issuer| issuer.capabilities().reconciles)
    }

    fn again(&self, error: Option<&IssuerError>) -> Again {
        // If no random byte is available, the wait is not lengthened, which is harmless.
        let jitter = random::<1>().map_or(0, |[jitter]| jitter);
        let retry_after = error.and_then(|error| error.kind().retry_after());
        Again { now: self.clock.now(), retry_after, jitter }
    }

    fn nothing_made(&self, on: &Claimed<'_, Self>) -> Event {
        Event::NothingMade { again: self.again(None), reconciles: self.reconciles(&on.entry.fixed.service) }
    }

    async fn request(&self, on: &Claimed<'_, Self>, request: &GrantRequest) -> Done {
        let (grant, service) = (GrantId::of(on.entry.address), &on.entry.fixed.service);
        let Some((issuer, configuration)) = self.services.get(service).and_then(RunningService::usable)
        else {
            return Carried::failed(self.nothing_made(on), TransitionError::Disabled.into());
        };
        let context =
            request.requester.context().with_configuration(configuration).with_intent(grant.intent());
        let asked = CredentialRequest::new(context).with_parameters(request.parameters.clone());
        let answer = issuer.request(Arc::new(asked), on.working().await).await;
        let now = self.clock.now();
        match answer {
            Ok(RequestOutcome::Issued(Issued { credential, state })) => {
                match check_state(&state, &credential) {
                    Ok(()) => {
                        let event = Event::Issued { now, credential: state, undelivered: false };
                        Carried::answered(event, Answer::Credential(credential))
                    }
                    Err(violation) => {
                        let error = IssuerError::violation(Action::Request, violation);
                        warn!(%service, %grant, error = %error.detail(), "a credential is discarded, because its state must not be stored");
                        Carried::failed(
                            Event::Unstorable { credential: state },
                            GrantsError::discarded(error),
                        )
                    }
                }
            }
            Ok(RequestOutcome::LoginRequired(login)) => {
                Carried::answered(self.nothing_made(on), Answer::Login(login))
            }
            Err(error) if error.effect() == Effect::None => {
                info!(%service, %grant, error = %error.detail(), "no credential was made");
                let (again, reconciles) = (self.again(Some(&error)), self.reconciles(service));
                Carried::failed(Event::NothingMade { again, reconciles }, error.into())
            }
            Err(error) => match error.orphan().cloned() {
                // The plugin broke the contract but named its credential, so it is revoked.
                Some(credential) => {
                    warn!(%service, %grant, error = %error.detail(), "a credential is discarded");
                    let event = if credential.as_str().len() > MAX_STATE_BYTES {
                        Event::Unstorable { credential }
                    } else {
                        Event::Discard { now, credential }
                    };
                    Carried::failed(event, GrantsError::discarded(error))
                }
                None => self.unanswered(on, error, machine::IndeterminateReason::NoAnswer),
            },
        }
    }

    fn unanswered(
        &self,
        on: &Claimed<'_, Self>,
        error: IssuerError,
        reason: machine::IndeterminateReason,
    ) -> Done {
        let (grant, service) = (GrantId::of(on.entry.address), &on.entry.fixed.service);
        warn!(%service, %grant, error = %error.detail(), "it is not known whether there is a credential");
        let (again, reconciles) = (self.again(Some(&error)), self.reconciles(service));
        let event = Event::Unanswered { again, reconciles, reason };
        Carried::failed(event, GrantsError::Uncertain { grant, error })
    }

    /// Asks the plugin about the outcome of a request.
    ///
    /// See decision R2.
    async fn reconcile(&self, on: &Claimed<'_, Self>) -> Done {
        let (grant, owner) = (GrantId::of(on.entry.address), &on.entry.fixed);
        let Some((issuer, configuration)) =
            self.services.get(&owner.service).and_then(RunningService::usable)
        else {
            let (again, reason) = (self.again(None), machine::IndeterminateReason::NotReconciled);
            return Carried::failed(
                Event::Unanswered { again, reconciles: true, reason },
                TransitionError::Disabled.into(),
            );
        };
        let mut context = match owner.context() {
            Ok(context) => context,
            Err(error) => {
                return Carried::failed(Event::CannotTell { now: self.clock.now() }, error.into());
            }
        };
        context.configuration = configuration;
        context.intent = Some(grant.intent());
        let question = Reconciliation::new(context, IntendedEffect::Request);
        let answer = issuer.reconcile(question, on.working().await).await;
        let now = self.clock.now();
        match answer {
            Ok(Reconciled::NothingHappened | Reconciled::Destroyed) => Carried::done(Event::NeverMade),
            Ok(Reconciled::Made(credential)) if check_state(&credential, &[]).is_ok() => {
                Carried::done(Event::Issued { now, credential, undelivered: true })
            }
            Ok(_) => Carried::done(Event::CannotTell { now }),
            Err(error) => self.unanswered(on, error, machine::IndeterminateReason::NotReconciled),
        }
    }

    /// Makes the context of a revocation: the caller's, or one from the stored claims.
    fn context(on: &Claimed<'_, Self>, live: Option<&Live>) -> Result<Context, GrantsError> {
        let grant = GrantId::of(on.entry.address);
        let mut context = match live {
            Some(live) => live.requester().context(),
            None => on.entry.fixed.context()?,
        };
        context.intent = Some(grant.revocation());
        Ok(context)
    }

    async fn revoke(
        &self,
        on: &Claimed<'_, Self>,
        credential: CredentialRef,
        orphans: u32,
        live: Option<&Live>,
    ) -> Done {
        let (grant, service) = (GrantId::of(on.entry.address), &on.entry.fixed.service);
        let Some((issuer, configuration)) = self.services.get(service).and_then(RunningService::usable)
        else {
            return Carried::failed(
                Event::NotRevoked { again: self.again(None) },
                TransitionError::Disabled.into(),
            );
        };
        let mut context = match Self::context(on, live) {
            Ok(context) => context,
            Err(error) => return Carried::failed(Event::NotRevoked { again: self.again(None) }, error),
        };
        context.configuration = configuration;
        match issuer.revoke(Revocation::new(context, credential), on.working().await).await {
            Ok(()) => Carried::done(Event::Revoked { orphans }),
            Err(error) => {
                warn!(%service, %grant, error = %error.detail(), "a credential was not revoked");
                let event = Event::NotRevoked { again: self.again(Some(&error)) };
                Carried::failed(event, GrantsError::NotRevoked { grant, failures: 0, retry_at: None, error })
            }
        }
    }

    /// Revokes a credential whose state is not stored, unless a grant has that state. Attempts are
    /// limited by number and time (decision W6).
    async fn discard(&self, on: &Claimed<'_, Self>, credential: CredentialRef, live: Option<&Live>) -> Done {
        let disposal = self.dispose(on, &credential, live).await;
        let event = Event::Discarded { now: self.clock.now(), revoked: disposal == Disposal::Revoked };
        Carried::failed(event, GrantsError::Overtaken { grant: GrantId::of(on.entry.address), disposal })
    }

    async fn dispose(
        &self,
        on: &Claimed<'_, Self>,
        credential: &CredentialRef,
        live: Option<&Live>,
    ) -> Disposal {
        let service = &on.entry.fixed.service;
        let usable = self.services.get(service).and_then(RunningService::usable);
        let (Some((issuer, configuration)), Ok(mut context)) = (usable, Self::context(on, live)) else {
            return Disposal::NotRevoked;
        };
        context.configuration = configuration;
        let retries: Retries = self.limits.cleanup_retries;
        let begun = tokio::time::Instant::now();
        for failures in 1.. {
            match on.holder_of(&names_of(&on.entry.address.scope, &on.entry.fixed, credential)).await {
                Ok(None) => {}
                Ok(Some(_)) => return Disposal::SharesState,
                Err(_) => return Disposal::NotRevoked,
            }
            let revocation = Revocation::new(context.clone(), credential.clone());
            let Err(error) = issuer.revoke(revocation, on.working().await).await else {
                return Disposal::Revoked;
            };
            let Again { retry_after, jitter, .. } = self.again(Some(&error));
            let wait = retries.wait(failures, retry_after, jitter);
            if failures >= retries.attempts || begun.elapsed().saturating_add(wait) > retries.within {
                let grant = GrantId::of(on.entry.address);
                warn!(%service, %grant, error = %error.detail(), "a credential that was not handed out could not be revoked");
                break;
            }
            tokio::time::sleep(wait).await;
        }
        Disposal::NotRevoked
    }
}

/// Checks that a state may be stored.
///
/// See decision W8.
pub(super) fn check_state(state: &CredentialRef, credential: &[CredentialPart]) -> Result<(), Violation> {
    if state.as_str().len() > MAX_STATE_BYTES {
        return Err(Violation::new("state", Rule::Other { text: "it is longer than 16 KiB" }));
    }
    state.check_keeps_no_secret(credential)
}
