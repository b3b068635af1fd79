//! Tests how front ends show subjects: names, skips, seeds, and a run without rules.

use std::sync::Arc;

use keyway_conformance::metadata::{self, DescribedPlugin};
use keyway_conformance::storage::StorageSubject;
use keyway_conformance::{
    Broken, Candidate, Exclusion, Format, Level, Report, Rule, RunOptions, Subject, Suite, certificates,
    front, issuers, secrets,
};
use keyway_core::Version;
use keyway_storage::Memory;
use libtest_mimic::{Arguments, Conclusion};

keyway_conformance::conformance_test!(sound_metadata_conforms, metadata::mutants::minimal());
keyway_conformance::conformance_test!(an_issuer_conforms, issuers::mutants::reference());
keyway_conformance::conformance_test!(an_authority_conforms, certificates::mutants::reference());

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
    // Writes the output to a file, since a tool that counts tests would otherwise count the printed tests too.
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
    assert_eq!((conclusion.num_passed, conclusion.num_failed, conclusion.num_ignored), (0, 0, 1));
}

/// Makes a subject whose store keeps its data in files, where the kit cannot inject storage failures.
fn files() -> Candidate {
    const PLUGINS: keyway_core::Plugins = keyway_core::plugins! { keyway_convection };
    let registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<keyway_secrets::SecretStores>("convection-generic").unwrap();
    let subject = secrets::SecretStoreSubject::of(plugin.registration()).unwrap();
    subject.configuration(|scratch| serde_json::json!({ "directory": scratch })).into()
}

/// The ids of the rules about storage failures.
const FAILURES: [&str; 4] = ["SEC-095", "SEC-113", "SEC-145", "SEC-146"];

#[test]
fn a_store_on_files_is_not_said_to_survive_failures_of_the_storage() {
    let trials = front::trials(vec![files()], &RunOptions::default());
    for rule in FAILURES {
        let trial = trials.iter().find(|trial| trial.name().ends_with(rule)).unwrap();
        assert!(trial.has_ignored_flag(), "{rule} is listed as a test that is run");
        assert!(trial.kind().ends_with("data in the lent storage not declared"), "{}", trial.kind());
    }
    let look = trials.iter().find(|trial| trial.name().ends_with("SEC-098")).unwrap();
    assert!(!look.has_ignored_flag(), "its files can be looked at");
}

#[derive(Debug)]
struct Number;

impl Subject for Number {
    fn name(&self) -> String {
        "number".to_owned()
    }

    fn version(&self) -> Version {
        Version::new(1, 0, 0)
    }
}

/// A rule that finds only at run time that it has nothing to test.
static LATE: Rule<Number> = Rule {
    id: "NUM-001",
    level: Level::Must,
    sentence: "A number is small.",
    clauses: &["N1"],
    needs: None,
    check: |_| Box::pin(async { Err(Broken::Missing { capability: "smallness" }) }),
};

/// A rule of level MAY that is broken.
static BROKEN: Rule<Number> = Rule {
    id: "NUM-002",
    level: Level::May,
    check: |_| Box::pin(async { Err(keyway_conformance::broken("less", "more")) }),
    ..LATE
};

fn number() -> Candidate {
    Candidate::new(Suite { kind: "number", rules: vec![&LATE, &BROKEN], clauses: &[] }, Arc::new(Number))
}

#[test]
fn a_rule_that_proves_nothing_is_ignored_and_named_in_the_last_line() {
    let mut arguments = Arguments::from_iter(["test"]);
    let log = tempfile::NamedTempFile::new().unwrap();
    arguments.logfile = Some(log.path().display().to_string());
    let candidates = vec![number(), memory(), without_description().into()];
    let (conclusion, line) = front::conclude(&arguments, candidates, &RunOptions::default());
    assert_eq!((conclusion.num_failed, conclusion.num_ignored), (1, 6), "{line}");
    for part in ["6 proved nothing: ", "number::NUM-001", "number::NUM-002", "memory::STO-021"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let log = std::fs::read_to_string(log.path()).unwrap();
    for reason in ["ignored (smallness is not declared)", "ignored (expected less, observed more)"] {
        assert!(log.contains(reason), "{log}");
    }
}

#[test]
fn an_excluded_rule_is_no_passed_test() {
    let exclusion = Exclusion { rule: "MET-012", reason: "nothing yet", until: Version::new(1, 0, 0) };
    let conclusion = run(vec![Candidate::from(without_description()).exclude(exclusion)], &["MET-012"]);
    assert_eq!((conclusion.num_passed, conclusion.num_ignored), (0, 1));
}

#[test]
fn every_format_says_that_a_run_proved_nothing_or_has_a_stale_exclusion() {
    let stale = Exclusion { rule: "MET-012", reason: "no more", until: Version::new(1, 0, 0) };
    let stale = Candidate::from(metadata::mutants::minimal()).exclude(stale);
    let reports: [(Report, &str); 2] = [
        (number().run(&RunOptions::default().only("NUM-001")), "nothing is proved"),
        (stale.run(&RunOptions::default()), "the exclusion of MET-012 is stale"),
    ];
    for (report, text) in reports {
        assert!(!report.succeeded());
        for format in [Format::Table, Format::Json, Format::Junit, Format::Markdown] {
            let written = report.format(format);
            assert!(written.contains(text), "{format:?} says nothing of it: {written}");
        }
    }
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
    assert_eq!(failed(unknown), 1, "this rule does not exist");
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
#[should_panic(expected = "MET-012 SHOULD The description is not blank.")]
fn a_test_fails_with_the_explanation() {
    front::assert_conforms(&without_description().into());
}
