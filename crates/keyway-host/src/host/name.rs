//! Ensures that only one run of a host has its name at a time. This is necessary because a run takes over every claim
//! of earlier runs at once.
//!
//! See decision H38.
//!
//! If a run finds the name taken, it is a contender: it writes its own number next to the number of the run that has
//! the name. A run that is alive answers by removing the number of the contender, also while it still starts. If there
//! is no answer in time, the run that has the name is considered dead.

use std::sync::{Arc, Weak};
use std::time::Duration;

use keyway_core::PluginError;
use keyway_core::codec::{LENGTH_BYTES, Malformed, Reader, put_optional, put_text, put_u64};
use tokio::time::Instant;
use tracing::{error, warn};

use super::HostError;
use crate::records::{Address, Applied, Change, Entry, Journal, RecordError, RecordKind, Recorded, Stored};
use crate::work::{Run, Stopped};

/// The number of times that the run with the name looks for a contender during the time that the contender waits. The
/// contender looks for the answer twice as often.
const CHECKS: u32 = 4;

/// The longest interval at which a run looks for a contender, and checks that it still has the name.
const LONGEST_INTERVAL: Duration = Duration::from_millis(500);

/// The number of its waits after which a contender gives up, because other contenders keep changing the record.
const MOST_WAITS: u32 = 4;

/// The kind of record that holds the run of a host.
#[derive(Debug)]
pub(super) struct HostRuns;

/// The name of a host.
pub(super) struct HostName(String);

/// The number of the run that has the name, and the number of the contender, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Running {
    run: u64,
    asked_by: Option<u64>,
}

impl Recorded for HostRuns {
    const KIND: RecordKind = RecordKind::Host;
    type Fixed = HostName;
    type State = Running;
}

impl Stored for HostName {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        LENGTH_BYTES + self.0.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_text(out, &self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self(reader.text()?.to_owned()))
    }
}

impl Stored for Running {
    const SCHEMA: u8 = 1;

    fn encoded_len(&self) -> usize {
        8 + 1 + 8
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_u64(out, self.run);
        put_optional(out, self.asked_by, put_u64);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { run: reader.u64()?, asked_by: reader.optional(Reader::u64)? })
    }
}

/// The name of a host, which this run has taken. A task answers contenders while the run lives.
pub(super) struct HeldName {
    runs: Arc<Journal<HostRuns>>,
    run: Arc<Run>,
}

impl HeldName {
    /// Takes the name for a run. If an earlier run has the name, waits at most `wait` for an answer of that run. If
    /// other contenders keep changing the record, gives up after a few times `wait`.
    pub(super) async fn take(
        runs: Journal<HostRuns>,
        run: Arc<Run>,
        wait: Duration,
    ) -> Result<Arc<Self>, HostError> {
        take(&runs, &run, wait).await?;
        let runs = Arc::new(runs);
        tokio::spawn(keep(Arc::clone(&runs), Arc::downgrade(&run), interval(wait, CHECKS)));
        Ok(Arc::new(Self { runs, run }))
    }

    /// Returns the run that has taken the name.
    pub(super) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Answers a contender, if there is one. Stops the run and returns `false` if the run has lost the name. A run that
    /// has ended answers no contender, even if its name could not be released.
    pub(super) async fn confirm(&self) -> Result<bool, RecordError> {
        if self.run.stopped().is_some() {
            return Ok(false);
        }
        let has_name = answer(&self.runs, &self.run).await?;
        if !has_name {
            // If `stop` returns false, this run was closed before. Then it is no error that another run has the name.
            if self.run.stop(Stopped::Superseded) {
                error!(host = %self.run.host, "another run of this host has taken over; this one stops working");
            }
            self.run.woken.notify_one();
        }
        Ok(has_name)
    }

    /// Ends the run, and releases the name if the run still has it.
    pub(super) async fn end(&self) -> Result<(), RecordError> {
        self.run.stop(Stopped::Ended);
        while let Some(mut entry) = self.runs.load(address(&self.runs, &self.run.host)).await?
            && entry.state.as_ref().is_some_and(|found| found.run == self.run.number)
        {
            // Meanwhile, a contender may ask, and the record may be resealed.
            if store(&self.runs, &mut entry, None).await? {
                break;
            }
        }
        Ok(())
    }
}

