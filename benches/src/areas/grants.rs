//! Measures the grant engine: a request and its revocation, in process, on the memory engine.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use keyway_core::Registry;
use keyway_host::Host;
use keyway_host::grants::{GrantOutcome, GrantRequest, Grants, Isolation, Limits, Service};
use keyway_issuers::{
    Capabilities, CredentialPart, CredentialRequest, Description, Issued, Issuer, IssuerError,
    RequestOutcome, Revocation, ServiceName, UserInfo, async_trait,
};
use keyway_seal::{Key, KeyRing};
use keyway_storage::Memory;
use tokio::runtime::Runtime;

use super::BenchError;
use crate::{
    measure::{Clock, Rounds, interleave},
    row::{Row, Target},
};

const ROUNDS: usize = 41;
const CALLS: u32 = 400;

/// An issuer that makes numbered credentials as fast as it can, and keeps no record of them.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

#[async_trait]
impl Issuer for Counter {
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
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Issued::new(format!("state-{number}"))
            .with(CredentialPart::text("password", "not a real one"))
            .into())
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), IssuerError> {
        black_box(revocation);
        Ok(())
    }
}

/// An engine with one service, and its runtime.
struct Setup {
    runtime: Runtime,
    grants: Grants,
    service: ServiceName,
    user: UserInfo,
}

impl Setup {
    fn new(isolation: Isolation) -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
        let service = ServiceName::new("cluster")?;
        let keys = KeyRing::new([Key::generate()?])?;
        let builder = Host::builder(Registry::builder().build()?, Arc::new(Memory::new()), keys)
            .grant_limits(Limits::default().with_isolation(isolation))
            .service(
                Service::with_issuer(service.clone(), Arc::new(Counter::default()))
                    .allow_everybody()
                    .limit(1_000),
            );
        let grants = runtime.block_on(builder.start())?.grants().clone();
        let user = UserInfo::new("https://issuer.example.com", "7c1d2a3e-52bb-4e7d-9d0d-0f3f0d4e2b11")
            .with("name", "Max Mustermann")
            .with("email", "max@example.com");
        let setup = Self { runtime, grants, service, user };
        setup.cycle(1)?;
        let left = setup.runtime.block_on(setup.grants.list(&setup.user.user_id()))?;
        if left.is_empty() { Ok(setup) } else { Err("something was left".into()) }
    }

    /// Requests and revokes a credential, the given number of times.
    fn cycle(&self, times: u32) -> Result<(), BenchError> {
        self.runtime.block_on(async {
            for _ in 0..times {
                let request = GrantRequest::new(self.user.clone());
                let GrantOutcome::Granted(handed) = self.grants.request(&self.service, request).await? else {
                    return Err("no credential".into());
                };
                black_box(self.grants.revoke(handed.grant, self.user.clone()).await?);
            }
            Ok(())
        })
    }
}

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let inline = Setup::new(Isolation::Inline)?;
    let task = Setup::new(Isolation::Task)?;
    let run = |setup: &Setup| setup.cycle(CALLS).expect("a measured request succeeds");
    // An inline call does all its work on this thread and never waits, so processor time measures it. A call in a task
    // consists mostly of switches between threads, so wall-clock time measures it.
    let of_inline = interleave(Clock::ThreadCpu, ROUNDS, 1, &mut [&mut || run(&inline)]);
    let of_task = interleave(Clock::Wall, ROUNDS, 1, &mut [&mut || run(&task)]);
    let microseconds = |times: &Rounds| times.median(0) / 1e3 / f64::from(CALLS);
    Ok(vec![
        Row::alone(area, "request and revoke, memory engine, trusted plugin", microseconds(&of_inline), "us")
            .must(Target::ValueAtMost(15.0))
            .noting("Isolation::Inline, processor time"),
        Row::alone(area, "request and revoke, memory engine, any plugin", microseconds(&of_task), "us")
            .noting("Isolation::Task, on the wall: four hops between threads"),
    ])
}
