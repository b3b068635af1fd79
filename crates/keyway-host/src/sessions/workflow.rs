//! Carries out the commands of a session.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use keyway_core::{Effect, PluginError, Timestamp};
use keyway_credentials::{
    CheckIn, CheckInReason, CheckOut as SeenCheckOut, CredentialError, CredentialStore, CredentialStoreName,
    LeaseRenewal, Rotation, SessionContext, SessionEvent,
};
use tracing::warn;

use super::asking::{Answer, Asking, Caller, Failed, Resolved, intent, operation};
use super::audit::{SessionAudit, Transition, report};
use super::error::SessionsError;
use super::lease_times::{extension, return_at};
use super::live::{Live, data, stored_context};
use super::machine::{self, Command, Event, Told, TransitionError, What};
use super::queue::Queues;
use super::record::SessionAtStore;
use super::state::{CheckOut, Data, FetchStage, Notice, OpenFetch, Owed, SessionState, Stage};
use super::vault::RunningVault;
use super::verifying::verify_due;
use crate::plugin::{LaneGuard, contain};
use crate::records::{Due, Entry, Names, RecordKind, Recorded, id_text};
use crate::work::{Carried, Claimed, Lane, Limits, Machine, Run, Workflow};

/// The vaults of a host, and the data that its sessions share.
pub(crate) struct SessionWorkflow {
    pub(super) vaults: BTreeMap<CredentialStoreName, Arc<RunningVault>>,
    pub(super) limits: Limits,
    pub(super) audit: Option<Arc<dyn SessionAudit>>,
    pub(super) queues: Arc<Queues>,
}

impl std::fmt::Debug for SessionWorkflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionWorkflow").field("vaults", &self.vaults).finish_non_exhaustive()
    }
}

/// The first part of the name of a host's list: the sessions that live in the memory of that host.
const HOST: &[u8] = b"host";
/// The first parts of the names of the lists of sessions. `HOLDER`, `ACCOUNT` and `ASSET` list the sessions with a
/// lease that is not checked in, by person, by account, and by asset. `UNDECIDED` lists the sessions with a fetch for
/// which a person has to find out whether there is a check-out.
pub(super) const HOLDER: &[u8] = b"holder";
pub(super) const ACCOUNT: &[u8] = b"account";
pub(super) const ASSET: &[u8] = b"asset";
pub(super) const UNDECIDED: &[u8] = b"undecided";

impl Recorded for SessionWorkflow {
    const KIND: RecordKind = RecordKind::Session;
    type Fixed = SessionAtStore;
    type State = SessionState;

    fn listed<'a>(session: &'a SessionAtStore, state: &'a SessionState) -> Vec<Names<'a>> {
        let mut lists: Vec<Names<'a>> = Vec::with_capacity(4);
        if let Some((host, _)) = &session.host {
            lists.push(Names::of([HOST, host.as_bytes()]));
        }
        let mut add = |names: Names<'a>| {
            if !lists.contains(&names) {
                lists.push(names);
            }
        };
        for out in state.check_outs.iter().filter(|out| out.is_out()) {
            add(Names::of([ACCOUNT, out.candidate.account.as_str().as_bytes()]));
            add(Names::of([ASSET, out.candidate.asset.as_str().as_bytes()]));
            if let Some(holder) = &session.holder {
                add(Names::of([HOLDER, holder.as_str().as_bytes()]));
            }
        }
        if state.fetches.iter().any(|open| open.stage == FetchStage::Undecided) {
            add(Names::of([UNDECIDED]));
        }
        lists
    }

    fn callers_of(host: &str) -> Option<Names<'_>> {
        Some(Names::of([HOST, host.as_bytes()]))
    }

    fn due(_: &SessionAtStore, state: &SessionState) -> Due {
        let notices = [state.authenticated, state.ended].into_iter().filter_map(|notice| match notice {
            Notice::Owed(owed) => Some(owed.next),
            Notice::NotDue | Notice::Done => None,
        });
        let check_outs = state.check_outs.iter().filter_map(|out| match &out.stage {
            Stage::Returning { owed, .. } => Some(owed.next),
            Stage::Held { renew } => {
                let ends = out.lease.as_ref().and_then(|lease| return_at(lease, out.term));
                [ends, renew.map(|owed: Owed| owed.next)].into_iter().flatten().min()
            }
            Stage::Returned => None,
        });
        let fetches = state.fetches.iter().filter_map(|open| match open.stage {
            // A caller that asks the store has a claim. Without a claim the caller is gone, so the fetch is due at
            // once.
            FetchStage::Pending | FetchStage::Asked => Some(Timestamp::default()),
            FetchStage::Unsettled(owed) => Some(owed.next),
            FetchStage::Undecided => None,
        });
        match notices.chain(check_outs).chain(fetches).min() {
            Some(at) => Due::At(at),
            None if state.fetches.is_empty() => Due::Never,
            None => Due::Decision,
        }
    }

    /// Returns the name of the store. Each store has one plugin.
    fn lane(session: &SessionAtStore) -> &str {
        session.store.as_str()
    }
}

