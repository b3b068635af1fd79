//! The least that an issuer can be.

use std::sync::Arc;

use keyway_issuers::{
    Capabilities, CredentialRequest, Description, Issued, Issuer, IssuerError, IssuerPlugin, OpenContext,
    RequestOutcome, Revocation, async_trait,
};

/// The plugin of the least that an issuer can be.
#[derive(Debug)]
pub(super) struct MinimalPlugin;

impl IssuerPlugin for MinimalPlugin {
    fn open(&self, _: &OpenContext) -> Result<Arc<dyn Issuer>, IssuerError> {
        Ok(Arc::new(Minimal))
    }
}

#[derive(Debug)]
struct Minimal;

#[async_trait]
impl Issuer for Minimal {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder("0").build().map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, _: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        Ok(Issued::new("-").into())
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        Ok(())
    }
}
