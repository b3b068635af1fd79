//! A session of a user, in the memory of its host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyway_credentials::{
    Busy, Candidate, Connection, Cookie, CredentialKind, CredentialStoreName, FetchOutcome, Holder,
    MAX_CHECK_OUTS, SessionId, remote_app_candidate,
};
use tokio::time::{Instant, timeout};

use super::admission::{admit, check_facts};
use super::asking::{Answer, Asking, Caller, Failed, operation};
use super::audit::{Action, Transition};
use super::changes::replaces;
use super::dropped::{Dropped, end_dropped};
use super::ending::Ending;
use super::engine::Sessions;
use super::error::SessionsError;
use super::fetch::{CredentialType, FetchRequest, Fetched};
use super::live::Live;
use super::machine::{TransitionError, What};
use super::new_session::NewSession;
use super::part::Part;
use super::record::SessionAtStore;
use super::refusals::Refusals;
use super::search::{Attempt, Search};
use super::state::{Data, FetchStage, OpenFetch};
use super::together::together;
use super::vault::RunningVault;
use super::workflow::SessionWorkflow;
use crate::records::{Entry, random};

/// A session of a user.
///
/// It makes one call at a time; a second caller waits. Every check-out is recorded before the caller gets the
/// credentials. A check-out is checked in when the session does not need it any more: at the latest when the session
/// [ends](Self::end), when its last handle is dropped, or when the host starts again after a crash. Neither a dropped
/// handle nor a new start of the host ends a [detached](NewSession::detached) session. A clone is another handle to the
/// same session.
///
/// If the end of a session without a handle cannot be stored, it is repeated until it is stored or this run of the host
/// is gone. In the latter case, the next start of the host ends the session.
#[derive(Clone, Debug)]
pub struct Session {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sessions: Sessions,
    connection: Arc<Connection>,
    /// The connection without the user's login.
    anonymous: Arc<Connection>,
    holder: Option<Holder>,
    is_detached: bool,
    session_cookie: Cookie,
    calls: Arc<AtomicU64>,
    progress: tokio::sync::Mutex<Progress>,
    ending: Ending,
}

/// The progress of a session. It stays locked during a call.
#[derive(Debug, Default)]
struct Progress {
    parts: BTreeMap<CredentialStoreName, Box<Part>>,
    has_ended: bool,
}

/// The result of a call that concerns all stores of a session.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Settled {
    /// The failures of stores. The host makes the failed calls again: check-ins until they succeed, and notices as
    /// often as its retries allow.
    pub failures: Vec<SessionsError>,
}

impl Session {
    pub(super) fn new(
        sessions: Sessions,
        new: NewSession,
        entries: impl IntoIterator<Item = Box<Entry<SessionWorkflow>>>,
    ) -> Result<Self, SessionsError> {
        let NewSession { connection, holder, stores, is_detached } = new;
        check_facts(&connection)?;
        let mut anonymous = connection.clone();
        (anonymous.gateway_username, anonymous.gateway_password) = (None, None);
        let mut session = Inner {
            sessions,
            connection: Arc::new(connection),
            anonymous: Arc::new(anonymous),
            holder,
            is_detached,
            session_cookie: Cookie::default(),
            calls: Arc::default(),
            progress: tokio::sync::Mutex::default(),
            ending: Ending::default(),
        };
        for store in stores {
            let part = session.part(&*session.sessions.vault(&store)?);
            session.progress.get_mut().parts.insert(store, Box::new(part));
        }
        for entry in entries {
            let live = session.live();
            // Takes over the cookies from the stored record.
            let none = Data::default();
            let stored = entry.state.as_ref().map_or(&none, |state| &state.data);
            let _ = live.context(Arc::clone(&session.anonymous), stored);
            session.calls.fetch_max(stored.calls, Ordering::Relaxed);
            let at = entry.fixed.clone();
            let part = Part { entry: Some(entry), has_record: true, ..Part::new(at, live) };
            session.progress.get_mut().parts.insert(part.at.store.clone(), Box::new(part));
        }
        Ok(Self { inner: Arc::new(session) })
    }

    /// Returns the session's id.
    pub fn id(&self) -> &SessionId {
        &self.inner.connection.session_id
    }

    /// Returns the data that all stores and other plugins of the session share. Data that another plugin wrote is
    /// [merged](Cookie::merge) into it between the calls (decision S11).
    pub fn cookie(&self) -> &Cookie {
        &self.inner.session_cookie
    }