type Done = Carried<SessionWorkflow>;
type OnSession<'a> = Claimed<'a, SessionWorkflow>;

impl Workflow for SessionWorkflow {
    type Event = Event;
    type Command = Command;
    type TransitionError = TransitionError;
    type Live = Live;
    type Answer = Answer;
    type Failure = SessionsError;

    const ENGINE: &'static str = "sessions";
    const STEP: Machine<Self> = machine::step;

    fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the command that checks in a check-out that could not be stored.
    fn undo(event: &Event) -> Option<Command> {
        match &event.what {
            What::Found { check_out, .. } if check_out.lease.is_some() => {
                Some(Command::CheckIn(check_out.clone()))
            }
            _ => None,
        }
    }

    fn wake(&self, session: &SessionAtStore, now: Timestamp) -> Event {
        self.event(&session.store, now, What::Wake)
    }

    fn record_id(entry: &Entry<Self>) -> String {
        id_text(&entry.address.id)
    }

    fn is_elsewhere(failure: &SessionsError) -> bool {
        matches!(failure, SessionsError::Refused(TransitionError::InFlight | TransitionError::NoSession))
    }

    fn stored(&self, entry: &Entry<Self>, event: &Event) {
        let freed = match &event.what {
            What::CheckIn { check_out, taken_back: Ok(_) } => Some(check_out),
            _ => None,
        };
        if let Some(out) = freed {
            self.queues.free(&entry.fixed.store, &out.candidate);
        }
        self.audit(|audit| report(audit, &entry.fixed, event));
    }

    fn caller_lost(&self, session: &SessionAtStore, run: &Run, now: Timestamp) -> Option<Event> {
        let (_, number) = session.host.as_ref()?;
        (*number != run.number).then(|| self.event(&session.store, now, What::HostLost))
    }

    /// Tells whether a command has no single deadline. A fetch asks for many candidates, and each of these calls has
    /// its own deadline.
    fn is_long(command: &Command) -> bool {
        matches!(command, Command::Search(_) | Command::Resolve(_))
    }

    fn tick(&self, now: Timestamp) {
        verify_due(self.vaults.values(), self.audit.as_ref(), now).detach_all();
    }

    fn lanes(&self) -> Vec<Lane> {
        self.vaults.values().map(|vault| vault.lane()).collect()
    }

    fn guard(&self, lane: &str) -> Option<&dyn LaneGuard> {
        self.vaults.get(lane)?.guard()
    }

    async fn carry_out(&self, on: &OnSession<'_>, command: Command, live: Option<&Live>) -> Done {
        let (entry, at) = (on.entry, &on.entry.fixed);
        let none = Data::default();
        let stored = entry.state.as_ref().map_or(&none, |state| &state.data);
        // Only a fetch always has the user's login (decision S6).
        let connection = match (&command, live) {
            (Command::Search(_), Some(live)) => &live.connection,
            _ => &at.connection,
        };
        let connection = Arc::clone(connection);
        let session = match live {
            Some(live) => live.context(connection, stored),
            None => stored_context(connection, stored),
        };
        let (what, answer, failure) = match self.vaults.get(&at.store) {
            Some(vault) => self.call(on, vault, &session, command, live).await,
            None => not_asked(on, command, SessionsError::NoVault { name: at.store.clone() }),
        };
        let data = match live {
            Some(live) => live.data(&session, stored),
            None => data(&session, stored.calls + 1),
        };
        let event = Event { data: Some(data), ..self.event(&at.store, on.now(), what) };
        if let Some(failure) = &failure {
            warn!(store = %at.store, session = W::record_id(entry), error = %failure.detail(), "a vault failed");
        }
        Carried { event, answer, failure }
    }
}

type W = SessionWorkflow;
type Called = (What, Option<Answer>, Option<SessionsError>);

impl SessionWorkflow {
    /// Passes a report to the host's audit.
    fn audit(&self, report: impl FnOnce(&dyn SessionAudit)) {
        if let Some(audit) = &self.audit
            && contain(|| report(&**audit)).is_err()
        {
            tracing::error!("the audit of sessions panicked");
        }
    }

    pub(super) fn report(&self, transition: &Transition<'_>) {
        self.audit(|audit| audit.happened(transition));
    }

