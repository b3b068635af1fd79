//! Issuers that are odd and yet right.

use std::num::NonZeroUsize;

use keyway_issuers::{
    Capabilities, CredentialRequest, Description, Issued, Issuer, IssuerError, IssuerLayer, RequestOutcome,
    Revocation, async_trait,
};

use super::reference::{FULL, ReferenceIssuer, SLOTS, login_required};
use super::{IssuerResult, PROVIDER};

/// Does the least that an issuer can do.
#[derive(Debug)]
pub(super) struct Minimal;

#[async_trait]
impl Issuer for Minimal {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
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

/// Asks for another login, waits often, works on one call at a time, and refuses states of another form.
#[derive(Debug)]
pub(super) struct Strange(pub(super) ReferenceIssuer);

/// The beginning of all states of the strange issuer.
pub(super) const KEY: &str = " \u{1F511} '\"\\\n";

impl IssuerLayer for Strange {
    type Inner = ReferenceIssuer;

    fn inner(&self) -> &ReferenceIssuer {
        &self.0
    }

    fn capabilities(&self) -> Capabilities {
        FULL.max_concurrency(NonZeroUsize::MIN)
    }

    async fn request(&self, request: &CredentialRequest) -> IssuerResult<RequestOutcome> {
        // A host asks for one call at a time, as is declared.
        let _slots = self.0.slots(SLOTS)?;
        for _ in 0..11 {
            tokio::task::yield_now().await;
        }
        if request.context.additional_logins.is_empty() {
            return Ok(login_required(PROVIDER));
        }
        self.0.request(request).await
    }

    async fn revoke(&self, revocation: &Revocation) -> IssuerResult<()> {
        let _slots = self.0.slots(SLOTS)?;
        // It may refuse a state that it never made, which the beginning tells.
        if !revocation.state.as_str().starts_with(KEY) {
            return Err(IssuerError::invalid("the state", "it is none of mine"));
        }
        self.0.revoke(revocation).await
    }
}