    /// Fetches credentials: asks the store for one candidate after the other, until one has credentials. If none has
    /// credentials, and another session holds an account exclusively, the call waits in the queue for the first such
    /// account (decision S10).
    ///
    /// The call first checks in the unproven leases of the session at this store. A fetch of one-time codes or of a
    /// remote application leaves these leases as they are, because it does not replace earlier credentials (decision
    /// S3).
    ///
    /// # Errors
    /// [`SessionsError::Demanded`] and [`SessionsError::Locked`] before any store is asked; [`SessionsError::Store`]
    /// when the store failed: if the effect is unknown, the host finds out later; [`SessionsError::Refused`],
    /// [`SessionsError::Overtaken`], [`SessionsError::Record`].
    ///
    /// # Cancel safety
    /// A dropped future may leave a check-out that was not handed out. Its intent is always stored, so the host checks
    /// it in.
    pub async fn fetch<C: CredentialType>(
        &self,
        store: &CredentialStoreName,
        request: FetchRequest,
    ) -> Result<Fetched<C>, SessionsError> {
        let inner = &*self.inner;
        let vault = inner.sessions.vault(store)?;
        admit(&vault, C::KIND, &request)?;
        let mut progress = inner.progress.lock().await;
        if progress.has_ended {
            return Err(TransitionError::Ended.into());
        }
        let part = progress.parts.entry(store.clone()).or_insert_with(|| Box::new(inner.part(&vault)));
        let search = match C::KIND {
            CredentialKind::RemoteApp => {
                let asked =
                    remote_app_candidate(&inner.connection, &inner.session_cookie, request.asset.as_deref());
                match asked {
                    Some(candidate) => Search::one(candidate),
                    None => return Ok(Fetched::Nothing(Vec::new())),
                }
            }
            _ => Search::of(&vault.rules, &inner.connection, vault.capabilities().own_accounts),
        };
        let fetch = Fetch { vault: &vault, kind: C::KIND, request: &request, search };
        let answer = inner.ask(part, &fetch, None).await?;
        let answer = match answer {
            Answer::Nothing(attempts) => {
                let first = attempts.iter().find_map(|attempt| match &attempt.outcome {
                    FetchOutcome::Busy(busy) => Some((attempt.candidate.clone(), busy.clone())),
                    _ => None,
                });
                // A session does not wait for itself. But the account of a one-time code may be busy until the next code,
                // and the session often holds it for the password (decision H217).
                let is_code = C::KIND == CredentialKind::TotpCodes;
                match first.filter(|(candidate, _)| is_code || !part.holds(candidate)) {
                    Some(first) => {
                        inner.wait(part, &fetch, first).await?.unwrap_or(Answer::Nothing(attempts))
                    }
                    None => Answer::Nothing(attempts),
                }
            }
            found @ Answer::Found(..) => found,
        };
        Ok(Fetched::of(answer).unwrap_or(Fetched::Nothing(Vec::new())))
    }

    /// Tells the stores that the target accepted the credentials, and checks the credentials in if this is the
    /// [moment](super::Vault::check_in_triggers) for it. A repeated call changes nothing.
    ///
    /// # Errors
    /// [`TransitionError::Ended`]; [`SessionsError::Record`]; [`SessionsError::NoVault`] as for [`end`](Self::end). A
    /// failure of a store is in [`Settled`].
    ///
    /// # Cancel safety
    /// If the future is dropped, some stores may not be told; call the function again.
    pub async fn authentication_completed(&self) -> Result<Settled, SessionsError> {
        let mut progress = self.inner.progress.lock().await;
        if progress.has_ended {
            return Err(TransitionError::Ended.into());
        }
        let protocol = self.inner.connection.protocol.as_deref();
        let what = |vault: &RunningVault, part: &Part| {
            let trigger = vault.rules.triggers.of(protocol);
            What::AuthenticationCompleted { trigger, read: part.read.clone() }
        };
        self.inner.tell(&mut progress, what).await
    }

    /// Checks in the credentials that the target did not accept.
    ///
    /// # Errors
    /// [`SessionsError::Record`]; [`SessionsError::NoVault`] as for [`end`](Self::end). A failure of a store is in
    /// [`Settled`].
    ///
    /// # Cancel safety
    /// If the future is dropped, some stores may not be told; call the function again.
    pub async fn authentication_failed(&self) -> Result<Settled, SessionsError> {
        let mut progress = self.inner.progress.lock().await;
        self.inner.tell(&mut progress, |_, _| What::AuthenticationFailed).await
    }

