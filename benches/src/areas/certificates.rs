//! Measures the engine for certificate orders: a step of an order, orders that wait, and an authority that hangs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_certificates::{
    AuthorityName, CaId, CaInformation, Capabilities, CertificateAuthority, CertificateError,
    CertificateOrder, OrderMetadata, OrderOutcome, OrderRequest, Owner, Support, Waiting, async_trait,
};
use keyway_core::{Clock as _, Registry};
use keyway_host::orders::{Authority, Limits, NewOrder, Phase};
use keyway_host::{Host, HostBuilder};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Memory, Sqlite, Storage};
use tokio::runtime::Runtime;

use super::BenchError;
use crate::hands::Hands;
use crate::measure::{Clock as Measured, interleave, median};
use crate::peers::{commits::compare_commits, recording::Recording, sqlite::BareTable};
use crate::row::{Row, Target};

const CALLS: u32 = 20;
const FEW: u64 = 100;
const MANY: u64 = 100_000;
/// `SOON` is the delay of the order that each measurement looks at. `LATER` is the delay of all other orders.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(7 * 24 * 3600);
/// The time of one step in the upstream system. Its steps took 14.5 to 18 ms on the machine that measures Keyway.
const UPSTREAM_MS: f64 = 14.5;

/// An authority that never makes a certificate: it waits, refuses, or hangs.
#[derive(Debug)]
enum Desk {
    Waits,
    Refuses,
    Hangs,
}

#[async_trait]
impl CertificateAuthority for Desk {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.prompt(true)
    }

    async fn supports(&self, _: &OrderRequest) -> Result<Support, CertificateError> {
        Ok(Support::Yes)
    }

    async fn issue(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        self.check(order).await
    }

    async fn check(&self, order: &CertificateOrder) -> Result<OrderOutcome, CertificateError> {
        match self {
            Self::Refuses => Ok(OrderOutcome::InvalidOperation("no".into())),
            Self::Hangs => std::future::pending().await,
            Self::Waits => {
                let delay = if order.metadata.get("soon").is_some() { SOON } else { LATER };
                Ok(OrderOutcome::WaitingForCa(Waiting::new("A clerk looks at it.").retry_after(delay)))
            }
        }
    }

    async fn ca_information(&self) -> Result<Vec<CaInformation>, CertificateError> {
        let name = format!("{self:?}");
        Ok(vec![CaInformation::new(CaId::new(name.as_str())?, name)])
    }
}

fn builder(storage: Arc<dyn Storage>) -> Result<HostBuilder, BenchError> {
    let keys = KeyRing::new([Key::generate()?])?;
    let registry = Registry::builder().build()?;
    Ok(Host::builder(registry, storage, keys).order_limits(Limits::default()))
}

fn desk(desk: Desk) -> Result<Authority, BenchError> {
    Ok(Authority::with_authority(AuthorityName::new(format!("{desk:?}"))?, Arc::new(desk)))
}

fn order(ca: Option<CaId>, soon: bool) -> Result<NewOrder, BenchError> {
    let mut fields = serde_json::json!({
        "name": "www.example.org", "profile_of_the_client": "server", "contact": "joe@example.org",
    });
    if soon {
        fields["soon"] = true.into();
    }
    if let Some(ca) = ca {
        fields["ca_id"] = ca.as_str().into();
    }
    Ok(NewOrder::new(owner()?, OrderMetadata::from_json(fields.to_string().as_bytes())?))
}

fn owner() -> Result<Owner, BenchError> {
    Ok(Owner::new("7c1d2a3e-52bb-4e7d-9d0d-0f3f0d4e2b11")?)
}

/// A host with one order that is due again after a second, and others that wait for days.
struct Waiters {
    runtime: Runtime,
    host: Host,
    clock: Arc<Hands>,
}

impl Waiters {
    fn new(storage: Arc<dyn Storage>, others: u64) -> Result<Self, BenchError> {
        // The runtime has no other threads, so that no switch between threads is measured.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let clock = Arc::new(Hands::default());
        let built = builder(storage)?.clock(Arc::clone(&clock) as Arc<_>).authority(desk(Desk::Waits)?);
        let host = runtime.block_on(async {
            let host = built.start().await?;
            for number in 0..=others {
                host.orders().submit(order(None, number == 0)?).await?;
                // One pass handles only a limited number of the due orders.
                if number % 64 == 0 || number == others {
                    while !host.run_due(clock.now()).await?.is_empty() {}
                }
            }
            Ok::<_, BenchError>(host)
        })?;
        Ok(Self { runtime, host, clock })
    }