/// Answers contenders while the run has the name, and a handle to the host or to one of its engines lives.
async fn keep(runs: Arc<Journal<HostRuns>>, run: Weak<Run>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(run) = run.upgrade() else { return };
        let name = HeldName { runs: Arc::clone(&runs), run };
        match name.confirm().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                warn!(host = %name.run.host, error = %error.detail(), "the host's name could not be looked up");
            }
        }
    }
}

async fn take(runs: &Journal<HostRuns>, run: &Run, wait: Duration) -> Result<(), HostError> {
    let own = Running { run: run.number, asked_by: None };
    let running = || HostError::Running { name: run.host.to_string() };
    let begun = Instant::now();
    loop {
        let Some(mut found) = runs.load(address(runs, &run.host)).await? else {
            let mut fresh = Entry::new(address(runs, &run.host), HostName(run.host.to_string()));
            if store(runs, &mut fresh, Some(own.clone())).await? {
                return Ok(());
            }
            continue;
        };
        let Some(current) = found.state.clone().filter(|current| current.run != run.number) else {
            return Ok(());
        };
        if !wait.is_zero() {
            if begun.elapsed() > wait.saturating_mul(MOST_WAITS) {
                return Err(running());
            }
            // Of two contenders, the one with the lower number asks. The other one only watches, because two that
            // overwrite each other would wait for ever.
            if current.asked_by.is_none_or(|asked| asked > run.number) {
                let asked = Running { run: current.run, asked_by: Some(run.number) };
                if !store(runs, &mut found, Some(asked)).await? {
                    continue;
                }
            }
            match watch(runs, &found, current.run, wait).await? {
                Watched::Unchanged => {}
                Watched::Changed => continue,
                Watched::Answered => return Err(running()),
            }
        }
        if store(runs, &mut found, Some(own.clone())).await? {
            return Ok(());
        }
    }
}

/// The result of waiting for the run that has the name.
enum Watched {
    /// Neither the run nor a contender changed the record.
    Unchanged,
    /// The run has ended, or another contender has asked or has taken the name.
    Changed,
    /// The run has answered.
    Answered,
}

async fn watch(
    runs: &Journal<HostRuns>,
    asked: &Entry<HostRuns>,
    other: u64,
    wait: Duration,
) -> Result<Watched, RecordError> {
    let begun = Instant::now();
    while begun.elapsed() < wait {
        tokio::time::sleep(interval(wait, 2 * CHECKS)).await;
        let Some(current) = runs.load(asked.address).await? else { return Ok(Watched::Changed) };
        if current.revision() != asked.revision() {
            let answered = Running { run: other, asked_by: None };
            let is_answered = current.state == Some(answered);
            return Ok(if is_answered { Watched::Answered } else { Watched::Changed });
        }
    }
    Ok(Watched::Unchanged)
}

/// Answers a contender, if there is one. Returns `false` if this run has lost the name.
async fn answer(runs: &Journal<HostRuns>, run: &Run) -> Result<bool, RecordError> {
    loop {
        let Some(mut entry) = runs.load(address(runs, &run.host)).await? else { return Ok(false) };
        match &entry.state {
            Some(found) if found.run != run.number => return Ok(false),
            Some(Running { asked_by: Some(_), .. }) => {
                if store(runs, &mut entry, Some(Running { run: run.number, asked_by: None })).await? {
                    return Ok(true);
                }
            }
            _ => return Ok(true),
        }
    }
}

/// Returns the interval at which a run looks at the record, `times` times during a wait. The interval has an upper
/// limit, because a contender may wait for less time than this run's own setting.
fn interval(wait: Duration, times: u32) -> Duration {
    if wait.is_zero() { LONGEST_INTERVAL } else { LONGEST_INTERVAL.min(wait / times) }
}

fn address(runs: &Journal<HostRuns>, host: &str) -> Address {
    Address { scope: runs.scope(&[]), id: runs.id_of(&[host.as_bytes()]) }
}

async fn store(
    runs: &Journal<HostRuns>,
    entry: &mut Entry<HostRuns>,
    state: Option<Running>,
) -> Result<bool, RecordError> {
    Ok(matches!(runs.apply(entry, Change::to(state)).await?, Applied::Stored))
}
