//! Measures leases that end by themselves while many others are open, and a restart of a host beside sessions of other
//! hosts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use keyway_core::Timestamp;
use keyway_host::sessions::Session;
use keyway_storage::{Layered, Memory, Sqlite, Storage};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::BenchError;
use crate::hands::Hands;
use crate::measure::{Clock, interleave, median};
use crate::peers::reading::Reading;
use crate::row::{Row, Target};
use crate::shelf::{Shelf, Shelved, connection};

const OPEN: u64 = 10_000;
/// The number of leases in a group. They end in the same second.
const ENDING: u64 = 100;
/// The number of groups.
const TIMES: u64 = 5;
/// The term of the first group. The host returns a lease when nine tenths of its term have passed (decision S10).
const TERM: Duration = Duration::from_secs(60);
const PERIOD: Duration = Duration::from_secs(54);

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let mut rows = ending(area)?;
    rows.push(recover(area)?);
    Ok(rows)
}

/// Returns the end of a lease. The first leases end in groups, each group within a second; all others end days later.
fn ends(number: u64) -> Timestamp {
    let group = u32::try_from(number / ENDING).unwrap_or(u32::MAX) + 1;
    let within = Duration::from_millis(number % ENDING * 10);
    let after = if number < TIMES * ENDING { TERM * group + within } else { TERM * 100_000 };
    Hands::BEGIN.plus(after)
}

/// A host with open sessions, each with a lease.
struct Open {
    runtime: Runtime,
    shelved: Arc<Shelved>,
    clock: Arc<Hands>,
    /// The sessions are kept, because a session ends when it is dropped.
    _sessions: Vec<Session>,
}

impl Open {
    fn new(host: &'static str, storage: Arc<dyn Storage>, open: u64) -> Result<Self, BenchError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let clock = Arc::new(Hands::default());
        let store = Shelf { leases: Some(|number| Some(ends(number))), ..Shelf::default() };
        let (shelved, sessions) = runtime.block_on(async {
            let same = Arc::clone(&clock);
            let keys = keyway_seal::KeyRing::new([keyway_seal::Key::from_bytes(&mut [7; 32])])?;
            let started = Shelved::start(storage, keys, store, |builder| builder.name(host).clock(same));
            let shelved = Arc::new(started.await?);
            let (mut running, mut sessions) = (JoinSet::new(), Vec::new());
            for number in 0..open {
                let session = shelved.begin(connection(number)?)?;
                sessions.push(session.clone());
                // The engine commits concurrent changes together, so several sessions run at a time.
                if running.len() >= 64 {
                    running.join_next().await.ok_or("no task")??;
                }
                let shelved = Arc::clone(&shelved);
                running.spawn(async move {
                    let found = shelved.passwords(&session).await.expect("a fetch succeeds");
                    assert!(found.found().is_some(), "there is a password");
                });
            }
            while let Some(done) = running.join_next().await {
                done?;
            }
            // The leases of a group end within one second. With this additional second, all leases of a group are due
            // when `end_a_group` has advanced the clock by one period.
            clock.advance(Duration::from_secs(1));
            Ok::<_, BenchError>((shelved, sessions))
        })?;
        Ok(Self { runtime, shelved, clock, _sessions: sessions })
    }

    /// Advances the clock until a group of leases has ended, and lets the host process all due work.
    fn end_a_group(&self) -> Result<(), BenchError> {
        let now = self.clock.advance(PERIOD);
        let before = self.shelved.store.returned.load(Ordering::Relaxed);
        self.runtime.block_on(async {
            while !self.shelved.host.run_due(now).await?.is_empty() {}
            Ok::<_, BenchError>(())
        })?;
        let returned = self.shelved.store.returned.load(Ordering::Relaxed) - before;
        if returned == ENDING { Ok(()) } else { Err(format!("{returned} leases were returned").into()) }
    }
}

/// Measures the end of groups of 100 leases, at a host with 10,000 open leases, and at a host with 500.
fn ending(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let folder = tempfile::tempdir()?;
    let open = |file: &str, number| {
        let reading = Reading::of(Arc::new(Sqlite::create(folder.path().join(file))?));
        let open = Open::new("a", Arc::clone(&reading) as Arc<dyn Storage>, number)?;
        reading.0.take();
        Ok::<(Arc<Layered<Reading>>, Open), BenchError>((reading, open))
    };
    let ((many_read, many), (few_read, few)) = (open("many.db", OPEN)?, open("few.db", TIMES * ENDING)?);
    let (mut times, mut many_records, mut few_records) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let begun = Instant::now();
        many.end_a_group()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        many_records.push(many_read.0.take());
        few.end_a_group()?;
        few_records.push(few_read.0.take());
    }
    let most = |records: &[u32]| records.iter().max().map_or(0.0, |most| f64::from(*most));
    let read = Row::alone(area, "records read for that; beside at most 400", most(&many_records), "");
    Ok(vec![
        Row::alone(
            area,
            "return of 100 ended leases beside 9,900 open ones, SQLite",
            median(&mut times),
            "ms",
        )
        .must(Target::ValueAtMost(2_000.0)),
        Row { peer_value: Some(most(&few_records)), ..read }.must(Target::RatioAtMost(1.1)),
    ])
}

/// Measures a restart of a host twice: beside 10,000 sessions of other hosts, and beside 100.
fn recover(area: &'static str) -> Result<Row, BenchError> {
    let with = |others| {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let others = Open::new("others", Arc::clone(&storage), others)?;
        Ok::<_, BenchError>((Open::new("a", storage, 0)?, others))
    };
    let ((many, _many), (few, _few)) = (with(OPEN)?, with(100)?);
    let recover = |open: &Open| {
        let reports = open.runtime.block_on(open.shelved.host.recover()).expect("a host recovers");
        assert!(reports.is_empty(), "there is nothing to do");
    };
    let times = interleave(Clock::ThreadCpu, 41, 20, &mut [&mut || recover(&many), &mut || recover(&few)]);
    let name = "restart with 10,000 sessions of other hosts, in memory; with 100";
    Ok(Row::compared(area, name, times.compared(0, 1)).must(Target::RatioAtMost(1.5)))
}
