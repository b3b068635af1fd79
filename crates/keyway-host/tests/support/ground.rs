//! Provides clocks, keys and storage engines to the tests of engines.
#![allow(dead_code, unreachable_pub)] // Each test program uses a part of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyway_core::{Clock, Timestamp};
use keyway_host::{Host, WorkReport};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{Fault, FaultyStorage, Memory, Storage};

/// A clock that tests set.
#[derive(Debug, Default)]
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) -> Timestamp {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
        self.now()
    }

    pub(crate) fn set_back(&self, by: Duration) -> Timestamp {
        self.0.fetch_sub(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
        self.now()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_milliseconds(1_800_000_000_000 + self.0.load(Ordering::SeqCst))
    }
}

/// Makes a storage engine that fails at a commit of the host, after `commits` other commits, as if the process had
/// died. `applied` tells whether the failing commit takes effect.
pub(crate) fn dying(
    inner: &Arc<dyn Storage>,
    commits: u64,
    applied: bool,
    reads_too: bool,
) -> Arc<dyn Storage> {
    let engine = FaultyStorage::over(inner);
    let engine = if reads_too { engine.ends_reads() } else { engine }.into_engine();
    // The host's start needs one commit to take the host's name.
    engine.0.end_after(commits + 1, if applied { Fault::EndsAfter } else { Fault::EndsBefore });
    engine
}

/// Advances the clock by `time`, and does all work that is due then.
pub(crate) async fn pass(host: &Host, clock: &TestClock, time: Duration) -> Vec<WorkReport> {
    let now = clock.advance(time);
    let mut reports = Vec::new();
    loop {
        let some = host.run_due(now).await.unwrap();
        if some.is_empty() {
            return reports;
        }
        reports.extend(some);
        assert!(reports.len() < 100, "work without end: {reports:?}");
    }
}

pub(crate) fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

pub(crate) fn ring() -> KeyRing {
    KeyRing::new([Key::generate().unwrap()]).unwrap()
}

pub(crate) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
