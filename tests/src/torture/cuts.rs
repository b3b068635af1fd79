//! Power cuts: the disks that a traced process could have left, each looked at.

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

/// Where power is cut, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    /// The seed of all choices.
    pub seed: u64,
    /// After at most so many of the acknowledgements, spread evenly, only what was synced survives.
    pub acknowledgements: usize,
    /// At so many other moments, anything that was not synced may survive.
    pub anywhere: usize,
}

/// A folder for a process that is traced, and for what is left of it. What a disk does is made from the
/// trace, so it may lie in memory, where looking at what is left is faster.
///
/// # Errors
/// When the system refuses.
pub fn folder() -> Result<TempDir, TortureError> {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .map_err(|source| TortureError::System { action: "make a folder", source })
}

/// Looks at what is left after power cuts, at moments of a trace of what happened below `root`.
///
/// What is left is put back below `root`, since stores know where they are. `look` gets that folder, and says what it finds there ([`Line::Observed`]); it must
/// be able to do that with what every one of these moments left. What was acknowledged before a cut must
/// be there after it, and what had begun may be.
///
/// # Errors
/// When the trace holds what nobody can judge, or the system refuses.
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
                    .map_err(|source| TortureError::System { action: "write what is left", source })
            };
            empty(root)?;
            write(root, &mut same.clone())?;
            report.checks += 1;
            let findings = judge(&said, &look(root));
            if !findings.is_empty() {
                let when = format!("power cut at event {at}, {survives:?} of what was not synced survives");
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

/// At which events power is cut, and what survives.
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
        // Mostly anything; now and then all or nothing, which are the ends of it.
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
    let mut findings = ledger.hear(0, said);
    findings.extend(ledger.hear_check(1, found, ""));
    findings
}
