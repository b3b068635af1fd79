//! Runs the suite on the plugins of this workspace.

use std::sync::Arc;

use keyway_core::{Registry, Structured, Table};
use keyway_secrets::SecretStores;
use serde_json::json;

use super::{SecretStoreSubject, suite};
use crate::{Matrix, Mutant, Report, RuleOutcome, RunOptions, Suite, Verdict};

fn passes(subject: SecretStoreSubject) {
    let report = suite().run(&Arc::new(subject), &RunOptions::default());
    assert!(report.succeeded(), "{}", failures(&report));
}

fn failures(report: &Report) -> String {
    report
        .outcomes()
        .iter()
        .filter(|outcome| matches!(outcome.verdict, Verdict::Failed(_)))
        .map(RuleOutcome::explanation)
        .collect::<Vec<_>>()
        .join("\n")
}

fn registered(id: &str) -> SecretStoreSubject {
    const PLUGINS: keyway_core::Plugins = keyway_core::plugins! { keyway_generic, keyway_convection };
    let registry: Registry = PLUGINS.registry().unwrap();
    let plugin = registry.get::<SecretStores>(id).unwrap();
    SecretStoreSubject::of(plugin.registration()).unwrap()
}

#[test]
fn every_clause_has_a_rule() {
    crate::check_rules(&suite()).unwrap();
}

#[test]
fn the_reference_store_keeps_the_contract() {
    passes(super::reference());
}

#[test]
fn a_minimal_store_keeps_the_contract() {
    passes(super::minimal());
}

#[test]
fn a_store_without_limits_keeps_the_contract() {
    passes(super::limitless());
}

#[test]
fn a_race_that_is_always_lost_ends() {
    let all = super::mutants::of_stores();
    let mutant = all.into_iter().find(|mutant| mutant.name == "AlwaysLosesTheRace").unwrap();
    let report = suite().run(&(mutant.subject)(), &RunOptions::default().only("SEC-130"));
    assert!(failures(&report).contains("a change"), "{}", failures(&report));
}

#[test]
fn a_strange_store_keeps_the_contract() {
    passes(super::strange());
}

/// Lists the plugins of this workspace that the tests use. A second run of the test program finds its subject here.
pub(crate) fn plugins() -> Vec<crate::Candidate> {
    vec![generic().into(), generic_on_sqlite().into(), convection().into()]
}

#[test]
fn a_foreign_store_keeps_the_contract() {
    passes(super::foreign());
}

#[test]
fn a_cached_store_keeps_the_contract() {
    passes(super::cached());
}

#[test]
fn the_generic_plugin_keeps_the_contract() {
    passes(generic());
}

fn generic() -> SecretStoreSubject {
    let mut settings = Table::new();
    settings.insert("maximum_value_bytes", Structured::Integer(4096.into()));
    registered("generic").example_settings(settings)
}

fn generic_on_sqlite() -> SecretStoreSubject {
    generic().name("generic-on-sqlite").lending(|resources, folder| {
        let sqlite = keyway_storage::Sqlite::options().open_or_create(folder.join("store.db")).unwrap();
        resources.with(Arc::new(sqlite) as Arc<dyn keyway_storage::Storage>)
    })
}

/// Demands that the rules pass, since a skipped rule would prove nothing.
#[test]
fn stores_on_files_survive_kills() {
    for subject in [generic_on_sqlite(), convection()].map(Arc::new) {
        for rule in ["SEC-147", "SEC-148"] {
            let report = suite().run(&subject, &RunOptions::default().only(rule));
            assert_eq!(report.totals().passed, 1, "{}", report.format(crate::Format::Table));
        }
    }
}

#[test]
fn the_convection_plugin_keeps_the_contract() {
    passes(convection());
}

fn convection() -> SecretStoreSubject {
    let (mut settings, mut data) = (Table::new(), Table::new());
    data.insert("note", Structured::text("any"));
    settings.insert("data", Structured::Table(data));
    let subject = registered("convection-generic").configuration(|scratch| json!({ "directory": scratch }));
    subject.example_settings(settings)
}

fn matrix(every_rule: bool) -> Matrix {
    let run = |suite: &Suite<_>, mutants: &[Mutant<_>]| {
        Matrix::run(suite, mutants, every_rule, &RunOptions::default(), &|_| {})
    };
    let mut matrix = run(&suite(), &super::mutants::of_stores());
    matrix.append(run(&super::client::suite(), &super::mutants::of_clients()));
    matrix
}

#[test]
fn every_mutant_is_caught_by_its_rules() {
    let matrix = matrix(false);
    assert!(matrix.faults().is_empty(), "{}", matrix.format());
}

#[test]
#[ignore = "it tries every rule on every mutant, which takes minutes: `cargo xtask conformance --mutants --every-rule` does so"]
fn the_whole_matrix() {
    let matrix = matrix(true);
    assert!(matrix.faults().is_empty(), "{}", matrix.format());
}

#[test]
fn a_secret_that_is_made_anew_while_it_is_listed_may_come_twice() {
    // With these seeds, a secret is listed, destroyed, created again, and listed once more on a later page, as happens
    // in lists in creation order.
    for (subject, seeds) in [(super::reference(), [5, 7]), (super::minimal(), [6, 8])] {
        let subject = Arc::new(subject);
        for seed in seeds {
            let report = suite().run(&subject, &RunOptions::default().seed(seed).only("SEC-213"));
            assert!(report.succeeded(), "{}", failures(&report));
        }
    }
}
