//! Tests the torture of grants. The tests make a short run, and check that the torture detects faults.

use std::path::{Path, PathBuf};
use std::process::Command;

use keyway_tests::services::OrSkip as _;
use keyway_tests::torture::Options;
use keyway_tests::torture::Report;
use keyway_tests::torture::cuts::Cuts;
use keyway_tests::torture::grants::{self, CutOptions, Defect, Plan, Tasks};
use keyway_tests::torture::line::Line;
#[cfg(unix)]
use keyway_tests::torture::ssh_files::{self, DiskDefect};
use keyway_tests::torture::trace::strace;

const PROGRAM: &str = env!("CARGO_BIN_EXE_torture");

fn torture(kills: u64, seed: u64, defect: Option<Defect>) -> Report {
    let options = Options { program: PathBuf::from(PROGRAM), kills, seed, most_findings: 1, defect };
    let report = grants::run(&options, &mut |_| {}).unwrap();
    if defect.is_some() {
        report.remove_kept();
    }
    report
}

#[test]
fn nothing_granted_is_lost_by_a_kill() {
    let report = torture(20, 3, None);
    assert_eq!(report.findings, [], "kept in {:?}", report.kept);
    assert!(report.kills >= 20 && report.checks >= 2, "{report:?}");
    assert!(report.acknowledged >= 20, "the hosts did grant: {report:?}");
}

#[test]
fn every_defect_is_caught() {
    for (name, defect) in Defect::ALL {
        let report = torture(300, 1, Some(defect));
        let caught = if defect == Defect::MakesAnother { report.doubled() } else { report.lost() };
        assert!(caught > 0, "{name}: {report:?}");
    }
}

/// Runs a host that has one task, without a kill. Returns its lines.
fn lines_of(plan: &Plan) -> Vec<Line> {
    let output =
        Command::new(PROGRAM).arg("grants").arg(serde_json::to_string(plan).unwrap()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn a_grant_that_is_there_after_its_revocation_was_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = Tasks { own: 1, sharing: 0, operations: 20, executable: false };
    let mut plan = Plan::alone(folder.path(), Path::new(PROGRAM), 1, tasks);
    let lines = lines_of(&plan);
    assert!(!lines.iter().any(Line::is_fault), "{lines:?}");
    // Some of these grants still exist.
    plan.generation = 1;
    plan.revoked = lines
        .into_iter()
        .filter_map(|line| if let Line::Begun { cell, .. } = line { Some(cell) } else { None })
        .collect();
    let lines = lines_of(&plan);
    let is_told = |line: &Line| matches!(line, Line::Lost(what) if what.ends_with("is granted again"));
    assert!(lines.iter().any(is_told), "{lines:?}");
}

#[test]
fn the_program_ends_with_the_counts_and_says_how_to_repeat() {
    let run = |arguments: &[&str]| Command::new(PROGRAM).arg("grants").args(arguments).output().unwrap();
    let output = run(&["--kills", "2", "--power-cuts", "0", "--seed", "5"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.lines().last(), Some("lost 0, corrupt 0, doubled 0"), "{text}");
    assert!(text.contains("cargo xtask torture grants --kills 2 --power-cuts 0 --seed 5"), "{text}");
    // The program refuses a defect of another area.
    let output = run(&["--defect", "writes-in-place"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("writes-in-place"));
}

fn cuts(acknowledgements: usize, anywhere: usize) -> Cuts {
    Cuts { seed: 2, acknowledgements, anywhere }
}

#[test]
fn grants_that_were_acknowledged_survive_a_power_cut_and_a_disk_that_lies_is_caught() {
    let Some(strace) = strace().or_skip("power cuts under grants") else { return };
    for disk_lies in [false, true] {
        let tasks = Tasks { own: 3, sharing: 1, operations: 10, executable: false };
        let options = CutOptions {
            program: PathBuf::from(PROGRAM),
            strace: strace.clone(),
            tasks,
            cuts: cuts(15, 20),
            disk_lies,
        };
        let report = grants::power_cuts(&options).unwrap();
        if disk_lies {
            report.remove_kept();
            assert!(report.lost() > 0, "{report:?}");
        } else {
            assert_eq!(report.findings, [], "kept in {:?}", report.kept);
            assert!(report.checks >= 25 && report.acknowledged >= 10, "{report:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn files_of_ssh_are_whole_after_a_power_cut_and_a_disk_that_lies_is_caught() {
    let Some(strace) = strace().or_skip("power cuts under the files of keyway-ssh") else { return };
    let report = |cuts, defect| {
        let program = PathBuf::from(PROGRAM);
        let options = ssh_files::CutOptions { program, strace: strace.clone(), cuts, defect };
        ssh_files::power_cuts(&options).unwrap()
    };
    let sound = report(cuts(40, 120), None);
    assert_eq!(sound.findings, [], "kept in {:?}", sound.kept);
    assert!(sound.checks >= 140 && sound.acknowledged >= 40, "{sound:?}");
    for defect in [DiskDefect::FilesUnsynced, DiskDefect::ModesLost] {
        let broken = report(cuts(20, 40), Some(defect));
        broken.remove_kept();
        assert!(broken.corrupt() > 0, "{defect:?}: {broken:?}");
    }
}
