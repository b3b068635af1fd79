//! A session as a host drives it: each call opens a new handle of the store, and gets the cookies that the previous
//! calls left.

use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use keyway_core::{IntentId, PluginError as _};
use keyway_credentials::{
    Candidate, CheckIn, CheckInReason, CheckOut, CheckedIn, Connection, Cookie, CredentialError,
    CredentialKind, Fetch, FetchOutcome, Found, Lease, LeaseRenewal, SessionContext, SessionEvent, SessionId,
    TotpCode,
};

use super::fixture::StoreFixture;
use super::given::{self, Answer, Given, name, word};
use crate::lock::locked;
use crate::stored_object::stored_object;
use crate::unique::{new_intent, unique};
use crate::{Broken, broken};

/// A session. It stores its cookies as JSON text.
#[derive(Debug)]
pub(super) struct Session<'f, 'a> {
    fixture: &'f StoreFixture<'a>,
    pub(super) connection: Arc<Connection>,
    /// The JSON texts of `cookie` and `session_cookie`, the two cookies in the context of a call.
    stored: Mutex<[String; 2]>,
}

/// The credentials that a fetch returned, with their lease if there is one.
#[derive(Clone, Debug)]
pub(super) struct CheckedOut {
    pub(super) given: Given,
    pub(super) lease: Option<Lease>,
    pub(super) candidate: Candidate,
}

impl CheckedOut {
    /// Returns what a fetch checked out, or `None` if it gave no lease.
    pub(super) fn of(answer: Answer, candidate: &Candidate) -> Option<Self> {
        let Found { credentials, lease, .. } = answer.ok()?.found()?;
        lease.is_some().then(|| Self { given: credentials, lease, candidate: candidate.clone() })
    }

    /// Returns the lease, or a verdict that it is missing.
    pub(super) fn lease(&self) -> Result<&Lease, Broken> {
        self.lease.as_ref().ok_or_else(|| broken("a lease with the credentials", "none"))
    }
}

impl<'a> Deref for Session<'_, 'a> {
    type Target = StoreFixture<'a>;

    fn deref(&self) -> &Self::Target {
        self.fixture
    }
}

impl<'f, 'a> Session<'f, 'a> {
    pub(super) fn begin(fixture: &'f StoreFixture<'a>) -> Result<Self, Broken> {
        let id = SessionId::new(format!("kit-session-{}", unique()));
        let id = id.map_err(|error| broken("an id of a session", error.to_string()))?;
        let mut connection = Connection::new(id);
        connection.protocol = Some("ssh".to_owned());
        if let Some(facts) = &fixture.subject().facts {
            facts(&mut connection);
        }
        if let Some(password) = &connection.gateway_password {
            fixture.keep_secret(password.expose());
        }
        let stored = Mutex::new(["{}".to_owned(), "{}".to_owned()]);
        Ok(Self { fixture, connection: Arc::new(connection), stored })
    }