    /// Ends the session: checks in everything that it holds, and tells the stores. A repeated call changes nothing.
    ///
    /// # Errors
    /// [`SessionsError::Record`]; [`SessionsError::NoVault`] if the session was [resumed](Sessions::resume) and has a
    /// record of a store for which the host has no vault: the other stores are told all the same. A failure of a store
    /// is in [`Settled`]; the host tries again, even after a restart.
    ///
    /// # Cancel safety
    /// If the future is dropped, the host ends the session when the last handle of the session is dropped. A
    /// [detached](NewSession::detached) session may stay open: call the function again.
    pub async fn end(&self) -> Result<Settled, SessionsError> {
        let _under_way = self.inner.ending.announce();
        let mut progress = self.inner.progress.lock().await;
        progress.has_ended = true;
        // A resumed session is ended by a restart only if its record says so, whatever this handle is.
        let what = |_: &RunningVault, part: &Part| What::End {
            read: part.read.clone(),
            recovers: part.at.host.is_some(),
        };
        self.inner.tell(&mut progress, what).await
    }
}

/// The fetch of a caller.
struct Fetch<'a> {
    vault: &'a RunningVault,
    kind: CredentialKind,
    request: &'a FetchRequest,
    search: Search,
}

impl Inner {
    fn live(&self) -> Live {
        Live::new(Arc::clone(&self.connection), self.session_cookie.clone(), Arc::clone(&self.calls))
    }

    fn part(&self, vault: &RunningVault) -> Part {
        let connection = if vault.rules.lends_login { &self.connection } else { &self.anonymous };
        let run = &self.sessions.worker.run;
        let at = SessionAtStore {
            store: vault.name.clone(),
            connection: Arc::clone(connection),
            holder: self.holder.clone(),
            host: (!self.is_detached).then(|| (Arc::clone(&run.host), run.number)),
        };
        Part::new(at, self.live())
    }

    /// Asks for the candidates of a search. `first_for` is the candidate in whose queue the session is the first.
    async fn ask(
        &self,
        part: &mut Part,
        fetch: &Fetch<'_>,
        first_for: Option<Candidate>,
    ) -> Result<Answer, SessionsError> {
        let (worker, request) = (&self.sessions.worker, fetch.request);
        let (store, now) = (&part.at.store, worker.clock.now());
        let refusals = Refusals {
            store: store.clone(),
            holder: self.holder.clone(),
            now,
            locks: self.sessions.locks().await?,
            queues: Arc::clone(&worker.workflow.queues),
            first_for,
            held: Vec::new(),
        };
        if let Some(lock) = refusals.lock(None) {
            return Err(SessionsError::Locked { by: lock.by.clone(), reason: lock.reason.clone() });
        }
        let session = self.connection.session_id.as_str();
        let id = match &request.call {
            Some(call) => worker.journal.id_of(&[session, store.as_str(), call].map(str::as_bytes)),
            None => random()?,
        };
        let (reason, ticket) = (request.reason.clone(), request.ticket.clone());
        let open = OpenFetch {
            id,
            kind: fetch.kind,
            search: fetch.search.clone(),
            reason,
            ticket,
            only: None,
            last: None,
            settled: 0,
            stage: FetchStage::Pending,
        };
        let refusals = Arc::new(refusals);
        if !fetch.vault.capabilities().leases {
            return self.read(part, fetch.vault, &open, refusals).await;
        }
        part.live.refusals = Some(refusals);
        let again = fetch.vault.capabilities().idempotent;
        let (answer, failures) = part.submit(&self.sessions, What::Fetch { fetch: open, again }).await?;
        let operation = operation(fetch.kind);
        let asked = |failure: &SessionsError| matches!(failure, SessionsError::Store { call, .. } if *call == operation);
        let dropped =
            || if part.is_full() { TransitionError::TooMany.into() } else { SessionsError::Overtaken };
        answer.ok_or_else(|| failures.into_iter().rev().find(asked).unwrap_or_else(dropped))
    }

