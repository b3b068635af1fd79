//! Asks a store for the credentials of a fetch's candidates, one after the other.

use std::any::Any;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use keyway_core::{CallError, IntentId, Timestamp};
use keyway_credentials::{
    Candidate, CredentialError, CredentialKind, CredentialStore, Fetch, FetchOutcome, Found, IntendedCall,
    Lease, Reconciled, SessionContext,
};

use super::refusals::Refusals;
use super::search::{Attempt, Walk};
use super::state::{CheckOut, CheckOutId, OpenFetch};
use super::vault::RunningVault;
use super::workflow::SessionWorkflow;
use crate::plugin::Permit;
use crate::records::id_text;
use crate::work::{Claimed, Working};

/// Credentials of any kind, on their way from the store to the caller of the fetch.
pub(crate) type AnyCredentials = Box<dyn Any + Send>;

/// The result of a search.
pub(crate) enum Answer {
    /// Credentials, and the check-out that they belong to.
    Found(CheckOut, AnyCredentials),
    /// None of the candidates has credentials.
    Nothing(Vec<Attempt>),
}

/// A fetch that is being carried out.
pub(super) struct Asking<'a> {
    pub(super) vault: &'a RunningVault,
    pub(super) session: SessionContext,
    pub(super) open: &'a OpenFetch,
    pub(super) caller: Caller<'a>,
}

/// The caller of a fetch. Each call of the store has a permit until it ends. For a caller that has claimed the record,
/// the call also holds the record until then.
pub(super) enum Caller<'a> {
    /// The caller has claimed the record.
    Claimed(&'a Claimed<'a, SessionWorkflow>),
    /// The caller reads from a store without leases.
    Reading,
}

