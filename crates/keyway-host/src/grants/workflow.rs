//! Carries out the commands of the state machine by calls to issuers.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyway_core::{Effect, PluginError, Timestamp};
use keyway_issuers::{
    Action, Context, CredentialPart, CredentialRef, CredentialRequest, IntendedEffect, Issued, Issuer,
    IssuerError, LoginRequired, Parameters, Reconciled, Reconciliation, RequestOutcome, Requester,
    Revocation, Rule, ServiceName, Violation,
};
use tracing::{info, warn};

use super::error::{Disposal, GrantsError};
use super::id::GrantId;
use super::issuer::GuardedIssuer;
use super::machine::{
    self, Command, DuplicatePolicy, Event, GrantState, IndeterminateReason, Phase, TransitionError,
};
use super::record::Owner;
use super::request::GrantRequest;
use super::service::RunningService;
use crate::plugin::LaneGuard;
use crate::records::{Due, Entry, NameTag, Names, RecordKind, Recorded};
use crate::work::{Carried, Claimed, Lane, Limits, Machine, Workflow};

/// The longest reference to a credential that is stored, in bytes. Plugins need far less.
pub(super) const MAX_STATE_BYTES: usize = 16 << 10;

/// The services of a host, and their limits.
#[derive(Debug)]
pub(crate) struct GrantWorkflow {
    pub(super) services: BTreeMap<ServiceName, Arc<RunningService>>,
    pub(super) limits: Limits,
    pub(super) drops_missing: bool,
}

/// The part of a call that only its caller has, and that is never stored.
pub(crate) enum Live {
    /// A request with its tokens and parameters.
    Request(GrantRequest),
    /// The login of a user who revokes a credential.
    Revocation(Requester),
}

/// The answer for the caller. It is never stored.
pub(crate) enum Answer {
    Credential(Vec<CredentialPart>),
    Login(LoginRequired),
}

impl Recorded for GrantWorkflow {
    const KIND: RecordKind = RecordKind::Grant;
    const LARGEST: usize = super::record::LARGEST;
    type Fixed = Owner;
    type State = GrantState;

    fn unique<'a>(user: &'a NameTag, owner: &'a Owner, state: &'a GrantState) -> Vec<Names<'a>> {
        state.credential.iter().map(|credential| names_of(user, owner, credential)).collect()
    }

    fn counted<'a>(user: &'a NameTag, owner: &'a Owner) -> Option<Names<'a>> {
        Some(Names::of([user, owner.service.as_str().as_bytes()]))
    }

    fn due(_: &Owner, state: &GrantState) -> Due {
        match state.phase {
            Phase::Granted => Due::Never,
            Phase::Indeterminate => Due::Decision,
            Phase::Intended | Phase::Revoking => state.next.map_or(Due::Decision, Due::At),
        }
    }

    /// Returns the name of the service as the lane. A service has one plugin, so the name identifies both.
    fn lane(owner: &Owner) -> &str {
        owner.service.as_str()
    }
}

fn names_of<'a>(user: &'a NameTag, owner: &'a Owner, credential: &'a CredentialRef) -> Names<'a> {
    Names::of([user, owner.service.as_str().as_bytes(), credential.as_str().as_bytes()])
}

type Done = Carried<GrantWorkflow>;

impl Workflow for GrantWorkflow {
    type Event = Event;
    type Command = Command;
    type TransitionError = TransitionError;
    type Live = Live;
    type Answer = Answer;
    type Failure = GrantsError;