    /// Asks a store without leases. The store only reads, so nothing is recorded (decision S2).
    async fn read(
        &self,
        part: &mut Part,
        vault: &RunningVault,
        open: &OpenFetch,
        refusals: Arc<Refusals>,
    ) -> Result<Answer, SessionsError> {
        let worker = &self.sessions.worker;
        let none = Data::default();
        let stored =
            part.entry.as_ref().and_then(|entry| entry.state.as_ref()).map_or(&none, |state| &state.data);
        let session = part.live.context(Arc::clone(&self.connection), stored);
        let asking = Asking { vault, session, open, caller: Caller::Reading };
        let now = refusals.now;
        let asked = asking.ask_all(refusals, now).await;
        let (action, failed) = match &asked {
            Ok(Answer::Found(..)) => (Action::CheckOut, false),
            Ok(Answer::Nothing(_)) => (Action::NothingFound, false),
            Err(_) => (Action::FetchFailed, true),
        };
        let plain = Transition {
            kind: Some(open.kind),
            user_reason: open.reason.as_deref(),
            ticket: open.ticket.as_deref(),
            failed,
            ..Transition::new(&part.at, action)
        };
        worker.workflow.report(&match &asked {
            Ok(Answer::Found(check_out, _)) => plain.of(check_out),
            _ => plain,
        });
        let answer = asked.map_err(|Failed { error, .. }| {
            let name = vault.name.clone();
            SessionsError::Store { name, call: operation(open.kind), error }
        })?;
        if replaces(open.kind) {
            part.read.clear();
        }
        if let Answer::Found(check_out, _) = &answer {
            if part.read.len() == MAX_CHECK_OUTS {
                part.read.remove(0);
            }
            part.read.push(check_out.clone());
        }
        Ok(answer)
    }

    /// Waits in the queue for an account, and asks for it when it may be free. Returns `None` when the waiting time is
    /// over, when the session ends, or when the account is free but has no credentials for the session.
    async fn wait(
        &self,
        part: &mut Part,
        fetch: &Fetch<'_>,
        (candidate, mut busy): (Candidate, Busy),
    ) -> Result<Option<Answer>, SessionsError> {
        let wait = fetch.request.busy_wait.unwrap_or(fetch.vault.rules.busy_wait);
        if wait == Duration::ZERO {
            return Ok(None);
        }
        let worker = &self.sessions.worker;
        let begun = Instant::now();
        let mut place = worker.workflow.queues.join(fetch.vault.name.clone(), candidate.clone());
        let mut is_first = false;
        loop {
            let now = worker.clock.now();
            let waited = timeout(wait.saturating_sub(begun.elapsed()), async {
                if is_first {
                    place.freed(&busy, now).await;
                }
                place.turn().await;
            });
            tokio::select! {
                waited = waited => if waited.is_err() { return Ok(None) },
                () = self.ending.begins() => return Ok(None),
            }
            is_first = true;
            // The whole search is repeated, so that each candidate keeps its number and therefore its intent.
            match self.ask(part, fetch, Some(candidate.clone())).await? {
                Answer::Nothing(attempts) => {
                    match attempts.into_iter().find(|attempt| attempt.candidate == candidate) {
                        Some(Attempt { outcome: FetchOutcome::Busy(again), .. }) => busy = again,
                        // The account is no longer busy, but has no credentials for this session.
                        _ => return Ok(None),
                    }
                }
                found @ Answer::Found(..) => return Ok(Some(found)),
            }
        }
    }

    /// Tells all stores of the session of an event at the same time, except stores that know that the session has
    /// ended.
    async fn tell(
        &self,
        progress: &mut Progress,
        what: impl Fn(&RunningVault, &Part) -> What + Sync,
    ) -> Result<Settled, SessionsError> {
        let (has_ended, what) = (progress.has_ended, &what);
        let parts: Vec<_> = progress.parts.values_mut().filter(|part| !part.has_ended).collect();
        // A store that hangs must not delay what the others are told.
        let told = together(parts, |part| async move {
            let vault = self.sessions.vault(&part.at.store)?;
            let what = what(&vault, part);
            let takes_read = !matches!(what, What::AuthenticationFailed);
            match part.submit(&self.sessions, what).await {
                Ok((_, failures)) => {
                    part.has_ended = has_ended;
                    if takes_read {
                        part.read.clear();
                    }
                    Ok(failures)
                }
                Err(SessionsError::Refused(TransitionError::NoSession)) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        })
        .await;
        let failures: Result<Vec<_>, _> = told.into_iter().collect();
        Ok(Settled { failures: failures?.into_iter().flatten().collect() })
    }
}

/// Ends a session whose last handle is dropped. Its caller is gone, perhaps because of a panic.
impl Drop for Inner {
    fn drop(&mut self) {
        if self.is_detached {
            return;
        }
        let parts = std::mem::take(&mut self.progress.get_mut().parts).into_values();
        // Without a runtime, the host ends the session at its next start.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        for part in parts.filter(|part| !part.has_ended) {
            runtime.spawn(end_dropped(Arc::clone(&self.sessions.worker), Dropped::from(*part)));
        }
    }
}
