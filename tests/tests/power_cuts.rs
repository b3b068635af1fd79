//! Tests stores after power cuts, which are simulated from the trace of a writing process.

use std::path::{Path, PathBuf};

use keyway_tests::services::OrSkip as _;
use keyway_tests::torture::Report;
use keyway_tests::torture::cuts::{Cuts, cut_power};
use keyway_tests::torture::samples::{self, Sample};
use keyway_tests::torture::secrets::{CutOptions, Tasks, power_cuts};
use keyway_tests::torture::trace::{Trace, strace};

const PROGRAM: &str = env!("CARGO_BIN_EXE_torture");

const NONE: Tasks = Tasks { on_records: 0, on_files: 0, sharing: 0, batches: 0, making: 0, operations: 0 };

fn cuts(acknowledgements: usize, anywhere: usize) -> Cuts {
    Cuts { seed: 1, acknowledgements, anywhere }
}

fn report(strace: &Path, tasks: Tasks, rotates: bool, cuts: Cuts) -> Report {
    let options =
        CutOptions { program: PathBuf::from(PROGRAM), strace: strace.to_owned(), tasks, rotates, cuts };
    power_cuts(&options).unwrap()
}

fn assert_sound(report: &Report, checks: u64) {
    assert_eq!(report.findings, [], "kept in {:?}", report.kept);
    assert!(report.checks >= checks, "{} checks", report.checks);
    assert!(report.acknowledged >= 10, "{} acknowledged", report.acknowledged);
}

#[test]
fn records_that_were_acknowledged_survive_a_power_cut() {
    let Some(strace) = strace().or_skip("power cuts under records on SQLite") else { return };
    let tasks = Tasks { on_records: 2, sharing: 1, batches: 1, operations: 8, ..NONE };
    assert_sound(&report(&strace, tasks, false, cuts(40, 60)), 60);
}

#[test]
fn files_that_were_acknowledged_survive_a_power_cut() {
    let Some(strace) = strace().or_skip("power cuts under Convection's files") else { return };
    let tasks = Tasks { on_files: 2, batches: 2, operations: 10, ..NONE };
    assert_sound(&report(&strace, tasks, false, cuts(40, 60)), 60);
}

#[test]
fn stores_that_are_made_rotated_and_deleted_survive_a_power_cut() {
    let Some(strace) = strace().or_skip("power cuts under the life of stores") else { return };
    let tasks = Tasks { on_records: 1, on_files: 1, making: 2, operations: 3, ..NONE };
    assert_sound(&report(&strace, tasks, true, cuts(60, 80)), 80);
}

/// Proves that the simulation detects missing syncs: a store that does not sync loses acknowledged writes, and a store
/// that syncs does not.
#[test]
fn stores_that_do_not_sync_are_caught() {
    let Some(strace) = strace().or_skip("power cuts under stores that do not sync") else { return };
    for (name, sample) in Sample::ALL {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let arguments = ["sample".to_owned(), name.to_owned(), root.display().to_string()];
        let trace = Trace::of(&strace, Path::new(PROGRAM), &arguments).unwrap();
        let report = cut_power(&trace, &root, cuts(100, 60), &mut |left| samples::look(name, left)).unwrap();
        assert_eq!(report.findings.is_empty(), sample.is_sound(), "{name}: {:?}", report.findings);
        for folder in report.kept {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