impl Asking<'_> {
    /// Asks for each candidate until there are credentials. One call of the store asks for several candidates, as long
    /// as their answers take little time, because starting and ending a call costs more than most answers (decision
    /// H224).
    pub(super) async fn ask_all(
        &self,
        mut refusals: Arc<Refusals>,
        now: Timestamp,
    ) -> Result<Answer, Failed> {
        let (kind, only, leases) = (self.open.kind, self.open.only, self.vault.capabilities().leases);
        let fetch = leases.then_some(self.open.id);
        let (mut walk, mut template) = (Box::new(Walk::new(self.open.search.clone())), self.template());
        let progress = Arc::new(Progress::default());
        let failed = |error| Failed { error, asked: Some(progress.end()) };
        loop {
            let asking = Arc::clone(&progress);
            let ask = move |store: Arc<dyn CredentialStore>| async move {
                let begun = Instant::now();
                while asking.begins(walk.count) {
                    let candidate = match walk.next(&*store, &template.session).await {
                        Ok(Some(candidate)) => candidate,
                        Ok(None) => return Ok((walk, template, refusals, Asked::End)),
                        Err(error) => return Ok((walk, template, refusals, Asked::ListFailed(error.into()))),
                    };
                    let refused = match only {
                        Some(only) if only != walk.count => Some(None),
                        _ => refusals.of(&candidate).map(Some),
                    };
                    if let Some(outcome) = refused {
                        walk.tried(candidate, outcome);
                    } else {
                        let intent = fetch.map(|fetch| intent(CheckOutId { fetch, number: walk.count }, ""));
                        let fetch = template.at(candidate, intent);
                        let outcome = fetch_kind(&*store, kind, &fetch).await?.into_found();
                        let candidate;
                        (template, candidate) = Template::of(fetch);
                        match outcome {
                            Ok(found) => {
                                let found = Asked::Found(Box::new((candidate, found)));
                                return Ok((walk, template, refusals, found));
                            }
                            Err(outcome) => walk.tried(candidate, Some(outcome)),
                        }
                    }
                    if begun.elapsed() > SHORT {
                        break;
                    }
                }
                Ok((walk, template, refusals, Asked::Next))
            };
            let opened = self.vault.working().map_err(failed)?;
            let asked;
            (walk, template, refusals, asked) =
                opened.call(operation(kind), self.hold().await, ask).await.map_err(failed)?;
            match asked {
                Asked::Next => {}
                Asked::End => return Ok(Answer::Nothing(walk.attempts())),
                Asked::ListFailed(error) => return Err(Failed { error: *error, asked: None }),
                Asked::Found(found) => {
                    let (candidate, Found { credentials, lease, .. }) = *found;
                    check_lease(kind, leases, lease.as_ref()).map_err(failed)?;
                    let id = CheckOutId { fetch: self.open.id, number: walk.count };
                    return Ok(Answer::Found(CheckOut::new(id, candidate, lease, now), credentials));
                }
            }
        }
    }

    /// Finds out which leases the store holds for a fetch whose outcome is unknown; `None` if the store cannot tell.
    /// The search stops when it has found [`MOST_RESOLVED`] leases, when it has taken [`LONG`], or when it has found
    /// some leases and the store fails or cannot tell.
    ///
    /// A store that reconciles is asked about each candidate. A store that is only idempotent is asked for each
    /// candidate's credentials again, even for candidates that the fetch may not have reached. The fetch made the lease
    /// that the store returns, or the lease is new; in either case the host checks the lease in (decision R2). A refusal
    /// that is only about this attempt leaves the candidate unknown, and the search continues (decision H376).
    pub(super) async fn resolve(&self, now: Timestamp) -> Result<Option<Resolved>, CredentialError> {
        let (kind, reconciles) = (self.open.kind, self.vault.capabilities().reconciles);
        let OpenFetch { only, last, settled, .. } = *self.open;
        let fetch = self.vault.capabilities().leases.then_some(self.open.id);
        let (mut walk, mut template) = (Box::new(Walk::new(self.open.search.clone())), self.template());
        let (mut held, mut known, mut refused) = (Vec::new(), settled, None);
        let begun = tokio::time::Instant::now();
        loop {
            if last.is_some_and(|last| walk.count >= last) {
                return Ok(Some(Resolved::all(held, known, refused)));
            }
            let ask = move |store: Arc<dyn CredentialStore>| async move {
                let Some(candidate) = walk.next(&*store, &template.session).await? else {
                    return Ok((walk, template, None));
                };
                let number = walk.count;
                if only.is_some_and(|only| only != number) || number <= settled {
                    walk.tried(candidate.clone(), None);
                    return Ok((walk, template, Some((candidate, Made::Nothing))));
                }
                let intent = fetch.map(|fetch| intent(CheckOutId { fetch, number }, ""));
                let fetch = template.at(candidate, intent);
                let made = if reconciles {
                    let question = IntendedCall::Fetch(kind, fetch.clone()).into();
                    match store.reconcile(&question).await? {
                        Reconciled::Made(lease) => Made::Lease(lease),
                        Reconciled::NothingHappened | Reconciled::Destroyed => Made::Nothing,
                        _ => Made::CannotTell,
                    }
                } else {
                    // The fetch itself had clear answers about the candidates before the last one.
                    let is_known = last.is_some_and(|last| number < last);
                    match fetch_kind(&*store, kind, &fetch).await?.into_found() {
                        Ok(found) => found.lease.map_or(Made::Nothing, Made::Lease),
                        Err(_) if is_known => Made::Nothing,
                        Err(FetchOutcome::NotFound | FetchOutcome::Unsupported) => Made::Nothing,
                        Err(FetchOutcome::Unavailable { retry_after }) => {
                            let what = "the vault";
                            return Err(CredentialError::Unavailable { what, retry_after, source: None });
                        }
                        Err(_) => Made::Refused,
                    }
                };
                let (template, candidate) = Template::of(fetch);
                walk.tried(candidate.clone(), None);
                Ok((walk, template, Some((candidate, made))))
            };
            let asked = async { self.vault.working()?.call("reconcile", self.hold().await, ask).await };
            let made;
            (walk, template, made) = match asked.await {
                Ok(asked) => asked,
                // The leases that were found are checked in first. The next search meets the failure again.
                Err(_) if !held.is_empty() => return Ok(Some(Resolved::some(held, known, refused))),
                Err(error) => return Err(error),
            };
            match made {
                None => return Ok(Some(Resolved::all(held, known, refused))),
                Some((_, Made::CannotTell)) if !held.is_empty() => {
                    return Ok(Some(Resolved::some(held, known, refused)));
                }
                Some((_, Made::CannotTell)) => return Ok(None),
                Some((_, Made::Nothing)) => {}
                Some((candidate, Made::Refused)) => {
                    refused.get_or_insert_with(|| {
                        let text =
                            format!("asked again about {candidate:?}, the store only refuses this attempt");
                        CredentialError::refused("The outcome of an earlier request is unknown.", text)
                    });
                }
                Some((candidate, Made::Lease(lease))) => {
                    let id = CheckOutId { fetch: self.open.id, number: walk.count };
                    held.push(CheckOut::new(id, candidate, Some(lease), now));
                }
            }
            if refused.is_none() {
                known = walk.count;
            }
            let is_enough = held.len() == MOST_RESOLVED || begun.elapsed() > LONG;
            if is_enough && walk.count > settled {
                return Ok(Some(Resolved::some(held, known, refused)));
            }
        }
    }

    /// Returns the guards that a call of the store holds until it ends.
    async fn hold(&self) -> (Option<Working>, Option<Permit>) {
        match self.caller {
            Caller::Claimed(on) => (Some(on.working().await), None),
            Caller::Reading => (None, Some(self.vault.permit().await)),
        }
    }

    fn template(&self) -> Template {
        let OpenFetch { reason, ticket, .. } = self.open;
        Template { session: self.session.clone(), reason: reason.clone(), ticket: ticket.clone() }
    }
}

