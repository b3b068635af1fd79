//! Asks a store for the candidates of a fetch, one after the other.

use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;

use keyway_core::{CallError, IntentId, Timestamp};
use keyway_credentials::{
    Candidate, CredentialError, CredentialKind, CredentialStore, Fetch, FetchOutcome, Found, IntendedCall,
    Lease, Reconciled, SessionContext,
};

use super::record::SessionAtStore;
use super::refusals::Refusals;
use super::search::Walk;
use super::state::{CheckOut, CheckOutId, OpenFetch};
use super::vault::RunningVault;
use super::workflow::SessionWorkflow;
use crate::plugin::Permit;
use crate::records::{NameTag, id_text};
use crate::work::{Claimed, Worker, Working};

/// Credentials of any kind, on their way from the store to the caller of the fetch.
pub(crate) type AnyCredentials = Box<dyn Any + Send>;

/// The outcome of a candidate that has no credentials.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// The account and the asset.
    pub candidate: Candidate,
    /// The outcome, which is not `Found`.
    pub outcome: FetchOutcome<Infallible>,
}

/// The end of a search.
pub(crate) enum Answer {
    /// Credentials, and the check-out that they belong to.
    Found(CheckOut, AnyCredentials),
    /// None of the candidates has credentials.
    Nothing(Vec<Attempt>),
}

/// A fetch on its way.
pub(super) struct Asking<'a> {
    pub(super) vault: &'a RunningVault,
    pub(super) session: SessionContext,
    pub(super) open: &'a OpenFetch,
    pub(super) caller: Caller<'a>,
}

/// The caller of a fetch: it holds the permits of the store's calls, and the record if there is one.
pub(super) enum Caller<'a> {
    /// The caller has claimed the record.
    Claimed(&'a Claimed<'a, SessionWorkflow>),
    /// The caller reads from a store without leases.
    Reading(&'a Worker<SessionWorkflow>, &'a SessionAtStore),
}

impl Caller<'_> {
    /// Returns what a call holds until it has ended.
    async fn hold(&self) -> (Option<Working>, Option<Permit>) {
        match self {
            Self::Claimed(on) => (Some(on.working().await), None),
            Self::Reading(worker, at) => (None, Some(worker.permit(at).await)),
        }
    }
}

impl Asking<'_> {
    /// Asks for each candidate until there are credentials.
    pub(super) async fn ask_all(&self, refusals: &Arc<Refusals>, now: Timestamp) -> Result<Answer, Failed> {
        let (kind, only, leases) = (self.open.kind, self.open.only, self.vault.capabilities().leases);
        let (mut walk, mut attempts) = (Box::new(Walk::new(self.open.search.clone())), Vec::new());
        loop {
            let (template, refusals, count) = (self.fetch(), Arc::clone(refusals), walk.count);
            let ask = move |store: Arc<dyn CredentialStore>| async move {
                let candidate = match walk.next(&*store, &template.session).await {
                    Ok(Some(candidate)) => candidate,
                    Ok(None) => return Ok((walk, Asked::End)),
                    Err(error) => return Ok((walk, Asked::ListFailed(error))),
                };
                if only.is_some_and(|only| only != walk.count) {
                    return Ok((walk, Asked::Skipped));
                }
                if let Some(outcome) = refusals.of(&candidate) {
                    return Ok((walk, Asked::Candidate(candidate, outcome.map(|none| match none {}))));
                }
                let fetch = template.at(candidate, walk.count);
                let outcome = fetch_kind(&*store, kind, &fetch).await?;
                Ok((walk, Asked::Candidate(fetch.candidate, outcome)))
            };
            let failed = |error| Failed { error, asked: Some(count.saturating_add(1)) };
            let opened = self.vault.working().map_err(failed)?;
            let (walked, asked) =
                opened.call(operation(kind), self.caller.hold().await, ask).await.map_err(failed)?;
            walk = walked;
            let (candidate, outcome) = match asked {
                Asked::End => return Ok(Answer::Nothing(attempts)),
                Asked::ListFailed(error) => return Err(Failed { error, asked: None }),
                Asked::Skipped => continue,
                Asked::Candidate(candidate, outcome) => (candidate, outcome),
            };
            match outcome.into_found() {
                Ok(Found { credentials, lease, .. }) => {
                    check_lease(kind, leases, lease.as_ref()).map_err(failed)?;
                    let id = CheckOutId { fetch: self.open.id, number: walk.count };
                    return Ok(Answer::Found(CheckOut::new(id, candidate, lease, now), credentials));
                }
                Err(outcome) => attempts.push(Attempt { candidate, outcome }),
            }
        }
    }

    /// Finds out which leases the store holds for a fetch whose outcome is unknown; `None` if it cannot tell. The
    /// number is that of the last candidate that was asked about, if there are more: a session holds few leases.
    ///
    /// A store that reconciles is asked about each candidate. One that is only idempotent is asked for each again,
    /// also for those that the fetch may not have come to: what it gives then is what the fetch has made, or is new;
    /// both are checked in (decision R2).
    pub(super) async fn resolve(
        &self,
        now: Timestamp,
    ) -> Result<Option<(Vec<CheckOut>, Option<u16>)>, CredentialError> {
        let (kind, reconciles) = (self.open.kind, self.vault.capabilities().reconciles);
        let OpenFetch { only, last, settled, .. } = *self.open;
        let (mut walk, mut held) = (Box::new(Walk::new(self.open.search.clone())), Vec::new());
        loop {
            if last.is_some_and(|last| walk.count >= last) {
                return Ok(Some((held, None)));
            }
            let template = self.fetch();
            let ask = move |store: Arc<dyn CredentialStore>| async move {
                let Some(candidate) = walk.next(&*store, &template.session).await? else {
                    return Ok((walk, None));
                };
                let is_other = only.is_some_and(|only| only != walk.count);
                let fetch = template.at(candidate, walk.count);
                let made = if is_other || walk.count <= settled {
                    Made::Nothing
                } else if reconciles {
                    let question = IntendedCall::Fetch(kind, fetch.clone()).into();
                    match store.reconcile(&question).await? {
                        Reconciled::Made(lease) => Made::Lease(lease),
                        Reconciled::NothingHappened | Reconciled::Destroyed => Made::Nothing,
                        _ => Made::CannotTell,
                    }
                } else {
                    let found = fetch_kind(&*store, kind, &fetch).await?.found();
                    found.and_then(|found| found.lease).map_or(Made::Nothing, Made::Lease)
                };
                Ok((walk, Some((fetch.candidate, made))))
            };
            let (walked, asked) =
                self.vault.working()?.call("reconcile", self.caller.hold().await, ask).await?;
            walk = walked;
            match asked {
                None => return Ok(Some((held, None))),
                Some((_, Made::CannotTell)) => return Ok(None),
                Some((_, Made::Nothing)) => {}
                Some((candidate, Made::Lease(lease))) => {
                    let id = CheckOutId { fetch: self.open.id, number: walk.count };
                    held.push(CheckOut::new(id, candidate, Some(lease), now));
                    if held.len() == MOST_RESOLVED {
                        return Ok(Some((held, Some(walk.count))));
                    }
                }
            }
        }
    }

    fn fetch(&self) -> Template {
        Template {
            session: self.session.clone(),
            fetch: self.vault.capabilities().leases.then_some(self.open.id),
            reason: self.open.reason.clone(),
            ticket: self.open.ticket.clone(),
        }
    }
}

