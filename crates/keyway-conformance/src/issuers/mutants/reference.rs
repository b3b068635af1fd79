//! Implements a small issuer that keeps the whole contract, unless some of its operations are
//! overridden.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use keyway_issuers::{
    Capabilities, Context, CredentialPart, CredentialRef, CredentialRequest, Description, IntendedEffect,
    Issued, Issuer, IssuerError, Json, LoginRequired, OpenContext, ParameterDescriptor, Reconciled,
    Reconciliation, RequestOutcome, Revocation, async_trait,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::ledger::{Entry, Ledger};
use super::{BANNED, IssuerResult};

/// The reference issuer. It keeps its credentials in a ledger, and refuses one user.
#[derive(Debug)]
pub(super) struct ReferenceIssuer {
    operations: Operations,
    pub(super) ledger: Ledger,
    made: AtomicU64,
    /// The slots that concurrent calls of a mutant compete for.
    pub(super) slots: Semaphore,
    /// The notes that a mutant keeps between calls.
    pub(super) notes: Mutex<Vec<String>>,
}

/// The operations of an issuer. A mutant overrides one or two of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operations {
    pub(super) capabilities: fn(&ReferenceIssuer) -> Capabilities,
    pub(super) describe: fn(&ReferenceIssuer) -> IssuerResult<Description>,
    /// Runs at the beginning of a request, before the point at which the caller may drop the request.
    pub(super) before: fn(&ReferenceIssuer, &CredentialRequest) -> IssuerResult<()>,
    /// Changes a new credential before it is stored.
    pub(super) entry: fn(&ReferenceIssuer, &CredentialRequest, &mut Entry),
    /// Changes the answer to a request.
    pub(super) issued: fn(&mut Issued),
    pub(super) request: fn(&ReferenceIssuer, &CredentialRequest) -> IssuerResult<RequestOutcome>,
    /// Runs at the beginning of a revocation.
    pub(super) revoking: fn(&ReferenceIssuer, &Revocation) -> IssuerResult<()>,
    pub(super) revoke: fn(&ReferenceIssuer, &Revocation) -> IssuerResult<()>,
    pub(super) reconcile: fn(&ReferenceIssuer, &Reconciliation) -> IssuerResult<Reconciled>,
}

impl Operations {
    pub(super) const SOUND: Self = Self {
        capabilities: |_| FULL,
        describe: |_| described("1.0.0", "", &[&[phrase(), hint()]]),
        before: |_, _| Ok(()),
        entry: |_, _, _| (),
        issued: |_| (),
        request: ReferenceIssuer::issue,
        revoking: |_, _| Ok(()),
        revoke: |issuer, revocation| {
            issuer.ledger.revoke(revocation.state.as_str());
            Ok(())
        },
        reconcile: |issuer, question| Ok(issuer.tell(question)),
    };
}

/// The capabilities of the reference issuer.
pub(super) const FULL: Capabilities = Capabilities::MINIMAL.blocking(true).idempotent(true).reconciles(true);

/// The number of slots of an issuer. A call that takes all slots excludes all other calls.
pub(super) const SLOTS: u32 = 60;

pub(super) fn refused(log: impl Into<String>) -> IssuerError {
    IssuerError::refused("Sorry, that is not possible.", log)
}

pub(super) fn refuse_if(refuses: bool, log: &str) -> IssuerResult<()> {
    if refuses { Err(refused(log)) } else { Ok(()) }
}

pub(super) fn is_banned(request: &CredentialRequest) -> bool {
    request.context.requester.user_info.subject() == BANNED
}

/// Refuses the banned user.
pub(super) fn admit(request: &CredentialRequest) -> IssuerResult<()> {
    refuse_if(is_banned(request), "mallory is banned")
}

fn intent_of(context: &Context) -> String {
    context.intent.as_ref().map(ToString::to_string).unwrap_or_default()
}

pub(super) fn phrase() -> ParameterDescriptor {
    ParameterDescriptor::mandatory("pass_phrase", "pass phrase", "a phrase to remember")
}

pub(super) fn hint() -> ParameterDescriptor {
    ParameterDescriptor::optional("hint", "hint", "what to remember it by")
}

/// Makes a description with these sets of parameters and an empty set.
pub(super) fn described(
    version: &str,
    motto: &str,
    sets: &[&[ParameterDescriptor]],
) -> IssuerResult<Description> {
    let mut builder = Description::builder(version).text("motto", motto).boolean("loud", false);
    for set in sets {
        builder = builder.set(set.iter().cloned());
    }
    builder.set([]).build().map_err(|error| IssuerError::system("describe itself", error))
}

