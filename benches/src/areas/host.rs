//! Measures the host: reads of a prompt plugin, timers while other plugins block, and the cost of many grants that
//! wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyway_core::{Clock as _, Plugins, Registry, SystemClock, plugins};
use keyway_host::Limits;
use keyway_host::grants::{GrantOutcome, GrantRequest, Isolation, Retries, Service};
use keyway_host::stores::HostedStore;
use keyway_host::{Host, HostBuilder};
use keyway_issuers::{
    Capabilities, CredentialRequest, Description, Issued, Issuer, IssuerError, RequestOutcome, Revocation,
    ServiceName, UserInfo, async_trait,
};
use keyway_seal::{Key, KeyRing};
use keyway_secrets::{NewSecret, SecretAddress, SecretName, SecretStore as _, StoreName};
use keyway_storage::{Batch, Entry, Expectation, KeyRange, Memory, Sqlite, Storage};
use tokio::runtime::Runtime;

use super::BenchError;
use crate::{
    measure::{Clock, interleave},
    row::{Row, Target},
};

const PLUGINS: Plugins = plugins! { keyway_generic };
const READS: u32 = 2_000;
const LANES: u64 = 10;
const FEW: u64 = 100;
const MANY: u64 = 100_000;

/// An issuer that blocks its thread in a request, and refuses to revoke.
#[derive(Debug)]
struct Stubborn {
    blocks: Duration,
}

#[async_trait]
impl Issuer for Stubborn {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        let description = Description::builder("1").set([]).build();
        description.map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        if !self.blocks.is_zero() {
            std::thread::sleep(self.blocks);
        }
        Ok(Issued::new(request.context.requester.user_info.subject()).into())
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        Err(IssuerError::refused("Not now.", "the measured revocation waits"))
    }
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()
}

fn ring() -> Result<KeyRing, BenchError> {
    Ok(KeyRing::new([Key::generate()?])?)
}

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let mut rows = reads(area)?;
    rows.push(timers(area)?);
    rows.extend(waiting(area)?);
    Ok(rows)
}

/// Opens a store of a prompt plugin with one secret.
fn store(runtime: &Runtime, limits: Limits) -> Result<Arc<HostedStore>, BenchError> {
    runtime.block_on(async {
        let keys = ring()?;
        let host =
            Host::builder(PLUGINS.registry()?, Arc::new(Memory::new()), keys.clone()).store_limits(limits);
        let host = host.start().await?;
        let name = StoreName::new("web")?;
        let store = host.stores().create(&name, "generic", serde_json::json!({}), &keys).await?;
        store.create(NewSecret::new(address()?, keyway_core::SecretValue::text("not a real one"))).await?;
        Ok(Arc::new(store))
    })
}

fn address() -> Result<SecretAddress, BenchError> {
    Ok(SecretAddress::shared(SecretName::new("password")?))
}

/// Measures reads with the default isolation (from a task, from a plain thread and from two tasks at once), and inline
/// reads.
fn reads(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let runtime = runtime()?;
    let (usual, inline) = (
        store(&runtime, Limits::default())?,
        store(&runtime, Limits::default().with_isolation(Isolation::Inline))?,
    );
    let address = address()?;
    let read = |store: Arc<HostedStore>, times: u32| {
        let address = address.clone();
        async move {
            for _ in 0..times {
                store.get(&address).await.expect("a read that is measured succeeds");
            }
        }
    };
    let task = |store: &Arc<HostedStore>| {
        let reading = runtime.spawn(read(Arc::clone(store), READS));
        runtime.block_on(reading).expect("a task that is measured ends");
    };
    let thread = |store: &Arc<HostedStore>| runtime.block_on(read(Arc::clone(store), READS));
    let two = |store: &Arc<HostedStore>| {
        let reading = [(); 2].map(|()| runtime.spawn(read(Arc::clone(store), READS / 2)));
        for one in reading {
            runtime.block_on(one).expect("a task that is measured ends");
        }
    };
    let times = interleave(
        Clock::Wall,
        41,
        1,
        &mut [
            &mut || task(&usual),
            &mut || task(&inline),
            &mut || thread(&usual),
            &mut || thread(&inline),
            &mut || two(&usual),
            &mut || two(&inline),
        ],
    );
    let names = ["from a task", "from a plain thread", "from two tasks at once"];
    Ok(names
        .into_iter()
        .enumerate()
        .map(|(number, from)| {
            let name = format!("read of a prompt plugin under default settings, {from}; inline");
            let compared = times.compared(2 * number, 2 * number + 1).of_one_in(f64::from(READS));
            Row::compared(area, name, compared).must(Target::RatioAtMost(1.15))
        })
        .collect())
}