/// The outcome of one step of a search.
enum Asked {
    Found(Box<(Candidate, Found<AnyCredentials>)>),
    /// The search continues with the next candidate.
    Next,
    End,
    /// The store's list of candidates failed. The store has answered for every earlier candidate, so no outcome is
    /// unknown.
    ListFailed(Box<CredentialError>),
}

/// The time after which a call of a store asks for no further candidate. A call thus takes little longer than one
/// answer: the deadline need not cover more, and the permit is soon free for other callers.
const SHORT: Duration = Duration::from_millis(1);

/// The progress of a search, shared by the host and the call that goes through the candidates.
#[derive(Default)]
struct Progress(AtomicU16);

impl Progress {
    const ENDED: u16 = u16::MAX;

    /// Lets a call continue with the next candidate after `tried` candidates, unless the host gave up the search. The
    /// host gives up the search of a call that passed its deadline, and this call may still be running.
    fn begins(&self, tried: u16) -> bool {
        self.0.compare_exchange(tried, tried.saturating_add(1), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Gives up the search, and returns the number of the last candidate that a call may ask for.
    fn end(&self) -> u16 {
        self.0.swap(Self::ENDED, Ordering::Relaxed)
    }
}

/// A search that failed.
pub(super) struct Failed {
    pub(super) error: CredentialError,
    /// The number of the last candidate that may have been asked for. `None` if the list of candidates failed, because
    /// then the outcome is known for every candidate that was asked for.
    pub(super) asked: Option<u16>,
}

/// The answer of a store about a fetch whose outcome was unknown.
pub(super) struct Resolved {
    /// The leases that the store holds for the fetch, as far as it was asked.
    pub(super) held: Vec<CheckOut>,
    /// The number of the last candidate before the first whose outcome is still unknown; `None` if all are known.
    pub(super) settled: Option<u16>,
    /// The refusal that left a candidate unknown.
    pub(super) refused: Option<CredentialError>,
}

impl Resolved {
    /// Returns the answer of a search that has asked about all candidates.
    fn all(held: Vec<CheckOut>, known: u16, refused: Option<CredentialError>) -> Self {
        Self { held, settled: refused.is_some().then_some(known), refused }
    }

    /// Returns the answer of a search that has stopped early.
    const fn some(held: Vec<CheckOut>, known: u16, refused: Option<CredentialError>) -> Self {
        Self { held, settled: Some(known), refused }
    }
}

/// The maximum number of leases of an unclear fetch that are taken over at a time.
const MOST_RESOLVED: usize = 8;

/// The time after which the settling of an unclear fetch makes room for other sessions of the store, whose work waits
/// until this part is done.
const LONG: Duration = Duration::from_secs(5);

/// The answer of a store about a fetch for one candidate.
enum Made {
    Lease(Lease),
    Nothing,
    CannotTell,
    /// The store refuses this attempt. This says nothing about an earlier attempt.
    Refused,
}

/// The parts of a request that are the same for all candidates.
struct Template {
    session: SessionContext,
    reason: Option<String>,
    ticket: Option<String>,
}

impl Template {
    fn at(self, candidate: Candidate, intent: Option<IntentId>) -> Fetch {
        let mut fetch = Fetch::new(candidate, self.session);
        (fetch.intent, fetch.reason, fetch.ticket) = (intent, self.reason, self.ticket);
        fetch
    }

    /// Splits a request into the template and the candidate.
    fn of(fetch: Fetch) -> (Self, Candidate) {
        let Fetch { candidate, session, reason, ticket, .. } = fetch;
        (Self { session, reason, ticket }, candidate)
    }
}

/// Returns the intent of a check-out. With a suffix, it is the intent of a later step for the same check-out.
pub(super) fn intent(id: CheckOutId, suffix: &str) -> IntentId {
    let mut text = id_text(&id.fetch);
    // Writing to a text cannot fail.
    let _ = write!(text, ".{}{suffix}", id.number);
    IntentId::new(text).unwrap_or_else(|| unreachable!("digits, dots and letters are allowed"))
}

/// Checks that credentials come with a lease exactly if the store declares `leases`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_was_given_up_goes_on_to_no_other_candidate() {
        let progress = Progress::default();
        assert!(progress.begins(0) && progress.begins(1));
        assert_eq!(progress.end(), 2, "the second candidate may have been asked for");
        assert!(!progress.begins(2));
    }
}
