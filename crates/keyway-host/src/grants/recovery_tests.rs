//! What a worker keeps in memory of the work of others.

use std::sync::Arc;

use async_trait::async_trait;
use keyway_issuers::{
    Capabilities, Context, CredentialRequest, Description, Issued, Issuer, IssuerError, Outcome, Revocation,
    ServiceName, UserInfo,
};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Storage};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::*;
use crate::grants::{GrantLimits, Service};
use crate::guard::Isolation;

/// Each request waits until it is let through.
#[derive(Debug)]
struct Gate(Semaphore);

#[async_trait]
impl Issuer for Gate {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        Description::builder("1").build().map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<Outcome, IssuerError> {
        self.0.acquire().await.unwrap().forget();
        Ok(Issued::new(request.context.user_info.subject()).into())
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_ended_in_other_hands_is_forgotten() {
    const ROUNDS: usize = 10;
    const LEASES: usize = 100;

    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let keys = KeyRing::new([Key::generate().unwrap()]).unwrap();
    let (gate, service) = (Arc::new(Gate(Semaphore::new(0))), ServiceName::new("svc").unwrap());
    let limits = GrantLimits::default().with_isolation(Isolation::Inline);
    let mut hosts = Vec::new();
    for name in ["busy", "idle"] {
        let issuer = Arc::clone(&gate) as Arc<dyn Issuer>;
        let service = Service::with_issuer(service.clone(), issuer).allow_everybody();
        let built = Grants::builder(Arc::clone(&storage), keys.clone()).host_name(name).limits(limits);
        hosts.push(built.service(service).start().await.unwrap());
    }
    let (busy, idle) = (hosts[0].clone(), hosts[1].clone());
    for round in 0..ROUNDS {
        let mut asked = JoinSet::new();
        for number in 0..LEASES {
            let (busy, service) = (busy.clone(), service.clone());
            let context = Context::new(UserInfo::new("https://op.example", format!("{round}-{number}")));
            asked.spawn(async move { busy.request(&service, CredentialRequest::new(context)).await });
        }
        while busy.inner.in_hand.lock().unwrap().len() < LEASES
            || idle.recover().await.unwrap().len() < LEASES
        {
            tokio::task::yield_now().await;
        }
        assert!(idle.sightings().len() >= LEASES, "what is open is remembered");
        gate.0.add_permits(LEASES);
        while let Some(answer) = asked.join_next().await {
            answer.unwrap().unwrap();
        }
        tokio::time::advance(limits.lease() * 2).await;
        assert!(idle.recover().await.unwrap().is_empty());
        assert!(idle.sightings().len() <= LEASES, "{}", idle.sightings().len());
    }
    tokio::time::advance(limits.lease() * 2).await;
    idle.run_due(idle.inner.clock.now()).await.unwrap();
    assert_eq!(idle.sightings().len(), 0, "nothing is open any more");
}
