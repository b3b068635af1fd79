//! Measures a request and the revocation of its credential, with an issuer that does nothing.

use std::hint::black_box;
use std::sync::Arc;

use keyway_core::Registry;
use keyway_host::Host;
use keyway_host::grants::{GrantOutcome, GrantRequest, Isolation, Limits, Requester, Service};
use keyway_issuers::{
    Capabilities, CredentialPart, CredentialRequest, Description, Issued, Issuer, IssuerError,
    RequestOutcome, Revocation, ServiceName, UserInfo, async_trait,
};
use keyway_storage::Memory;

use crate::{Failure, ring};

#[derive(Debug)]
struct Idle;

#[async_trait]
impl Issuer for Idle {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder("1")
            .set([])
            .build()
            .map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, _: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        // Each credential is revoked before the next request, so all credentials can have the same reference (`state`
        // on the wire).
        Ok(Issued::new("state-12345678").with(CredentialPart::text("password", "not a real one")).into())
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        black_box(revocation);
        Ok(())
    }
}

pub(crate) fn request_and_revoke(times: u32) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let service = ServiceName::new("cluster")?;
        let host = Host::builder(Registry::builder().build()?, Arc::new(Memory::new()), ring()?)
            .grant_limits(Limits::default().with_isolation(Isolation::Inline))
            .service(Service::with_issuer(service.clone(), Arc::new(Idle)).allow_everybody().limit(1_000))
            .start()
            .await?;
        let grants = host.grants();
        let user = UserInfo::new("https://issuer.example.com", "7c1d2a3e-52bb-4e7d-9d0d-0f3f0d4e2b11")
            .with("name", "Max Mustermann")
            .with("email", "max@example.com");
        let user = Requester::new(user);
        for _ in 0..times {
            let outcome = grants.request(&service, GrantRequest::new(user.clone())).await?;
            let GrantOutcome::Granted(handed) = outcome else { return Err("no credential".into()) };
            black_box(grants.revoke(handed.grant, user.clone()).await?);
        }
        Ok(())
    })
}
