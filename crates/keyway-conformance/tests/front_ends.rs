//! What the front ends make of subjects: names, skips, seeds, and nothing at all.

use std::sync::Arc;

use keyway_conformance::metadata::{self, DescribedPlugin};
use keyway_conformance::storage::StorageSubject;
use keyway_conformance::{Candidate, Exclusion, RunOptions, front, issuers};
use keyway_core::Version;
use keyway_storage::Memory;
use libtest_mimic::{Arguments, Conclusion};

keyway_conformance::conformance_test!(sound_metadata_conforms, metadata::mutants::minimal());
keyway_conformance::conformance_test!(an_issuer_conforms, issuers::mutants::reference());

fn memory() -> Candidate {
    StorageSubject::new("memory", |_| Ok(Arc::new(Memory::new()))).into()
}

fn without_description() -> DescribedPlugin {
    let mut plugin = metadata::mutants::minimal();
    plugin.document = plugin.document.replace("\".\"", "\"\"");
    plugin
}

fn run(candidates: Vec<Candidate>, arguments: &[&str]) -> Conclusion {
    let mut arguments = Arguments::from_iter(["test"].iter().chain(arguments));
    // Not to the output of this test, where whoever counts tests would take it for its own.
    let log = tempfile::NamedTempFile::new().unwrap();
    arguments.logfile = Some(log.path().display().to_string());
    libtest_mimic::run(&arguments, front::trials(candidates, &RunOptions::default()))
}

#[test]
fn every_rule_is_a_test_with_its_id_in_the_name() {
    let trials = front::trials(vec![memory(), metadata::mutants::minimal().into()], &RunOptions::default());
    let names: Vec<_> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    assert_eq!(names.first().unwrap(), "a::MET-001");
    assert!(names.contains(&"memory::STO-004".to_owned()));
    let skipped = trials.iter().find(|trial| trial.name() == "memory::STO-021").unwrap();
    assert!(skipped.has_ignored_flag());
    assert_eq!(skipped.kind(), "storage, persistent not declared");
}

#[test]
fn one_rule_runs_alone() {
    let conclusion = run(vec![memory()], &["memory::STO-004", "--exact"]);
    assert_eq!((conclusion.num_passed, conclusion.num_failed), (1, 0));
}

#[test]
fn a_skipped_rule_that_is_run_anyway_asks_again() {
    let conclusion = run(vec![memory()], &["memory::STO-021", "--include-ignored"]);
    assert_eq!((conclusion.num_passed, conclusion.num_failed), (1, 0));
}

#[test]
fn nothing_linked_is_a_failure() {
    assert_eq!(run(Vec::new(), &[]).num_failed, 1);
}

#[test]
fn a_broken_rule_fails_and_an_exclusion_is_held_to_its_reason() {
    let broken = || Candidate::from(without_description());
    let exclusion = |rule| Exclusion { rule, reason: "nothing to say yet", until: Version::new(1, 0, 0) };
    let failed = |candidate| run(vec![candidate], &[]).num_failed;
    assert_eq!(failed(broken()), 1);
    assert_eq!(failed(broken().exclude(exclusion("MET-012"))), 0);
    assert_eq!(failed(metadata::mutants::minimal().into()), 0);
    let stale = Candidate::from(metadata::mutants::minimal()).exclude(exclusion("MET-012"));
    assert_eq!(failed(stale), 1, "a rule that is kept needs no exclusion");
    let unknown = Candidate::from(metadata::mutants::minimal()).exclude(exclusion("MET-999"));
    assert_eq!(failed(unknown), 1, "nobody knows this rule");
}

#[test]
fn the_same_seed_gives_the_same_verdicts() {
    let shape = |seed| {
        let report = memory().run(&RunOptions::default().seed(seed).only("STO-02"));
        report.outcomes().iter().map(|outcome| (outcome.rule, outcome.verdict.clone())).collect::<Vec<_>>()
    };
    assert_eq!(shape(42), shape(42));
}

#[test]
#[should_panic(expected = "MET-012 SHOULD The description says something.")]
fn a_test_fails_with_the_explanation() {
    front::assert_conforms(&without_description().into());
}
