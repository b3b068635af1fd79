//! Measures the engine for credential stores: a full session, its commits, and a search through a hundred candidates.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;

use keyway_storage::{Memory, Sqlite, Storage};
use keyway_tests::services::{SPS, python_with};
use tokio::runtime::Runtime;

use super::BenchError;
use crate::measure::{Clock, interleave};
use crate::peers::{commits::compare_commits, recording::Recording, sps, sqlite::BareTable};
use crate::row::{Row, Target};
use crate::shelf::{Shelf, Shelved, candidate, connection, ring};

const ROUNDS: usize = 41;
const CALLS: u32 = 200;
const CANDIDATES: u32 = 100;
/// The number of sessions of the upstream SDK in a batch, and the number of batches.
const UPSTREAM_BATCHES: (u32, u32) = (500, 21);

pub(super) fn run(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let mut rows = in_memory(area)?;
    rows.extend(on_sqlite(area)?);
    rows.extend(searches(area)?);
    rows.extend(super::leases::run(area)?);
    rows.extend(super::vaulted::run(area)?);
    Ok(rows)
}

/// A host, and the number of sessions that it has had.
struct Setup {
    runtime: Runtime,
    shelved: Shelved,
    sessions: Cell<u64>,
}

impl Setup {
    fn new(storage: Arc<dyn Storage>, store: Shelf) -> Result<Self, BenchError> {
        // The runtime has no other threads, so that no switch between threads is measured.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let shelved = runtime.block_on(Shelved::start(storage, ring()?, store, |builder| builder))?;
        Ok(Self { runtime, shelved, sessions: Cell::new(0) })
    }

    fn number(&self) -> u64 {
        self.sessions.replace(self.sessions.get() + 1)
    }

    fn full_sessions(&self, times: u32) {
        let all = async {
            for _ in 0..times {
                self.shelved.full_session(connection(self.number())?).await?;
            }
            Ok::<_, BenchError>(())
        };
        self.runtime.block_on(all).expect("a session that is measured succeeds");
    }

    /// Searches through all assets of the store, in one session.
    fn searches(&self, times: u32) {
        let all = async {
            let session = self.shelved.begin(connection(self.number())?)?;
            for _ in 0..times {
                black_box(self.shelved.passwords(&session).await?);
            }
            Ok::<_, BenchError>(session)
        };
        drop(self.runtime.block_on(all).expect("a search that is measured succeeds"));
    }
}

/// Measures full sessions on the memory engine, and full sessions of the upstream SDK.
fn in_memory(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let with = Setup::new(Arc::new(Memory::new()), Shelf::with_leases())?;
    let without = Setup::new(Arc::new(Memory::new()), Shelf::default())?;
    let times = interleave(
        Clock::ThreadCpu,
        ROUNDS,
        1,
        &mut [&mut || with.full_sessions(CALLS), &mut || without.full_sessions(CALLS)],
    );
    let [with, without] = [0, 1].map(|side| times.median(side) / 1e3 / f64::from(CALLS));
    let note = "Isolation::Inline, processor time; keys, passwords, authentication completed, ended";
    // The SDK records nothing. A store without leases is the most similar to it, because a host then records only the
    // notices (decision H223).
    let name = "full session without leases, memory engine, peer the upstream SDK at its default log level";
    let mut rows = vec![
        Row::alone(area, "full session with leases, memory engine", with, "us")
            .must(Target::ValueAtMost(30.0))
            .noting(note),
        Row::alone(area, "full session without leases, memory engine", without, "us")
            .must(Target::ValueAtMost(12.0))
            .noting(note),
    ];
    let target = Target::TimesFaster(8.0);
    let python = match python_with(&SPS) {
        Ok(python) => python,
        Err(skip) => {
            rows.push(Row::unmeasured(area, name, target, skip.to_string()));
            return Ok(rows);
        }
    };
    let upstream = |level| {
        Ok::<_, BenchError>(sps::session_time(&python, level, UPSTREAM_BATCHES.0, UPSTREAM_BATCHES.1)? / 1e3)
    };
    let row = |name, ours, peer| Row { peer_value: Some(peer), ..Row::alone(area, name, ours, "us") };
    let [default, errors] = [upstream(sps::LOG_LEVELS[0])?, upstream(sps::LOG_LEVELS[1])?];
    rows.push(row(name, without, default).must(target));
    rows.push(row("the same, and the SDK logs errors only", without, errors));
    let name =
        "with leases; the SDK at its default log level has no intents, no durable record and no recovery";
    rows.push(row(name, with, default));
    Ok(rows)
}

/// Measures the commits of a full session, against bare transactions that write the same rows.
fn on_sqlite(area: &'static str) -> Result<Vec<Row>, BenchError> {
    let folder = tempfile::tempdir()?;
    let recording = Recording::of(Arc::new(Sqlite::create(folder.path().join("keyway.db"))?));
    let setup = Setup::new(Arc::clone(&recording) as Arc<dyn Storage>, Shelf::with_leases())?;
    let table = BareTable::create(&folder.path().join("table.db"))?;
    let (times, commits) = compare_commits(&recording.0, table, 5, || setup.full_sessions(1))?;
    let name = "full session with leases, SQLite; bare commits of its rows";
    Ok(vec![
        Row::compared(area, name, times.compared(0, 1)).must(Target::RatioAtMost(1.3)),
        // The calls that change something outside are two fetches, a check-in and two notices. The call that ends the
        // session needs no intent of its own, because the session's record serves as one (decision H222).
        Row::alone(area, "its durable commits", f64::from(commits), "")
            .must(Target::ValueAtMost(9.0))
            .noting("five calls that change something outside, and an intent for each call of the session but the end"),
    ])
}

/// Measures searches that find nothing at a hundred assets, and the same number of guarded calls.
fn searches(area: &'static str) -> Result<Vec<Row>, BenchError> {
    const SEARCHES: u32 = 20;
    let without = Setup::new(Arc::new(Memory::new()), Shelf::default().listing(CANDIDATES)?)?;
    let recording = Recording::of(Arc::new(Memory::new()));
    let leases = Shelf::with_leases().listing(CANDIDATES)?;
    let with = Setup::new(Arc::clone(&recording) as Arc<dyn Storage>, leases)?;
    let candidate = candidate()?;
    let bare = || {
        let all = async {
            for _ in 0..SEARCHES * CANDIDATES {
                black_box(without.shelved.verify(&candidate).await?);
            }
            Ok::<_, BenchError>(())
        };
        without.runtime.block_on(all).expect("a call that is measured succeeds");
    };
    with.searches(1);
    recording.0.take();
    with.searches(1);
    let commits = recording.0.take().len();
    let times = interleave(
        Clock::ThreadCpu,
        ROUNDS,
        1,
        &mut [&mut || without.searches(SEARCHES), &mut || with.searches(SEARCHES), &mut || bare()],
    );
    let of_one = |side| times.compared(side, 2).of_one_in(f64::from(SEARCHES));
    let name = "search of 100 candidates, none found, without leases; 100 guarded calls";
    Ok(vec![
        Row::compared(area, name, of_one(0)).must(Target::RatioAtMost(1.2)),
        Row::compared(area, "the same with leases, memory engine", of_one(1)),
        Row::alone(area, "its commits", f64::from(u32::try_from(commits)?), "")
            .must(Target::ValueAtMost(2.0))
            .noting("the intent and its removal"),
    ])
}
