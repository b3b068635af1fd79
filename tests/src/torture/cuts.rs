//! Power cuts: checks the disks that a traced process could have left.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::disk::{Disk, Survives};
use super::draw::Draw;
use super::ledger::{Finding, Ledger};
use super::line::Line;
use super::trace::{Event, Trace};
use super::{Report, TortureError};

/// The number and choice of power cuts.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    /// The seed of all choices.
    pub seed: u64,
    /// The number of cuts right after an acknowledgement, spread evenly. Only synced data survive
    /// them.
    pub acknowledgements: usize,
    /// The number of cuts at other moments. Any data that were not synced may survive them.
    pub anywhere: usize,
}

/// Creates a folder for a traced process, and for the disks that the process leaves.
///
/// The disk is simulated from the trace, so the folder may be in memory, where checks are faster.
///
/// # Errors
/// When the system refuses.
pub fn folder() -> Result<TempDir, TortureError> {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .map_err(|source| TortureError::System { action: "make a folder", source })
}

/// Simulates power cuts at moments of a trace below `root`, and checks each disk that remains after a cut.
///
/// The remaining files are written back below `root`, because stores know their paths. `look` gets that folder and
/// reports its content ([`Line::Observed`]). `look` must be able to read the folder after every one of these cuts.
/// Writes acknowledged before a cut must be present after it, and writes in progress may be.
///
/// # Errors
/// When the trace has events that cannot be judged, or the system refuses.
pub fn cut_power(
    trace: &Trace,
    root: &Path,
    cuts: Cuts,
    look: &mut dyn FnMut(&Path) -> Vec<Line>,
) -> Result<Report, TortureError> {
    let draw = Draw::new(cuts.seed);
    let moments = moments(trace, cuts, &mut draw.clone());
    let mut report = Report::default();
    let mut disk = Disk::empty(root);
    let mut said = Vec::new();
    for (at, (moment, event)) in trace.events.iter().enumerate() {
        disk.play(*moment, event)?;
        if let Event::Said(line) = event {
            said.push(line.clone());
        }
        for survives in moments.get(&at).into_iter().flatten() {
            let mut same = draw.fork(report.checks);
            let write = |into: &Path, draw: &mut Draw| {
                disk.after_power_cut(*survives, draw, into)
                    .map_err(|source| TortureError::System { action: "write the surviving files", source })
            };
            empty(root)?;
            write(root, &mut same.clone())?;
            report.checks += 1;
            let findings = judge(&said, &look(root));
            if !findings.is_empty() {
                let when = format!("power cut at event {at}, {survives:?} of the unsynced data survives");
                report.findings.extend(findings.into_iter().map(|finding| finding.after(&when)));
                let kept = tempfile::tempdir()
                    .map_err(|source| TortureError::System { action: "make a folder", source })?
                    .keep();
                write(&kept, &mut same)?;
                report.kept.push(kept);
            }
        }
    }
    let acknowledged = said.iter().filter(|line| matches!(line, Line::Acknowledged { .. }));
    report.acknowledged = u64::try_from(acknowledged.count()).unwrap_or(u64::MAX);
    Ok(report)
}

fn empty(folder: &Path) -> Result<(), TortureError> {
    let emptied = fs::read_dir(folder).and_then(|mut entries| {
        entries.try_for_each(|entry| {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())
            } else {
                fs::remove_file(entry.path())
            }
        })
    });
    emptied.map_err(|source| TortureError::System { action: "empty a folder", source })
}

/// Chooses the events at which power is cut, and which data survive.
fn moments(trace: &Trace, cuts: Cuts, draw: &mut Draw) -> BTreeMap<usize, Vec<Survives>> {
    let mut moments: BTreeMap<usize, Vec<Survives>> = BTreeMap::new();
    let is_acknowledgement = |event: &Event| matches!(event, Event::Said(Line::Acknowledged { .. }));
    let acknowledgements: Vec<usize> = trace
        .events
        .iter()
        .enumerate()
        .filter(|(_, (_, event))| is_acknowledgement(event))
        .map(|(at, _)| at)
        .collect();
    let step = acknowledgements.len().div_ceil(cuts.acknowledgements.max(1)).max(1);
    for at in acknowledgements.iter().step_by(step) {
        moments.entry(*at).or_default().push(Survives::Nothing);
    }
    for number in 0..cuts.anywhere {
        let at = usize::try_from(draw.below(trace.events.len() as u64)).unwrap_or_default();
        // Usually a random part survives; sometimes everything or nothing does.
        let survives = match number % 8 {
            0 => Survives::Nothing,
            1 => Survives::Everything,
            _ => Survives::Anything,
        };
        moments.entry(at).or_default().push(survives);
    }
    moments
}

fn judge(said: &[Line], found: &[Line]) -> Vec<Finding> {
    let mut ledger = Ledger::default();
    let mut findings = ledger.record(0, said);
    findings.extend(ledger.record_check(1, found, ""));
    findings
}