    pub(super) fn event(&self, store: &CredentialStoreName, now: Timestamp, what: What) -> Event {
        // A vault that is missing may be configured again.
        let resolves = self.vaults.get(store).is_none_or(|vault| vault.resolves());
        Event { now, resolves, data: None, continues: false, what }
    }

    async fn call(
        &self,
        on: &OnSession<'_>,
        vault: &RunningVault,
        session: &SessionContext,
        command: Command,
        live: Option<&Live>,
    ) -> Called {
        let failed = |call, error| Some(failure(vault, call, error));
        let again = |error: &CredentialError| on.again(error.kind().retry_after());
        match command {
            Command::Search(open) => search(on, vault, session, &open, live).await,
            Command::Resolve(open) => resolve(on, vault, session, &open).await,
            Command::CheckIn(check_out) => {
                let Some(asked) = check_in(&check_out, session.clone()) else {
                    let taken_back = Ok(Rotation::NotRotated);
                    return (What::CheckIn { check_out, taken_back }, None, None);
                };
                let work = |store: Arc<dyn CredentialStore>| async move { store.check_in(&asked).await };
                let (taken_back, failure) = match self.guarded(on, vault, "check_in", work).await {
                    Ok(checked_in) => (Ok(checked_in.rotation), None),
                    Err(CredentialError::UnknownLease { .. }) => (Ok(Rotation::NotRotated), None),
                    // The store gave leases once, and does not keep any now (decision H316).
                    Err(CredentialError::Unsupported { .. }) if !vault.capabilities().leases => {
                        let (store, lease) = (&vault.name, check_out.id);
                        warn!(%store, %lease, "the store keeps no leases any more, so this one is not returned");
                        (Ok(Rotation::NotRotated), None)
                    }
                    Err(error) => (Err(again(&error)), failed("check_in", error)),
                };
                (What::CheckIn { check_out, taken_back }, None, failure)
            }
            Command::Renew(check_out) => {
                let Some(lease) = check_out.lease.clone() else {
                    let renewed = Err(on.again(None));
                    return (What::Renewal { check_out, renewed, is_unclear: false }, None, None);
                };
                let intent = intent(check_out.id, &format!(".renew{}", check_out.renewals));
                let terms = (check_out.made, check_out.term);
                let extension = extension(&lease, terms, on.now(), self.limits.longest_lease);
                let mut asked =
                    LeaseRenewal::new(intent, lease, check_out.candidate.clone(), session.clone());
                asked.extension = extension;
                let work = |store: Arc<dyn CredentialStore>| async move { store.renew(&asked).await };
                match self.guarded(on, vault, "renew", work).await {
                    Ok(lease) => {
                        (What::Renewal { check_out, renewed: Ok(lease), is_unclear: false }, None, None)
                    }
                    Err(error) => {
                        // These two errors show that there was no renewal. Every other error is only about this
                        // attempt, and an earlier attempt may have renewed the lease.
                        let is_unclear = !matches!(
                            error,
                            CredentialError::UnknownLease { .. } | CredentialError::Unsupported { .. }
                        );
                        let what = What::Renewal { check_out, renewed: Err(again(&error)), is_unclear };
                        (what, None, failed("renew", error))
                    }
                }
            }
            Command::Tell(what, check_outs) => {
                let event = session_event(on, what, check_outs, session.clone());
                let call = match what {
                    Told::Authenticated(_) => "authentication_completed",
                    Told::Ended => "session_ended",
                };
                let work = move |store: Arc<dyn CredentialStore>| async move {
                    match what {
                        Told::Authenticated(_) => store.authentication_completed(&event).await,
                        Told::Ended => store.session_ended(&event).await,
                    }
                };
                match self.guarded(on, vault, call, work).await {
                    Ok(()) => (What::Told { what, failed: None }, None, None),
                    Err(error) => {
                        (What::Told { what, failed: Some(again(&error)) }, None, failed(call, error))
                    }
                }
            }
        }
    }

    async fn guarded<T: Send + 'static, F>(
        &self,
        on: &OnSession<'_>,
        vault: &RunningVault,
        call: &'static str,
        work: impl FnOnce(Arc<dyn CredentialStore>) -> F + Send + 'static,
    ) -> Result<T, CredentialError>
    where
        F: Future<Output = Result<T, CredentialError>> + Send + 'static,
    {
        vault.working()?.call(call, on.working().await, work).await
    }
}