    const ENGINE: &'static str = "grants";
    const STEP: Machine<Self> = machine::step;

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn taken(&self, event: &Event, holder: &Entry<Self>) -> Event {
        let holds = holder.state.as_ref().map(|state| state.phase);
        let duplicates = self.services.get(&holder.fixed.service).map(|running| running.service.duplicates);
        let reuses = |policy: DuplicatePolicy| holds.is_some_and(|phase| policy.reuses(phase));
        match event {
            Event::Issued { .. } => Event::StateTaken { reuse: duplicates.is_some_and(reuses) },
            // The new credential may be the same as that of `holder`, the grant that has the same reference. So it must
            // not be revoked (decision W6).
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

    fn is_elsewhere(failure: &GrantsError) -> bool {
        use TransitionError::{BeingRevoked, InFlight, NoGrant};

        matches!(failure, GrantsError::Refused(InFlight | BeingRevoked | NoGrant))
    }

    fn completed(failure: GrantsError, entry: &Entry<Self>) -> GrantsError {
        failure.completed(entry.state.as_ref())
    }

    fn tick(&self, now: Timestamp) {
        super::service::describe_old(&self.services, now, self.limits.describe_every).detach_all();
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |running: &Arc<RunningService>| Lane {
            name: running.service.name.to_string(),
            is_ready: running.is_ready(),
        };
        self.services.values().map(lane).collect()
    }

    fn guard(&self, lane: &str) -> Option<&dyn LaneGuard> {
        Some(self.services.get(lane)?.issuer.as_ref()?.lane_guard())
    }

    async fn carry_out(&self, on: &Claimed<'_, Self>, command: Command, live: Option<&Live>) -> Done {
        match (self.question(on, &command, live), command, live) {
            (question, Command::Discard(credential), _) => self.discard(on, question.ok(), credential).await,
            (Err(error), command, _) => Carried::failed(self.not_asked(on, &command), error),
            (Ok(question), Command::Request, Some(Live::Request(request))) => {
                self.request(on, question, request.parameters.clone()).await
            }
            // A worker never starts a request, because only the caller has the parameters.
            (Ok(_), Command::Request, _) => Carried::done(self.not_asked(on, &Command::Request)),
            (Ok(question), Command::Reconcile, _) => self.reconcile(on, question).await,
            (Ok(question), Command::Revoke { credential, orphans }, _) => {
                let (grant, (issuer, context)) = (GrantId::of(on.entry.address), question);
                let Err(error) = revoke(on, issuer, Revocation::new(context, credential)).await else {
                    return Carried::done(Event::Revoked { orphans });
                };
                warn!(service = %on.entry.fixed.service, %grant, error = %error.detail(), "a credential was not revoked");
                let event = Event::NotRevoked { again: on.again(error.kind().retry_after()) };
                Carried::failed(event, GrantsError::NotRevoked { grant, failures: 0, retry_at: None, error })
            }
        }
    }
}

/// An issuer, and the context of a call to it.
type Question<'a> = (&'a GuardedIssuer, Context);

impl GrantWorkflow {
    fn reconciles(&self, service: &ServiceName) -> bool {
        let issuer = self.services.get(service).and_then(|running| running.issuer.as_ref());
        issuer.is_some_and(|issuer| issuer.capabilities.reconciles)
    }

    /// Returns the issuer of a grant, and the context of a command. The user in the context is the caller, or else the
    /// stored user.
    fn question(
        &self,
        on: &Claimed<'_, Self>,
        command: &Command,
        live: Option<&Live>,
    ) -> Result<Question<'_>, GrantsError> {
        let (grant, owner) = (GrantId::of(on.entry.address), &on.entry.fixed);
        let usable = self.services.get(&owner.service).and_then(|running| running.usable());
        let (issuer, configuration) = usable.ok_or(TransitionError::Disabled)?;
        let requester = match live {
            Some(Live::Request(request)) => request.requester.clone(),
            Some(Live::Revocation(requester)) => requester.clone(),
            None => owner.requester()?,
        };
        let intent = match command {
            Command::Request | Command::Reconcile => grant.intent(),
            Command::Revoke { .. } | Command::Discard(_) => grant.revocation(),
        };
        let context = Context::new(requester).with_configuration(configuration).with_intent(intent);
        Ok((issuer, context))
    }

    /// Returns the event that replaces the plugin's answer when the plugin cannot be called.
    fn not_asked(&self, on: &Claimed<'_, Self>, command: &Command) -> Event {
        let again = on.again(None);
        match command {
            Command::Request => {
                Event::NothingMade { again, reconciles: self.reconciles(&on.entry.fixed.service) }
            }
            Command::Reconcile => {
                Event::Unanswered { again, reconciles: true, reason: IndeterminateReason::NotReconciled }
            }
            Command::Revoke { .. } => Event::NotRevoked { again },
            Command::Discard(_) => Event::Discarded { now: again.now, revoked: false },
        }
    }

    async fn request(
        &self,
        on: &Claimed<'_, Self>,
        (issuer, context): Question<'_>,
        parameters: Parameters,
    ) -> Done {
        let (grant, service) = (GrantId::of(on.entry.address), &on.entry.fixed.service);
        let asked = CredentialRequest::new(context).with_parameters(parameters);
        let work = |issuer: Arc<dyn Issuer>| async move { issuer.request(&asked).await };
        match issuer.call(Action::Request.word(), on.working().await, work).await {
            Ok(RequestOutcome::Issued(Issued { credential, state })) => {
                match check_state(&state, &credential) {
                    Ok(()) => {
                        let event = Event::Issued { now: on.now(), credential: state, undelivered: false };
                        Carried::answered(event, Answer::Credential(credential))
                    }
                    Err(violation) => {
                        let error = IssuerError::violation(Action::Request, violation);
                        discarded(on, Event::Unstorable { credential: state }, error)
                    }
                }
            }
            Ok(RequestOutcome::LoginRequired(login)) => {
                Carried::answered(self.not_asked(on, &Command::Request), Answer::Login(login))
            }
            Err(error) if error.effect() == Effect::None => {
                info!(%service, %grant, error = %error.detail(), "no credential was made");
                let (again, reconciles) = (on.again(error.kind().retry_after()), self.reconciles(service));
                Carried::failed(Event::NothingMade { again, reconciles }, error.into())
            }
            Err(error) => match error.orphan().cloned() {
                // The plugin broke the contract but named its credential, so the credential is revoked.
                Some(credential) if credential.as_str().len() > MAX_STATE_BYTES => {
                    discarded(on, Event::Unstorable { credential }, error)
                }
                Some(credential) => discarded(on, Event::Discard { now: on.now(), credential }, error),
                None => self.unanswered(on, error, IndeterminateReason::NoAnswer),
            },
        }
    }

