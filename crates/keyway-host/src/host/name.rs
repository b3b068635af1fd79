//! Ensures that only one run of a host has its name at a time. This is necessary because a run takes over every claim
//! of earlier runs at once.
//!
//! See decision H38.
//!
//! If a run finds the name taken, it is a contender: it writes its own number next to the number of the run that has
//! the name. A run that is alive answers by removing the number of the contender. If there is no answer in time, the
//! run that has the name is considered dead.

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

/// The interval at which a run checks that it still has the name, if contenders do not wait.
const UNASKED: Duration = Duration::from_secs(1);

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

/// Takes the name for a run. If an earlier run has the name, waits at most `wait` for an answer of that run.
pub(super) async fn take(runs: &Journal<HostRuns>, run: &Run, wait: Duration) -> Result<(), HostError> {
    let own = Running { run: run.number, asked_by: None };
    loop {
        let Some(mut found) = runs.load(address(runs, &run.host)).await? else {
            let mut fresh = Entry::new(address(runs, &run.host), HostName(run.host.to_string()));
            if store(runs, &mut fresh, Some(own.clone())).await? {
                return Ok(());
            }
            continue;
        };
        let other = found.state.as_ref().map_or(run.number, |found| found.run);
        if other == run.number {
            return Ok(());
        }
        let asked = Running { run: other, asked_by: Some(run.number) };
        if !wait.is_zero() && store(runs, &mut found, Some(asked.clone())).await? {
            let begun = Instant::now();
            while begun.elapsed() < wait {
                tokio::time::sleep(wait / (2 * CHECKS)).await;
                match runs.load(found.address).await?.and_then(|current| current.state) {
                    Some(current) if current == asked => {}
                    Some(current) if current.run == other && current.asked_by.is_none() => {
                        return Err(HostError::Running { name: run.host.to_string() });
                    }
                    // The earlier run has ended, or a third run wants the name too.
                    _ => break,
                }
            }
        }
        let Some(mut current) = runs.load(found.address).await? else { continue };
        if current.revision() == found.revision() && store(runs, &mut current, Some(own.clone())).await? {
            return Ok(());
        }
    }
}

/// Answers a contender, if there is one. Returns `false` if this run has lost the name.
pub(super) async fn answer(runs: &Journal<HostRuns>, run: &Run) -> Result<bool, RecordError> {
    let Some(mut entry) = runs.load(address(runs, &run.host)).await? else { return Ok(false) };
    match &entry.state {
        Some(found) if found.run != run.number => return Ok(false),
        Some(Running { asked_by: Some(_), .. }) => {
            store(runs, &mut entry, Some(Running { run: run.number, asked_by: None })).await?;
        }
        _ => {}
    }
    Ok(true)
}

/// Releases the name of a run that has it.
pub(super) async fn give_back(runs: &Journal<HostRuns>, run: &Run) -> Result<(), RecordError> {
    if let Some(mut entry) = runs.load(address(runs, &run.host)).await?
        && entry.state.as_ref().is_some_and(|found| found.run == run.number)
    {
        store(runs, &mut entry, None).await?;
    }
    Ok(())
}

/// Starts the task that answers contenders while the host lives.
pub(super) fn keep(host: std::sync::Weak<super::Inner>, wait: Duration) {
    // If contenders do not wait, they need no answer, but this run must still notice when it loses the name.
    let every = if wait.is_zero() { UNASKED } else { wait / CHECKS };
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            let Some(inner) = host.upgrade() else { return };
            match answer(&inner.runs, &inner.run).await {
                Ok(true) => {}
                Ok(false) => {
                    // If `stop` returns false, this run was closed before. Then it is no error that another run has the
                    // name.
                    if inner.run.stop(Stopped::Superseded) {
                        error!(host = %inner.run.host, "another run of this host has taken over; this one stops working");
                    }
                    inner.run.woken.notify_one();
                    return;
                }
                Err(error) => {
                    warn!(host = %inner.run.host, error = %error.detail(), "the host's name could not be looked up");
                }
            }
        }
    });
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