    /// Changes the facts of the connection for all later calls.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Connection)) {
        let mut connection = (*self.connection).clone();
        change(&mut connection);
        self.connection = Arc::new(connection);
    }

    /// Makes the context of a call from the stored cookies.
    pub(super) fn context(&self) -> Result<SessionContext, Broken> {
        let stored = locked(&self.stored).clone();
        let read = |text: &str| {
            stored_object(text.as_bytes(), Cookie::MAX_BYTES, Cookie::MAX_DEPTH, "a cookie").map(Cookie::new)
        };
        let context = SessionContext::new(Arc::clone(&self.connection));
        Ok(context.with_cookie(read(&stored[0])?).with_session_cookie(read(&stored[1])?))
    }

    /// Stores the cookies that `context` has after a call.
    pub(super) fn store(&self, context: &SessionContext) {
        let texts = [&context.cookie, &context.session_cookie].map(|cookie| cookie.to_ascii().to_string());
        *locked(&self.stored) = texts;
    }

    /// Makes the request of a fetch. The request has an intent if the store declares leases.
    pub(super) fn request(&self, candidate: &Candidate) -> Result<Fetch, Broken> {
        let fetch = Fetch::new(candidate.clone(), self.context()?);
        Ok(if self.declared().leases { fetch.with_intent(new_intent()) } else { fetch })
    }

    /// Makes a fetch.
    pub(super) async fn fetch(&self, kind: CredentialKind, candidate: &Candidate) -> Result<Answer, Broken> {
        self.ask(kind, &self.request(candidate)?).await
    }

    /// Makes a fetch with a given request.
    pub(super) async fn ask(&self, kind: CredentialKind, fetch: &Fetch) -> Result<Answer, Broken> {
        let store = self.open()?;
        let begun = Instant::now();
        let answer = given::fetch(&*store, kind, fetch).await;
        self.history().took(name(kind), begun.elapsed());
        self.store(&fetch.session);
        self.keep(kind, fetch, &answer);
        Ok(answer)
    }

    /// Records what a fetch returned: its secrets, and its lease for the check-in at the end.
    pub(super) fn keep(&self, kind: CredentialKind, fetch: &Fetch, answer: &Answer) {
        self.record(name(kind), &answer.as_ref().map(word));
        if let Ok(FetchOutcome::Found(Found { credentials, lease, .. })) = answer {
            credentials.secrets().into_iter().for_each(|secret| self.keep_secret(secret));
            if let Some(lease) = lease {
                let session = fetch.session.clone();
                let check_in = check_in_of(lease, &fetch.candidate, session, CheckInReason::Unused);
                locked(&self.left).push(check_in);
            }
        }
    }

    /// Makes a fetch that must find credentials. For a one-time code, first advances the clock to a new period.
    pub(super) async fn found(
        &self,
        kind: CredentialKind,
        candidate: &Candidate,
    ) -> Result<CheckedOut, Broken> {
        if kind == CredentialKind::TotpCodes {
            self.clock.advance(TotpCode::USUAL_PERIOD);
        }
        match self.fetch(kind, candidate).await? {
            Ok(FetchOutcome::Found(Found { credentials, lease, .. })) => {
                Ok(CheckedOut { given: credentials, lease, candidate: candidate.clone() })
            }
            Ok(other) => Err(broken(format!("credentials of `{}`", name(kind)), word(&other))),
            Err(error) => Err(self.unexpected(name(kind), &error)),
        }
    }

    /// Fetches the credentials of the example with this number. The fetch must find them.
    pub(super) async fn example_found(&self, number: usize) -> Result<CheckedOut, Broken> {
        let kind = self.kind()?;
        self.found(kind, &self.example(kind, number)?).await
    }

    /// Makes the request of a check-in.
    pub(super) fn check_in(&self, out: &CheckedOut, reason: CheckInReason) -> Result<CheckIn, Broken> {
        Ok(check_in_of(out.lease()?, &out.candidate, self.context()?, reason))
    }

    /// Makes a check-in.
    pub(super) async fn give_back(
        &self,
        check_in: &CheckIn,
    ) -> Result<Result<CheckedIn, CredentialError>, Broken> {
        let store = self.open()?;
        let begun = Instant::now();
        let answer = store.check_in(check_in).await;
        self.history().took("check_in", begun.elapsed());
        self.store(&check_in.session);
        self.record("check_in", &answer.as_ref());
        if answer.is_ok() {
            locked(&self.left).retain(|left| left.lease.id != check_in.lease.id);
        }
        Ok(answer)
    }

    /// Makes a check-in that must succeed.
    pub(super) async fn checked_in(
        &self,
        out: &CheckedOut,
        reason: CheckInReason,
    ) -> Result<CheckedIn, Broken> {
        let answer = self.give_back(&self.check_in(out, reason)?).await?;
        answer.map_err(|error| self.unexpected("the check-in", &error))
    }

    /// Renews a lease.
    pub(super) async fn renew(
        &self,
        renewal: &LeaseRenewal,
    ) -> Result<Result<Lease, CredentialError>, Broken> {
        let answer = self.open()?.renew(renewal).await;
        self.store(&renewal.session);
        self.record("renew", &answer.as_ref().map(|_| "a lease"));
        if let Ok(lease) = &answer {
            let context = renewal.session.clone();
            locked(&self.left).push(check_in_of(lease, &renewal.candidate, context, CheckInReason::Unused));
        }
        Ok(answer)
    }

    /// Makes the request of a renewal.
    pub(super) fn renewal(&self, out: &CheckedOut) -> Result<LeaseRenewal, Broken> {
        let (lease, candidate) = (out.lease()?.clone(), out.candidate.clone());
        Ok(LeaseRenewal::new(new_intent(), lease, candidate, self.context()?))
    }

    /// Makes a session event that names these check-outs.
    pub(super) fn event(&self, intent: IntentId, all: &[&CheckedOut]) -> Result<SessionEvent, Broken> {
        let event = SessionEvent::new(intent, self.context()?);
        let out = |out: &&CheckedOut| CheckOut::new(out.candidate.clone(), out.lease.clone());
        Ok(all.iter().map(out).fold(event, SessionEvent::with_check_out))
    }

    /// Tells the store about an event: the end of the session if `ended` is set, and otherwise the completed
    /// authentication.
    pub(super) async fn tell(
        &self,
        ended: bool,
        event: &SessionEvent,
    ) -> Result<Result<(), CredentialError>, Broken> {
        let store = self.open()?;
        let (call, answer) = if ended {
            ("session_ended", store.session_ended(event).await)
        } else {
            ("authentication_completed", store.authentication_completed(event).await)
        };
        self.store(&event.session);
        self.record(call, &answer.as_ref());
        Ok(answer)
    }

    /// Tells the store about an event. The call must succeed.
    pub(super) async fn told_of(&self, ended: bool, event: &SessionEvent) -> Result<(), Broken> {
        let what = if ended { "session_ended" } else { "authentication_completed" };
        self.tell(ended, event).await?.map_err(|error| self.unexpected(what, &error))
    }

    /// Records the kind of an answer without its value.
    pub(super) fn record<T: std::fmt::Debug>(&self, call: &str, answer: &Result<T, &CredentialError>) {
        let kind = match answer {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => format!("{:?}", error.kind()),
        };
        self.history().record(format!("{call}: {kind}"));
    }
}

/// Makes the request of a check-in with a new intent.
fn check_in_of(
    lease: &Lease,
    candidate: &Candidate,
    session: SessionContext,
    reason: CheckInReason,
) -> CheckIn {
    CheckIn::new(new_intent(), lease.clone(), candidate.clone(), session, reason)
}
