//! Tests the torture of sessions. The tests make a short run, and check that the torture detects faults.

use std::path::PathBuf;
use std::process::Command;

use keyway_tests::torture::sessions::{self, Defect};
use keyway_tests::torture::{Options, Report};

const PROGRAM: &str = env!("CARGO_BIN_EXE_torture");

fn torture(kills: u64, seed: u64, defect: Option<Defect>) -> Report {
    let options = Options { program: PathBuf::from(PROGRAM), kills, seed, most_findings: 1, defect };
    let report = sessions::run(&options, &mut |_| {}).unwrap();
    if defect.is_some() {
        report.remove_kept();
    }
    report
}

#[test]
fn no_lease_is_lost_by_a_kill() {
    let report = torture(30, 3, None);
    assert_eq!(report.findings, [], "kept in {:?}", report.kept);
    assert!(report.kills >= 30 && report.checks >= 3, "{report:?}");
    assert!(report.acknowledged >= 100, "leases were given: {report:?}");
}

#[test]
fn every_defect_is_caught() {
    for (name, defect) in Defect::ALL {
        let report = torture(300, 1, Some(defect));
        let caught = match defect {
            Defect::GivesAnother => report.doubled(),
            Defect::PromotesUnverified | Defect::ChangesBeforeStoring => report.locked_out(),
            _ => report.lost(),
        };
        assert!(caught > 0, "{name}: {report:?}");
    }
}

#[test]
fn the_program_ends_with_the_counts_and_says_how_to_repeat() {
    let run = |arguments: &[&str]| Command::new(PROGRAM).arg("sessions").args(arguments).output().unwrap();
    let output = run(&["--kills", "2", "--seed", "5"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.lines().last(), Some("lost 0, corrupt 0, doubled 0, locked out 0"), "{text}");
    assert!(text.contains("cargo xtask torture sessions --kills 2"), "{text}");
    // The program refuses a defect of another area.
    let output = run(&["--defect", "makes-another"]);
    assert_eq!(output.status.code(), Some(1));
}