    fn unanswered(&self, on: &Claimed<'_, Self>, error: IssuerError, reason: IndeterminateReason) -> Done {
        let (grant, service) = (GrantId::of(on.entry.address), &on.entry.fixed.service);
        warn!(%service, %grant, error = %error.detail(), "it is not known whether there is a credential");
        let (again, reconciles) = (on.again(error.kind().retry_after()), self.reconciles(service));
        let event = Event::Unanswered { again, reconciles, reason };
        Carried::failed(event, GrantsError::Uncertain { grant, error })
    }

    /// Asks the plugin about the outcome of a request.
    ///
    /// See decision R2.
    async fn reconcile(&self, on: &Claimed<'_, Self>, (issuer, context): Question<'_>) -> Done {
        let question = Reconciliation::new(context, IntendedEffect::Request);
        let work = |issuer: Arc<dyn Issuer>| async move { issuer.reconcile(&question).await };
        let answer = issuer.call(Action::Request.word(), on.working().await, work).await;
        let now = on.now();
        match answer {
            Ok(Reconciled::NothingHappened | Reconciled::Destroyed) => Carried::done(Event::NeverMade),
            Ok(Reconciled::Made(credential)) if check_state(&credential, &[]).is_ok() => {
                Carried::done(Event::Issued { now, credential, undelivered: true })
            }
            Ok(_) => Carried::done(Event::CannotTell { now }),
            Err(error) => self.unanswered(on, error, IndeterminateReason::NotReconciled),
        }
    }

    /// Revokes a credential whose reference is not stored, unless a grant has the same reference. The number of
    /// attempts and their time are limited (decision W6).
    async fn discard(
        &self,
        on: &Claimed<'_, Self>,
        question: Option<Question<'_>>,
        credential: CredentialRef,
    ) -> Done {
        let grant = GrantId::of(on.entry.address);
        let disposal = match question {
            Some((issuer, context)) => self.dispose(on, issuer, Revocation::new(context, credential)).await,
            None => Disposal::NotRevoked,
        };
        let event = Event::Discarded { now: on.now(), revoked: disposal == Disposal::Revoked };
        Carried::failed(event, GrantsError::Overtaken { grant, disposal })
    }

    async fn dispose(
        &self,
        on: &Claimed<'_, Self>,
        issuer: &GuardedIssuer,
        revocation: Revocation,
    ) -> Disposal {
        let retries = self.limits.cleanup_retries;
        let begun = tokio::time::Instant::now();
        for failures in 1.. {
            let names = names_of(&on.entry.address.scope, &on.entry.fixed, &revocation.state);
            match on.holder_of(&names).await {
                Ok(None) => {}
                Ok(Some(_)) => return Disposal::SharesState,
                Err(_) => return Disposal::NotRevoked,
            }
            let Err(error) = revoke(on, issuer, revocation.clone()).await else { return Disposal::Revoked };
            let wait = retries.wait(failures, on.again(error.kind().retry_after()));
            if failures >= retries.attempts || begun.elapsed().saturating_add(wait) > retries.within {
                let (grant, service) = (GrantId::of(on.entry.address), &on.entry.fixed.service);
                warn!(%service, %grant, error = %error.detail(), "a credential that was not handed out could not be revoked");
                break;
            }
            tokio::time::sleep(wait).await;
        }
        Disposal::NotRevoked
    }
}

async fn revoke(
    on: &Claimed<'_, GrantWorkflow>,
    issuer: &GuardedIssuer,
    revocation: Revocation,
) -> Result<(), IssuerError> {
    let work = |issuer: Arc<dyn Issuer>| async move { issuer.revoke(&revocation).await };
    issuer.call(Action::Revoke.word(), on.working().await, work).await
}

/// Returns the result for an answer that broke the contract: the credential is not handed out.
fn discarded(on: &Claimed<'_, GrantWorkflow>, event: Event, error: IssuerError) -> Done {
    let (grant, service) = (GrantId::of(on.entry.address), &on.entry.fixed.service);
    warn!(%service, %grant, error = %error.detail(), "a credential is discarded");
    Carried::failed(event, GrantsError::Discarded { disposal: Disposal::NotRevoked, error })
}

/// Checks that the plugin's reference to a credential may be stored.
///
/// See decision W8.
pub(super) fn check_state(state: &CredentialRef, credential: &[CredentialPart]) -> Result<(), Violation> {
    if state.as_str().len() > MAX_STATE_BYTES {
        return Err(Violation::new("state", Rule::Other { text: "it is longer than 16 KiB" }));
    }
    state.check_keeps_no_secret(credential)
}