/// Measures the longest delay of a task's timer while other tasks call a plugin that blocks its thread without
/// declaring that it does.
fn timers(area: &'static str) -> Result<Row, BenchError> {
    const TICK: Duration = Duration::from_millis(20);
    let runtime = runtime()?;
    let service = ServiceName::new("blocks")?;
    let issuer = Arc::new(Stubborn { blocks: Duration::from_secs(2) });
    let latest = runtime.block_on(async {
        let host = builder(Arc::new(Memory::new()), ring()?, Limits::default().with_deadline(TICK * 10))?
            .service(Service::with_issuer(service.clone(), issuer).allow_everybody())
            .start()
            .await?;
        for number in 0..8 {
            let (host, service) = (host.clone(), service.clone());
            tokio::spawn(async move {
                let request =
                    GrantRequest::new(UserInfo::new("https://issuer.example.com", number.to_string()));
                let _ = host.grants().request(&service, request).await;
            });
        }
        let beating = tokio::spawn(async {
            let mut latest = Duration::ZERO;
            for _ in 0..100 {
                let begun = Instant::now();
                tokio::time::sleep(TICK).await;
                latest = latest.max(begun.elapsed().saturating_sub(TICK));
            }
            latest
        });
        Ok::<_, BenchError>(beating.await?)
    })?;
    runtime.shutdown_background();
    let milliseconds = latest.as_secs_f64() * 1e3;
    Ok(Row::alone(
        area,
        "a timer beside eight calls that block, on two workers: the latest",
        milliseconds,
        "ms",
    )
    .must(Target::ValueAtMost(60.0)))
}

fn builder(storage: Arc<dyn Storage>, keys: KeyRing, limits: Limits) -> Result<HostBuilder, BenchError> {
    let builder = Host::builder(Registry::builder().build()?, storage, keys).takeover_after(Duration::ZERO);
    Ok(builder.grant_limits(limits))
}

/// Starts a host with ten services.
async fn lanes(storage: Arc<dyn Storage>, keys: &KeyRing) -> Result<Host, BenchError> {
    let later = Duration::from_secs(36_000);
    let retries = Retries::default().with_first(later).with_longest(later);
    let limits = Limits::default().with_isolation(Isolation::Inline).with_retries(retries);
    let mut built = builder(storage, keys.clone(), limits)?;
    for lane in 0..LANES {
        let issuer = Arc::new(Stubborn { blocks: Duration::ZERO });
        built = built.service(Service::with_issuer(service(lane)?, issuer).allow_everybody());
    }
    Ok(built.start().await?)
}

fn service(lane: u64) -> Result<ServiceName, BenchError> {
    Ok(ServiceName::new(format!("lane-{lane}"))?)
}

/// Makes grants whose revocation failed. The next attempt is hours later.
async fn filled(waiting: u64, keys: &KeyRing) -> Result<Arc<Memory>, BenchError> {
    let storage = Arc::new(Memory::new());
    let host = lanes(Arc::clone(&storage) as Arc<dyn Storage>, keys).await?;
    for number in 0..waiting {
        let user = UserInfo::new("https://issuer.example.com", format!("user-{number}"));
        let request = GrantRequest::new(user.clone());
        let GrantOutcome::Granted(issued) = host.grants().request(&service(number % LANES)?, request).await?
        else {
            return Err("no credential".into());
        };
        if host.grants().revoke(issued.grant, user).await.is_ok() {
            return Err("the revocation was to fail".into());
        }
    }
    Ok(storage)
}

/// Copies all records to a file.
async fn on_disk(from: &Memory, path: &std::path::Path) -> Result<Arc<Sqlite>, BenchError> {
    let file = Sqlite::create(path)?;
    let (mut after, limit) = (None::<Vec<u8>>, file.limits().items_per_batch.min(128));
    loop {
        let page = from.scan(&KeyRange::all(), after.as_deref(), limit).await?;
        let Some(last) = page.entries.last() else { return Ok(Arc::new(file)) };
        after = Some(last.key.clone());
        let mut batch = Batch::new();
        for Entry { key, value, .. } in page.entries {
            batch = batch.put(key, value, Expectation::Absent);
        }
        let _ = file.commit(batch).await?;
    }
}

/// Measures, with 100 and with 100,000 grants that wait in ten lanes, how long it takes to find that nothing is due,
/// and how long a recovery takes.
fn waiting(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let runtime = runtime()?;
    let folder = tempfile::tempdir()?;
    let keys = ring()?;
    let mut hosts = Vec::new();
    for waiting in [FEW, MANY] {
        let memory = runtime.block_on(filled(waiting, &keys))?;
        let file = runtime.block_on(on_disk(&memory, &folder.path().join(format!("{waiting}.db"))))?;
        hosts.push(runtime.block_on(lanes(memory, &keys))?);
        hosts.push(runtime.block_on(lanes(file, &keys))?);
    }
    let now = SystemClock.now();
    let due = |host: &Host| {
        let done = runtime.block_on(host.run_due(now)).expect("nothing is due");
        assert!(done.is_empty(), "nothing is due");
    };
    let recover = |host: &Host| {
        let done = runtime.block_on(host.recover()).expect("nothing was cut short");
        assert!(done.is_empty(), "nothing was cut short");
    };
    let [few_memory, few_file, many_memory, many_file] = &hosts[..] else { return Err("four hosts".into()) };
    let times = interleave(
        Clock::Wall,
        41,
        20,
        &mut [
            &mut || due(few_memory),
            &mut || due(many_memory),
            &mut || due(few_file),
            &mut || due(many_file),
            &mut || recover(few_file),
            &mut || recover(many_file),
        ],
    );
    let compared = |name: &str, many: usize, few: usize| {
        Row::compared(area, name, times.compared(many, few)).must(Target::RatioAtMost(1.5))
    };
    Ok(vec![
        Row::alone(
            area,
            "what is due in ten lanes with 100,000 waiting, in memory",
            times.median(1) / 1e3,
            "us",
        )
        .noting("one pass over all lanes, a task for each"),
        compared("the same on SQLite; with 100 waiting", 3, 2),
        compared("recover with 100,000 waiting for others, on SQLite; with 100", 5, 4),
    ])
}
