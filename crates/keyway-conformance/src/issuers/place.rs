//! Where one rule works: a scratch folder, handles of the issuer, and what it made.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyway_core::PluginError as _;
use keyway_issuers::{
    Context, CredentialRef, CredentialRequest, Description, IntentId, Issuer, IssuerError, Parameters,
    RequestOutcome, Revocation, SecretText,
};
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::IssuerExample;
use super::subject::IssuerSubject;
use crate::trial::History;
use crate::{Broken, Trial, broken};

/// One place. What is made there is revoked when the rule has ended.
#[derive(Debug)]
pub(super) struct Place<'a> {
    subject: &'a IssuerSubject,
    history: &'a History,
    scratch: TempDir,
    number: u64,
    counted: AtomicU64,
    made: Mutex<Vec<(Context, CredentialRef)>>,
}

impl<'a> Place<'a> {
    /// A fresh place for a rule.
    pub(super) fn new(trial: &Trial<'a, IssuerSubject>) -> Result<Self, Broken> {
        Self::of(trial.subject(), trial.history(), trial.random())
    }

    pub(super) fn of(subject: &'a IssuerSubject, history: &'a History, number: u64) -> Result<Self, Broken> {
        let scratch = tempfile::tempdir().map_err(|error| {
            broken("a scratch folder to work in", format!("the system gave none: {error}"))
        })?;
        let counted = AtomicU64::new(0);
        Ok(Self { subject, history, scratch, number, counted, made: Mutex::default() })
    }

