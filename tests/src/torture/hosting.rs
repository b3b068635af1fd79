//! Functions that the hosts of several areas share. For example, they open the storage, build the host, and report the
//! findings of a check.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyway_conformance::certificates::Fault;
use keyway_core::{ErrorKind, PluginError as _, Registry};
use keyway_host::grants::Retries;
use keyway_host::{Host, HostBuilder};
use keyway_seal::{Key, KeyRing};
use keyway_storage::{CommitMode, Sqlite, Storage};

use super::clock::JumpingClock;
use super::draw::Draw;
use super::lazy_storage::LazyStorage;
use super::line::{Line, say};

/// Opens the storage engine that all hosts of a process share. A lazy engine acknowledges before it writes.
pub(super) async fn storage(folder: &Path, slot: u32, is_lazy: bool) -> Result<Arc<dyn Storage>, String> {
    let mode = if slot.is_multiple_of(2) { CommitMode::Inline } else { CommitMode::Thread };
    let engine = Sqlite::options().commit_mode(mode).open_or_create(folder.join("host.db"));
    let engine = engine.map_err(|error| error.detail())?;
    if !is_lazy {
        return Ok(Arc::new(engine));
    }
    Ok(Arc::new(LazyStorage::over(engine).await.map_err(|error| error.detail())?))
}

/// Returns the keys of the hosts. They are not secret: all processes have the same keys.
pub(super) fn keys() -> Result<KeyRing, String> {
    KeyRing::new([Key::from_bytes(&mut [7; 32])]).map_err(|error| error.to_string())
}

/// Begins to build the host of a slot, with a clock that jumps. The parent starts a host again only after its last run
/// has ended, so the name is free.
pub(super) fn builder(
    registry: Registry,
    storage: &Arc<dyn Storage>,
    keys: KeyRing,
    slot: u32,
    draw: Draw,
) -> HostBuilder {
    Host::builder(registry, Arc::clone(storage), keys)
        .name(&format!("host-{slot}"))
        .takeover_after(Duration::ZERO)
        .clock(Arc::new(JumpingClock::new(draw)))
}

/// Returns retries that come soon and often, so that a check comes to an end. `first` is the delay of the first retry
/// in milliseconds.
pub(super) fn often(first: u64) -> Retries {
    Retries::default()
        .with_first(Duration::from_millis(first))
        .with_longest(Duration::from_millis(20))
        .with_attempts(10_000)
}

/// Draws the behaviour of a scripted plugin in a call: it works after a delay, or fails.
pub(super) fn scripted_call(draw: &mut Draw) -> Result<Duration, Fault> {
    match draw.below(20) {
        0 | 1 => Err(Fault::Unavailable),
        2 | 3 => Err(Fault::LostRequest),
        4..=6 => Err(Fault::LostAnswer),
        7 => Err(Fault::Hangs),
        8 => Err(Fault::HangsAfterwards),
        9 | 10 => Ok(Duration::from_millis(draw.below(20))),
        _ => Ok(Duration::ZERO),
    }
}

/// Does the work of a process, and reports a failure.
pub(super) async fn reported(work: impl Future<Output = Result<(), String>>) {
    if let Err(fault) = work.await {
        say(&Line::Corrupt(fault));
    }
}

/// Checks, and prints all findings and whether the check was completed.
pub(super) async fn report_check(check: impl AsyncFnOnce(&mut Vec<Line>) -> Result<(), String>) {
    let mut lines = Vec::new();
    let ended = check(&mut lines).await;
    lines.push(ended.map_or_else(Line::Corrupt, |()| Line::Complete));
    lines.iter().for_each(say);
}

/// Tells whether an error is harmless: another host was first, or the file was locked for a long time.
pub(super) fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Conflict | ErrorKind::NotFound | ErrorKind::Unavailable { .. })
}
