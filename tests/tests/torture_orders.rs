//! Tests the torture of certificate orders. The tests make a short run, and check that the torture detects faults.

use std::path::PathBuf;
use std::process::Command;

use keyway_tests::torture::Options;
use keyway_tests::torture::Report;
use keyway_tests::torture::orders::{self, Defect};

const PROGRAM: &str = env!("CARGO_BIN_EXE_torture");

fn torture(kills: u64, seed: u64, defect: Option<Defect>) -> Report {
    let options = Options { program: PathBuf::from(PROGRAM), kills, seed, most_findings: 1, defect };
    let report = orders::run(&options, &mut |_| {}).unwrap();
    if defect.is_some() {
        report.remove_kept();
    }
    report
}

#[test]
fn no_order_is_lost_by_a_kill() {
    let report = torture(30, 3, None);
    assert_eq!(report.findings, [], "kept in {:?}", report.kept);
    assert!(report.kills >= 30 && report.checks >= 3, "{report:?}");
    assert!(report.acknowledged >= 20, "orders were placed: {report:?}");
}

#[test]
fn every_defect_is_caught() {
    for (name, defect) in Defect::ALL {
        // A run ends at the first finding. Late certificates are rare: about one in a hundred kills leaves one.
        let report = torture(3_000, 1, Some(defect));
        let is_doubling = matches!(defect, Defect::PlacesAnother | Defect::FinalizesAnother);
        let caught = if is_doubling { report.doubled() } else { report.lost() };
        assert!(caught > 0, "{name}: {report:?}");
    }
}

#[test]
fn the_program_ends_with_the_counts_and_says_how_to_repeat() {
    let run = |arguments: &[&str]| Command::new(PROGRAM).arg("orders").args(arguments).output().unwrap();
    let output = run(&["--kills", "2", "--seed", "5"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.lines().last(), Some("lost 0, corrupt 0, doubled 0"), "{text}");
    assert!(text.contains("cargo xtask torture orders --kills 2"), "{text}");
    // The program refuses a defect of another area.
    let output = run(&["--defect", "makes-another"]);
    assert_eq!(output.status.code(), Some(1));
}