/// Asks for the candidates of a fetch.
async fn search(
    on: &OnSession<'_>,
    vault: &RunningVault,
    session: &SessionContext,
    open: &OpenFetch,
    live: Option<&Live>,
) -> Called {
    let Some(refusals) = live.and_then(|live| live.refusals.as_ref()) else {
        // A worker never starts a search, because only the caller of the fetch can use the credentials.
        return (What::NothingFound { fetch: open.id, failed: true }, None, None);
    };
    // The session may have held more when its caller began, because unproven leases were checked in since then.
    let held = on.entry.state.iter().flat_map(SessionState::held).cloned().collect();
    let asking = Asking { vault, session: session.clone(), open, caller: Caller::Claimed(on) };
    match asking.ask_all(refusals.holding(held), on.now()).await {
        Ok(Answer::Found(check_out, credentials)) => {
            let what = What::Found { check_out: check_out.clone(), renews: vault.capabilities().renews };
            (what, Some(Answer::Found(check_out, credentials)), None)
        }
        Ok(answer) => (What::NothingFound { fetch: open.id, failed: false }, Some(answer), None),
        Err(Failed { error, asked }) => {
            let again = on.again(error.kind().retry_after());
            let what = match (error.effect(), asked) {
                (Effect::Unknown, Some(last)) => What::Unclear { fetch: open.id, again, last: Some(last) },
                _ => What::NothingFound { fetch: open.id, failed: true },
            };
            (what, None, Some(failure(vault, operation(open.kind), error)))
        }
    }
}

/// Finds out the outcome of a fetch when that is unknown.
async fn resolve(
    on: &OnSession<'_>,
    vault: &RunningVault,
    session: &SessionContext,
    open: &OpenFetch,
) -> Called {
    // The vault did not work, or was missing, when the fetch was planned to be settled.
    if !vault.resolves() {
        return (What::CannotTell { fetch: open.id }, None, None);
    }
    let asking = Asking { vault, session: session.clone(), open, caller: Caller::Claimed(on) };
    match asking.resolve(on.now()).await {
        Ok(Some(Resolved { held, settled, refused })) => {
            let again = refused.as_ref().map(|error| on.again(error.kind().retry_after()));
            let what = What::Resolved { fetch: open.id, held, settled, again };
            (what, None, refused.map(|error| failure(vault, operation(open.kind), error)))
        }
        Ok(None) => (What::CannotTell { fetch: open.id }, None, None),
        Err(error) => {
            let again = on.again(error.kind().retry_after());
            let what = What::Unclear { fetch: open.id, again, last: None };
            (what, None, Some(failure(vault, "reconcile", error)))
        }
    }
}

fn failure(vault: &RunningVault, call: &'static str, error: CredentialError) -> SessionsError {
    SessionsError::Store { name: vault.name.clone(), call, error }
}

/// Returns the event that takes the place of a call that cannot be made.
fn not_asked(on: &OnSession<'_>, command: Command, failure: SessionsError) -> Called {
    let again = on.again(None);
    let what = match command {
        Command::Search(open) => What::NothingFound { fetch: open.id, failed: true },
        Command::Resolve(open) => What::Unclear { fetch: open.id, again, last: None },
        Command::CheckIn(check_out) => What::CheckIn { check_out, taken_back: Err(again) },
        Command::Renew(check_out) => What::Renewal { check_out, renewed: Err(again), is_unclear: true },
        Command::Tell(what, _) => What::Told { what, failed: Some(again) },
    };
    (what, None, Some(failure))
}

/// Makes the request for a check-in; `None` if there is no lease.
fn check_in(check_out: &CheckOut, session: SessionContext) -> Option<CheckIn> {
    let reason = match &check_out.stage {
        Stage::Returning { reason, .. } => reason.clone(),
        Stage::Held { .. } | Stage::Returned => CheckInReason::Unused,
    };
    let (intent, candidate) = (intent(check_out.id, ".check-in"), check_out.candidate.clone());
    Some(CheckIn::new(intent, check_out.lease.clone()?, candidate, session, reason))
}

fn session_event(
    on: &OnSession<'_>,
    what: Told,
    check_outs: Vec<CheckOut>,
    session: SessionContext,
) -> SessionEvent {
    let mut intent = W::record_id(on.entry);
    match what {
        // Writing to a text cannot fail.
        Told::Authenticated(number) => {
            let _ = write!(intent, ".authenticated{number}");
        }
        Told::Ended => intent.push_str(".ended"),
    }
    let intent = keyway_core::IntentId::new(intent);
    let intent = intent.unwrap_or_else(|| unreachable!("digits, dots and letters are allowed"));
    let seen = check_outs.into_iter().map(|out| SeenCheckOut::new(out.candidate, out.lease));
    seen.fold(SessionEvent::new(intent, session), SessionEvent::with_check_out)
}
