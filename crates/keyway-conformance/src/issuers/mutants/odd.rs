//! Makes issuers that are unusual but correct.

use std::num::NonZeroUsize;
use std::sync::Arc;
#[cfg(test)]
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyway_issuers::{
    Capabilities, CredentialRequest, Description, Issued, Issuer, IssuerError, IssuerLayer, Layered,
    RequestOutcome, Revocation, async_trait,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::reference::{login_required, refused};
use super::{IssuerResult, PROVIDER};

/// An issuer that does the least that the contract allows.
#[derive(Debug)]
pub(super) struct Minimal;

#[async_trait]
impl Issuer for Minimal {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.prompt(true)
    }

    async fn describe(&self) -> IssuerResult<Description> {
        Description::builder("0").build().map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, _: &CredentialRequest) -> IssuerResult<RequestOutcome> {
        Ok(Issued::new("-").into())
    }

    async fn revoke(&self, _: &Revocation) -> IssuerResult<()> {
        Ok(())
    }
}

/// An issuer that never answers when it is asked to describe itself.
#[cfg(test)]
#[derive(Debug)]
pub(super) struct Silent;

#[cfg(test)]
#[async_trait]
impl Issuer for Silent {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }

    async fn describe(&self) -> IssuerResult<Description> {
        std::future::pending().await
    }

    async fn request(&self, _: &CredentialRequest) -> IssuerResult<RequestOutcome> {
        std::future::pending().await
    }

    async fn revoke(&self, _: &Revocation) -> IssuerResult<()> {
        std::future::pending().await
    }
}

/// An issuer that asks for another login, waits often, and works on one call at a time. It refuses a reference to a
/// credential (`state` on the wire) that does not begin with [`KEY`].
#[derive(Debug)]
struct Strange {
    issuer: Arc<dyn Issuer>,
    permits: Semaphore,
}

/// Wraps an issuer so that its behaviour is unusual but allowed.
pub(super) fn strange(issuer: Arc<dyn Issuer>) -> Arc<dyn Issuer> {
    Arc::new(Layered(Strange { issuer, permits: Semaphore::new(1) }))
}

impl Strange {
    /// Refuses a call while another call runs. No host makes two calls at a time, since the issuer declares a limit of
    /// one.
    fn permit(&self) -> IssuerResult<SemaphorePermit<'_>> {
        self.permits.try_acquire().map_err(|_| refused("another call has not ended"))
    }
}

/// The error of an issuer that cannot tell yet that nothing happened.
pub(super) fn busy() -> IssuerError {
    let what = "the service, at which a call may still be on its way,";
    IssuerError::Unavailable { what, retry_after: Some(Duration::from_millis(10)), source: None }
}

/// An issuer that has carried a request out some polls before it answers.
#[cfg(test)]
#[derive(Debug)]
struct AnsweringLate(Arc<dyn Issuer>);

/// Wraps an issuer so that its answers to requests come late.
#[cfg(test)]
pub(super) fn answering_late(issuer: Arc<dyn Issuer>) -> Arc<dyn Issuer> {
    Arc::new(Layered(AnsweringLate(issuer)))
}

#[cfg(test)]
impl IssuerLayer for AnsweringLate {
    type Inner = dyn Issuer;

    fn inner(&self) -> &Self::Inner {
        &*self.0
    }

    async fn request(&self, request: &CredentialRequest) -> IssuerResult<RequestOutcome> {
        let outcome = self.0.request(request).await;
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        outcome
    }
}

/// An issuer that answers no request after one that was dropped.
#[cfg(test)]
#[derive(Debug)]
struct StuckOnceDropped(Arc<dyn Issuer>, AtomicBool);

/// Wraps an issuer so that it answers no request after one that was dropped.
#[cfg(test)]
pub(super) fn stuck_once_dropped(issuer: Arc<dyn Issuer>) -> Arc<dyn Issuer> {
    Arc::new(Layered(StuckOnceDropped(issuer, AtomicBool::new(false))))
}

#[cfg(test)]
impl IssuerLayer for StuckOnceDropped {
    type Inner = dyn Issuer;

    fn inner(&self) -> &Self::Inner {
        &*self.0
    }

    async fn request(&self, request: &CredentialRequest) -> IssuerResult<RequestOutcome> {
        if self.1.swap(true, Ordering::SeqCst) {
            return std::future::pending().await;
        }
        let outcome = self.0.request(request).await;
        self.1.store(false, Ordering::SeqCst);
        outcome
    }
}

/// The prefix of all references to credentials (`state` on the wire) that the strange issuer makes.
pub(super) const KEY: &str = " \u{1F511} '\"\\\n";

impl IssuerLayer for Strange {
    type Inner = dyn Issuer;

    fn inner(&self) -> &Self::Inner {
        &*self.issuer
    }

    fn capabilities(&self) -> Capabilities {
        self.issuer.capabilities().max_concurrency(NonZeroUsize::MIN)
    }

    async fn request(&self, request: &CredentialRequest) -> IssuerResult<RequestOutcome> {
        let _permit = self.permit()?;
        for _ in 0..11 {
            tokio::task::yield_now().await;
        }
        if request.context.requester.additional_logins.is_empty() {
            return Ok(login_required(PROVIDER));
        }
        self.issuer.request(request).await
    }

    async fn revoke(&self, revocation: &Revocation) -> IssuerResult<()> {
        let _permit = self.permit()?;
        // The issuer may refuse a reference that it never made. It recognizes its own references by the prefix.
        if !revocation.state.as_str().starts_with(KEY) {
            return Err(IssuerError::invalid("the state", "this issuer did not make it"));
        }
        self.issuer.revoke(revocation).await
    }
}