/// The outcome of one step of a search.
enum Asked {
    Candidate(Candidate, FetchOutcome<AnyCredentials>),
    /// The candidate is not asked for.
    Skipped,
    /// The store's list of candidates failed, so nothing was asked.
    ListFailed(CredentialError),
    End,
}

/// A search that failed.
pub(super) struct Failed {
    pub(super) error: CredentialError,
    /// The number of the candidate that may have been asked for last; `None` if nothing was asked.
    pub(super) asked: Option<u16>,
}

/// How many leases of an unclear fetch are taken over at a time.
const MOST_RESOLVED: usize = 8;

/// The answer of a store about a fetch for one candidate.
enum Made {
    Lease(Lease),
    Nothing,
    CannotTell,
}

/// The parts of a request that are the same for all candidates.
struct Template {
    session: SessionContext,
    fetch: Option<NameTag>,
    reason: Option<String>,
    ticket: Option<String>,
}

impl Template {
    fn at(self, candidate: Candidate, number: u16) -> Fetch {
        let mut fetch = Fetch::new(candidate, self.session);
        fetch.intent = self.fetch.map(|fetch| intent(CheckOutId { fetch, number }, ""));
        (fetch.reason, fetch.ticket) = (self.reason, self.ticket);
        fetch
    }
}

/// Returns the intent of a check-out, or with a suffix of what follows from it.
pub(super) fn intent(id: CheckOutId, suffix: &str) -> IntentId {
    let intent = IntentId::new(format!("{}.{}{suffix}", id_text(&id.fetch), id.number));
    intent.unwrap_or_else(|| unreachable!("digits, dots and letters are allowed"))
}

/// Checks that a store gives a lease if and only if it declares leases.
fn check_lease(kind: CredentialKind, leases: bool, lease: Option<&Lease>) -> Result<(), CredentialError> {
    let violation = match (leases, lease) {
        (true, None) => "it declares leases, and gave credentials without one",
        (false, Some(_)) => "it declares no leases, and gave one",
        _ => return Ok(()),
    };
    Err(CallError::violation(operation(kind), violation).into())
}

async fn fetch_kind(
    store: &dyn CredentialStore,
    kind: CredentialKind,
    fetch: &Fetch,
) -> Result<FetchOutcome<AnyCredentials>, CredentialError> {
    fn boxed<C: Any + Send>(outcome: FetchOutcome<C>) -> FetchOutcome<AnyCredentials> {
        outcome.map(|credentials| Box::new(credentials) as AnyCredentials)
    }
    match kind {
        CredentialKind::Passwords => store.passwords(fetch).await.map(boxed),
        CredentialKind::PrivateKeys => store.private_keys(fetch).await.map(boxed),
        CredentialKind::Certificates => store.certificates(fetch).await.map(boxed),
        CredentialKind::TotpCodes => store.totp_codes(fetch).await.map(boxed),
        CredentialKind::RemoteApp => store.remote_app_credentials(fetch).await.map(boxed),
        _ => Ok(FetchOutcome::Unsupported),
    }
}

pub(super) fn operation(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Passwords => "passwords",
        CredentialKind::PrivateKeys => "private_keys",
        CredentialKind::Certificates => "certificates",
        CredentialKind::TotpCodes => "totp_codes",
        _ => "remote_app_credentials",
    }
}