/// Returns an outcome that asks for a login with this provider.
pub(super) fn login_required(provider: &str) -> RequestOutcome {
    let message = "Please log in elsewhere, too.".to_owned();
    RequestOutcome::LoginRequired(LoginRequired { provider: provider.to_owned(), message })
}

impl ReferenceIssuer {
    pub(super) fn open(context: &OpenContext, operations: Operations) -> IssuerResult<Self> {
        let folder = context.configuration.get("folder").and_then(Json::as_text).map(PathBuf::from);
        let invalid = || IssuerError::invalid("the configuration of the plugin", "`folder` must be a path");
        let ledger = Ledger::of(&folder.ok_or_else(invalid)?);
        let (made, slots) = (AtomicU64::new(0), Semaphore::new(SLOTS as usize));
        Ok(Self { operations, ledger, made, slots, notes: Mutex::default() })
    }

    /// Returns the credential that was already made for the intent of the request, if there is one.
    pub(super) fn known(&self, request: &CredentialRequest) -> Option<Entry> {
        let intent = intent_of(&request.context);
        self.ledger.find(|entry| entry.intent == intent)
    }

    /// Makes a new credential, but does not store it.
    pub(super) fn entry(&self, request: &CredentialRequest) -> Entry {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let intent = intent_of(&request.context);
        let secret = format!("secret-of-{intent}-{number}");
        Entry { state: format!("counter-{intent}-{number}"), intent, secret }
    }

    /// Makes the answer that returns a credential.
    pub(super) fn answer(&self, entry: &Entry) -> RequestOutcome {
        let secret = entry.secret.as_str();
        let file = CredentialPart::textfile("a file", format!("first\n{secret}\n"));
        let issued = Issued::new(entry.state.as_str()).with(CredentialPart::text("secret", secret));
        let mut issued = issued.with(file.save_as("secret.txt").size(2, 40));
        (self.operations.issued)(&mut issued);
        issued.into()
    }

    /// Issues a credential to any user, and also for a voided intent. If the intent already made a credential, answers
    /// with that credential.
    pub(super) fn issue_to_anybody(&self, request: &CredentialRequest) -> RequestOutcome {
        let entry = self.known(request).unwrap_or_else(|| {
            let mut entry = self.entry(request);
            (self.operations.entry)(self, request, &mut entry);
            self.ledger.add(entry.clone());
            entry
        });
        self.answer(&entry)
    }

    /// Carries out a request correctly.
    pub(super) fn issue(&self, request: &CredentialRequest) -> IssuerResult<RequestOutcome> {
        admit(request)?;
        refuse_if(
            self.ledger.is_voided(&intent_of(&request.context)),
            "the host was told that it made nothing",
        )?;
        Ok(self.issue_to_anybody(request))
    }

    pub(super) fn is_there(&self, state: &CredentialRef) -> bool {
        self.ledger.find(|entry| entry.state == state.as_str()).is_some()
    }

    /// Answers correctly whether an effect has happened.
    pub(super) fn tell(&self, question: &Reconciliation) -> Reconciled {
        let intent = intent_of(&question.context);
        let made = self.ledger.find(|entry| entry.intent == intent);
        match (&question.effect, made) {
            (IntendedEffect::Request, Some(made)) => Reconciled::Made(CredentialRef::new(made.state)),
            (IntendedEffect::Request, None) => {
                self.ledger.void(&intent);
                Reconciled::NothingHappened
            }
            (IntendedEffect::Revoke(state), _) if !self.is_there(state) => Reconciled::Destroyed,
            (IntendedEffect::Revoke(_), _) => Reconciled::NothingHappened,
        }
    }

    /// Takes some slots until the permit is dropped. Refuses if too few are free.
    pub(super) fn slots(&self, slots: u32) -> IssuerResult<SemaphorePermit<'_>> {
        self.slots.try_acquire_many(slots).map_err(|_| refused("too many calls have not ended"))
    }
}

/// Requests and revocations yield to other tasks once before their effect.
#[async_trait]
impl Issuer for ReferenceIssuer {
    fn capabilities(&self) -> Capabilities {
        (self.operations.capabilities)(self)
    }

    async fn describe(&self) -> IssuerResult<Description> {
        (self.operations.describe)(self)
    }

    async fn request(&self, request: &CredentialRequest) -> IssuerResult<RequestOutcome> {
        (self.operations.before)(self, request)?;
        tokio::task::yield_now().await;
        (self.operations.request)(self, request)
    }

    async fn revoke(&self, revocation: &Revocation) -> IssuerResult<()> {
        (self.operations.revoking)(self, revocation)?;
        tokio::task::yield_now().await;
        (self.operations.revoke)(self, revocation)
    }

    async fn reconcile(&self, question: &Reconciliation) -> IssuerResult<Reconciled> {
        (self.operations.reconcile)(self, question)
    }
}
