//! A handle of the issuer under test. It records the credentials that the issuer makes.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use keyway_core::{Effect, PluginError as _};
use keyway_issuers::{
    Context, CredentialRef, CredentialRequest, Description, IntendedEffect, Issued, Issuer, IssuerError,
    Parameters, Reconciled, Reconciliation, RequestOutcome, Revocation,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::IssuerExample;
use super::fixture::IssuerFixture;
use crate::lock::locked;
use crate::unique::new_intent;
use crate::{Broken, broken};

/// A handle of the issuer, with the issuer's description. It sends requests, and records the credentials that they
/// make.
#[derive(Debug)]
pub(super) struct Handle<'f, 'a> {
    fixture: &'f IssuerFixture<'a>,
    pub(super) issuer: Arc<dyn Issuer>,
    pub(super) description: Description,
    permits: Option<Arc<Semaphore>>,
}

impl<'a> Deref for Handle<'_, 'a> {
    type Target = IssuerFixture<'a>;

    fn deref(&self) -> &Self::Target {
        self.fixture
    }
}

impl<'f, 'a> Handle<'f, 'a> {
    pub(super) fn new(
        fixture: &'f IssuerFixture<'a>,
        issuer: Arc<dyn Issuer>,
        description: Description,
    ) -> Self {
        // A semaphore takes at most `MAX_PERMITS` permits, which is more than any host needs.
        let most = |calls: usize| Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS)));
        let permits = issuer.capabilities().max_concurrency.map(|calls| most(calls.get()));
        Self { fixture, issuer, description, permits }
    }

    /// Makes the context of the example with a new intent.
    pub(super) fn context(&self) -> Result<Context, Broken> {
        self.context_of(self.fixture.example())
    }

    fn context_of(&self, example: &IssuerExample) -> Result<Context, Broken> {
        let expected = "that the example can be configured as the issuer describes itself";
        let context = example.context(&self.description, self.scratch());
        let context = context.map_err(|violations| broken(expected, violations.to_string()))?;
        Ok(context.with_intent(new_intent()))
    }

    /// Makes the request of the example.
    pub(super) fn example_request(&self) -> Result<CredentialRequest, Broken> {
        self.asking(self.fixture.example().usual(&self.description))
    }

    /// Makes the request of the example with other parameters.
    pub(super) fn asking(&self, parameters: Parameters) -> Result<CredentialRequest, Broken> {
        Ok(CredentialRequest::new(self.context()?).with_parameters(parameters))
    }

    /// Makes the request of the refused example.
    pub(super) fn refused_request(&self) -> Result<CredentialRequest, Broken> {
        let Some(refused) = &self.subject().refused else {
            return Err(Broken::Missing { capability: "refused example" });
        };
        let context = self.context_of(refused)?;
        Ok(CredentialRequest::new(context).with_parameters(refused.usual(&self.description)))
    }

    /// Waits, as a host does, until the number of running calls is below the limit that the issuer declares. The caller
    /// keeps the permit until its call ends. The future borrows nothing, so any thread can wait for it (decision H48).
    pub(super) fn permit(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + Send + 'static {
        let permits = self.permits.clone();
        // The semaphore is never closed.
        async move { permits?.acquire_owned().await.ok() }
    }

    /// Sends a request, and records the credential that it made.
    pub(super) async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let permit = self.permit().await;
        let begun = Instant::now();
        let outcome = self.issuer.request(request).await;
        self.history().took("request", begun.elapsed());
        drop(permit);
        self.keep(request, &outcome);
        outcome
    }

    /// Records the credential of a request, to revoke it at the end.
    pub(super) fn keep(&self, request: &CredentialRequest, outcome: &Result<RequestOutcome, IssuerError>) {
        let entered: Vec<_> = request.parameters.values().keys().map(String::as_str).collect();
        self.record(&format!("request({})", entered.join(", ")), outcome);
        let state = match outcome {
            Ok(RequestOutcome::Issued(issued)) => Some(&issued.state),
            Ok(RequestOutcome::LoginRequired(_)) => None,
            Err(error) => error.orphan(),
        };
        if let Some(state) = state {
            locked(&self.left).push((request.context.clone(), state.clone()));
        }
    }

    /// Finds the credential of a request that was dropped, so that it is revoked. Fails with `Missing` if the issuer
    /// cannot tell.
    pub(super) async fn settle_dropped(&self, request: &CredentialRequest) -> Result<(), Broken> {
        let declared = self.issuer.capabilities();
        if declared.idempotent {
            let _ = tokio::time::timeout(self.in_time(), self.request(request)).await;
        } else if declared.reconciles {
            let question = Reconciliation::new(request.context.clone(), IntendedEffect::Request);
            let answer = tokio::time::timeout(self.in_time(), self.issuer.reconcile(&question)).await;
            if let Ok(Ok(Reconciled::Made(state))) = answer {
                locked(&self.left).push((request.context.clone(), state));
            }
        } else {
            return Err(Broken::Missing { capability: "idempotent, or reconciles" });
        }
        Ok(())
    }

    /// Sends a request that must succeed.
    pub(super) async fn issued(&self, request: &CredentialRequest) -> Result<Issued, Broken> {
        match self.request(request).await {
            Ok(RequestOutcome::Issued(issued)) => Ok(issued),
            Ok(RequestOutcome::LoginRequired(_)) => {
                Err(broken("a credential", "it asked for another login: name one in the example"))
            }
            Err(error) => Err(self.unexpected("the request", &error)),
        }
    }

    /// Makes the credential of the example.
    pub(super) async fn made(&self) -> Result<(Context, Issued), Broken> {
        let request = self.example_request()?;
        let issued = self.issued(&request).await?;
        Ok((request.context, issued))
    }

    /// Makes the credential of the example while the user has another one. Fails with `Missing` if the issuer refuses
    /// that, as it may.
    pub(super) async fn made_beside(&self) -> Result<(Context, Issued), Broken> {
        let request = self.example_request()?;
        match self.request(&request).await {
            Ok(RequestOutcome::Issued(issued)) => Ok((request.context, issued)),
            Err(error @ IssuerError::Refused { .. }) if error.effect() == Effect::None => {
                Err(Broken::Missing { capability: "two credentials at once" })
            }
            Ok(RequestOutcome::LoginRequired(_)) => Err(broken("a credential", "it asked for another login")),
            Err(error) => Err(self.unexpected("the request", &error)),
        }
    }

    /// Revokes a credential, with a new intent.
    pub(super) async fn revoke(&self, context: &Context, state: &CredentialRef) -> Result<(), IssuerError> {
        let revocation = revocation(context, state);
        let permit = self.permit().await;
        let begun = Instant::now();
        let revoked = self.issuer.revoke(&revocation).await;
        self.history().took("revoke", begun.elapsed());
        drop(permit);
        self.record("revoke", &revoked);
        revoked
    }

    /// Revokes a credential that must exist.
    pub(super) async fn revoked(&self, context: &Context, state: &CredentialRef) -> Result<(), Broken> {
        self.revoke(context, state).await.map_err(|error| self.unexpected("the revocation", &error))?;
        self.forget(state);
        Ok(())
    }

    /// Removes a revoked credential from the list for the cleanup.
    pub(super) fn forget(&self, state: &CredentialRef) {
        locked(&self.left).retain(|(_, left)| left != state);
    }

    /// Records the kind of an answer, without its value.
    pub(super) fn record<T>(&self, call: &str, answer: &Result<T, IssuerError>) {
        let kind = answer.as_ref().map_or_else(|error| format!("{:?}", error.kind()), |_| "ok".to_owned());
        self.history().record(format!("{call}: {kind}"));
    }
}

/// Makes a revocation with a new intent.
pub(super) fn revocation(context: &Context, state: &CredentialRef) -> Revocation {
    Revocation::new(context.clone().with_intent(new_intent()), state.clone())
}