    pub(super) fn subject(&self) -> &'a IssuerSubject {
        self.subject
    }

    pub(super) fn record(&self, call: impl Into<String>) {
        self.history.record(call);
    }

    pub(super) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// A text that occurs nowhere by chance. The same seed gives the same texts.
    pub(super) fn canary(&self, what: &str) -> String {
        let count = self.counted.fetch_add(1, Ordering::Relaxed);
        let mixed = (self.number ^ count).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("canary{what}{mixed:016x}")
    }

    /// An intent that nobody had before.
    pub(super) fn intent(&self) -> IntentId {
        let count = self.counted.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        IntentId::new(format!("kit-{process}-{:016x}-{count}", self.number))
            .expect("it is made of letters, digits and dashes")
    }

    /// A new handle, as after a restart.
    pub(super) fn open(&self) -> Result<Arc<dyn Issuer>, Broken> {
        self.record("open");
        self.subject.open(self.scratch()).map_err(|error| {
            broken("a handle to the issuer", format!("opening it failed: {}", error.detail()))
        })
    }

    /// A new handle with its description and the example's context.
    pub(super) async fn desk(&self) -> Result<Desk<'_, 'a>, Broken> {
        let issuer = self.open()?;
        let description = issuer.describe().await.map_err(|error| self.unexpected("describe", &error))?;
        self.record("describe: ok");
        let places = issuer.capabilities().max_concurrency.map(|calls| {
            // As many as the engine can count are as good as any number.
            Arc::new(Semaphore::new(calls.get().min(Semaphore::MAX_PERMITS)))
        });
        Ok(Desk { place: self, issuer, description, places })
    }

    /// The states of the credentials that exist, sorted.
    pub(super) fn listed(&self) -> Result<Vec<CredentialRef>, Broken> {
        let Some(listing) = &self.subject.listing else {
            return Err(Broken::Missing { capability: "listing" });
        };
        let mut states = listing(self.scratch());
        states.sort();
        Ok(states)
    }

    /// What a rule says when a call should have succeeded.
    pub(super) fn unexpected(&self, call: &str, error: &IssuerError) -> Broken {
        broken(format!("{call} to succeed"), self.clean(&error.detail()))
    }

    /// A text without the secrets of the example.
    fn clean(&self, text: &str) -> String {
        let examples = [Some(&self.subject.example), self.subject.refused.as_ref()];
        let tokens = examples.into_iter().flatten().flat_map(IssuerExample::tokens).map(SecretText::expose);
        let entered = examples.into_iter().flatten().flat_map(|example| example.parameters.values());
        let secrets = tokens.chain(entered.filter_map(keyway_issuers::Json::as_text));
        secrets
            .filter(|secret| secret.len() >= 8)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// Revokes what is left. Whether it can be revoked is the business of rules, not of this.
    pub(super) async fn clean_up(&self) {
        let left = std::mem::take(&mut *self.made());
        if left.is_empty() {
            return;
        }
        let Ok(issuer) = self.subject.open(self.scratch()) else { return };
        for (mut context, state) in left {
            context.intent = Some(self.intent());
            let _ = issuer.revoke(&Revocation::new(context, state)).await;
        }
    }

    fn made(&self) -> MutexGuard<'_, Vec<(Context, CredentialRef)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle that is ready to be asked.
#[derive(Debug)]
pub(super) struct Desk<'p, 'a> {
    pub(super) place: &'p Place<'a>,
    pub(super) issuer: Arc<dyn Issuer>,
    pub(super) description: Description,
    places: Option<Arc<Semaphore>>,
}

/// The right to ask a handle that works on so many calls at a time (decision H48).
pub(super) struct Turn(
    #[expect(dead_code, reason = "it is there to be dropped")] Option<OwnedSemaphorePermit>,
);

impl Desk<'_, '_> {
    /// The example's context, with an intent of its own.
    pub(super) fn context(&self) -> Result<Context, Broken> {
        self.context_of(&self.place.subject.example)
    }

    pub(super) fn context_of(&self, example: &IssuerExample) -> Result<Context, Broken> {
        let context = example.context(&self.description, self.place.scratch()).map_err(|violations| {
            broken(
                "that the example can be configured as the issuer describes itself",
                violations.to_string(),
            )
        })?;
        Ok(context.with_intent(self.place.intent()))
    }

    /// The example's request.
    pub(super) fn example(&self) -> Result<CredentialRequest, Broken> {
        let parameters = self.place.subject.example.usual(&self.description);
        self.asking(parameters)
    }

    /// The request that the issuer refuses.
    pub(super) fn refused(&self) -> Result<CredentialRequest, Broken> {
        let Some(refused) = &self.place.subject.refused else {
            return Err(Broken::Missing { capability: "refused example" });
        };
        let context = self.context_of(refused)?;
        Ok(CredentialRequest::new(context).with_parameters(refused.usual(&self.description)))
    }

    /// The example's request with other parameters.
    pub(super) fn asking(&self, parameters: Parameters) -> Result<CredentialRequest, Broken> {
        Ok(CredentialRequest::new(self.context()?).with_parameters(parameters))
    }

    /// Waits, as a host does, until the issuer works on fewer calls than it declares. To be held until the
    /// call has ended. It borrows nothing, so that it can be waited for on any thread.
    pub(super) fn turn(&self) -> impl Future<Output = Turn> + Send + 'static {
        let places = self.places.clone();
        async move {
            match places {
                None => Turn(None),
                // It is never closed.
                Some(places) => Turn(places.acquire_owned().await.ok()),
            }
        }
    }

    /// Asks, and keeps what is made in mind.
    pub(super) async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let turn = self.turn().await;
        let outcome = self.issuer.request(request).await;
        drop(turn);
        self.keep(request, &outcome);
        outcome
    }

    /// Keeps in mind what was made, to be revoked.
    pub(super) fn keep(&self, request: &CredentialRequest, outcome: &Result<RequestOutcome, IssuerError>) {
        let entered: Vec<_> = request.parameters.values().keys().map(String::as_str).collect();
        let entered = entered.join(", ");
        self.place.record(format!("request({entered}): {}", word(outcome)));
        let state = match outcome {
            Ok(RequestOutcome::Issued(issued)) => Some(&issued.state),
            Ok(RequestOutcome::LoginRequired(_)) => None,
            Err(error) => error.orphan(),
        };
        if let Some(state) = state {
            self.place.made().push((request.context.clone(), state.clone()));
        }
    }

    /// Asks for what has to succeed.
    pub(super) async fn issued(&self, request: &CredentialRequest) -> Result<keyway_issuers::Issued, Broken> {
        match self.request(request).await {
            Ok(RequestOutcome::Issued(issued)) => Ok(issued),
            Ok(RequestOutcome::LoginRequired(_)) => {
                Err(broken("a credential", "it asked for another login: name one in the example"))
            }
            Err(error) => Err(self.place.unexpected("the request", &error)),
        }
    }

    /// The example's request, answered, with its context.
    pub(super) async fn made(&self) -> Result<(Context, keyway_issuers::Issued), Broken> {
        let request = self.example()?;
        let issued = self.issued(&request).await?;
        Ok((request.context, issued))
    }

    /// A revocation with an intent of its own.
    pub(super) fn revocation(&self, context: &Context, state: &CredentialRef) -> Revocation {
        Revocation::new(context.clone().with_intent(self.place.intent()), state.clone())
    }

    /// Revokes, with an intent of its own.
    pub(super) async fn revoke(&self, context: &Context, state: &CredentialRef) -> Result<(), IssuerError> {
        let revocation = self.revocation(context, state);
        let turn = self.turn().await;
        let revoked = self.issuer.revoke(&revocation).await;
        drop(turn);
        self.place.record(format!("revoke: {}", word(&revoked)));
        revoked
    }

    /// Revokes what has to be there.
    pub(super) async fn revoked(&self, context: &Context, state: &CredentialRef) -> Result<(), Broken> {
        self.revoke(context, state).await.map_err(|error| self.place.unexpected("the revocation", &error))?;
        self.forget(state);
        Ok(())
    }

    /// Forgets what was revoked.
    pub(super) fn forget(&self, state: &CredentialRef) {
        self.place.made().retain(|(_, made)| made != state);
    }
}

/// An answer in a word, without any value.
pub(super) fn word<T>(answer: &Result<T, IssuerError>) -> String {
    match answer {
        Ok(_) => "ok".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}