    /// Advances the clock so far that one order is due, and lets the host process the order.
    fn step(&self) {
        let done = self.runtime.block_on(self.host.run_due(self.clock.advance(2 * SOON)));
        assert_eq!(done.expect("a step that is measured succeeds").len(), 1, "one order is due");
    }
}

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let mut rows = steps(area)?;
    rows.push(next_due(area)?);
    rows.push(hanging(area)?);
    rows.extend(super::local_ca::run(area)?);
    Ok(rows)
}

/// Measures a step whose authority answers that the order waits, against bare transactions that write the same rows.
fn steps(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let folder = tempfile::tempdir()?;
    let recording = Recording::of(Arc::new(Sqlite::create(folder.path().join("keyway.db"))?));
    let waiters = Waiters::new(Arc::clone(&recording) as Arc<dyn Storage>, FEW)?;
    let table = BareTable::create(&folder.path().join("table.db"))?;
    let (times, commits) = compare_commits(&recording.0, table, CALLS, || waiters.step())?;
    let faster = UPSTREAM_MS / (times.median(0) / 1e6);
    let name = "step of an order whose authority waits, SQLite; bare commits of its rows";
    Ok(vec![
        Row::compared(area, name, times.compared(0, 1)).must(Target::RatioAtMost(1.3)),
        Row::alone(area, "its durable commits", f64::from(commits), "").must(Target::ValueAtMost(2.0)),
        Row::alone(area, "the same step, times faster than upstream", faster, "times faster")
            .noting(format!("upstream: {UPSTREAM_MS} to 18 ms a step")),
    ])
}

/// Measures a step of the only due order twice: while 100 other orders wait, and while 100,000 wait.
fn next_due(area: &'static str) -> Result<Row, BenchError> {
    let [few, many] = [FEW, MANY].map(|others| Waiters::new(Arc::new(Memory::new()), others));
    let (few, many) = (few?, many?);
    let times = interleave(Measured::ThreadCpu, 41, 20, &mut [&mut || many.step(), &mut || few.step()]);
    let name = "step of the next due order with 100,000 waiting, in memory; with 100";
    Ok(Row::compared(area, name, times.compared(0, 1)).must(Target::RatioAtMost(1.5)))
}

/// Measures the throughput of one authority twice: while every call of another authority hangs, and without the hanging
/// calls.
fn hanging(area: &'static str) -> Result<Row, BenchError> {
    const ROUNDS: usize = 9;
    const ORDERS: u32 = 400;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let measure = |hangs: bool| {
        runtime.block_on(async {
            let built = builder(Arc::new(Memory::new()))?.drain_within(Duration::ZERO);
            let host = built.authority(desk(Desk::Refuses)?).authority(desk(Desk::Hangs)?).start().await?;
            let id_of = |name: &str| {
                let all = host.orders().cas(&owner()?);
                Ok::<_, BenchError>(all.into_iter().find(|ca| ca.information.name == name).ok_or("no CA")?.id)
            };
            let (refuses, hanging) = (id_of("Refuses")?, id_of("Hangs")?);
            if hangs {
                for _ in 0..64 {
                    host.orders().submit(order(Some(hanging.clone()), false)?).await?;
                }
            }
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let running = tokio::spawn({
                let host = host.clone();
                async move { host.run(async { drop(stopped.await) }).await }
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
            let begun = Instant::now();
            let mut last = None;
            for _ in 0..ORDERS {
                last = Some(host.orders().submit(order(Some(refuses.clone()), false)?).await?);
            }
            let owner = owner()?;
            for order in host.orders().list(&owner).await?.iter().chain(&last) {
                if order.authority.as_str() == "Refuses" {
                    let ended = host.orders().wait_for(&owner, &order.id).await?;
                    assert!(matches!(ended.state.phase, Phase::Finished(_)), "it is refused");
                }
            }
            let took = begun.elapsed().as_secs_f64();
            drop(stop);
            running.await??;
            Ok::<_, BenchError>(f64::from(ORDERS) / took)
        })
    };
    let mut shares = Vec::new();
    for _ in 0..ROUNDS {
        let (beside, alone) = (measure(true)?, measure(false)?);
        shares.push(100.0 * beside / alone);
    }
    let name = "throughput of an authority beside one that hangs, of that without it";
    Ok(Row::alone(area, name, median(&mut shares), "%").must(Target::ValueAtLeast(90.0)))
}
