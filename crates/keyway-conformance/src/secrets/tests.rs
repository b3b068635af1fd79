//! The suite against the plugins of this workspace.

use std::sync::Arc;

use keyway_core::Registry;
use keyway_secrets::SecretStores;
use serde_json::json;

use super::{SecretStoreSubject, suite};
use crate::{Outcome, Report, RunOptions, Verdict};

fn passes(subject: SecretStoreSubject) {
    let report = suite().run(&Arc::new(subject), &RunOptions::default());
    if std::env::var_os("KEYWAY_TIMES").is_some() {
        for outcome in report.outcomes() { eprintln!("{} {} {:?}", outcome.rule, outcome.verdict.as_str(), outcome.took); }
    }
    assert!(report.succeeded(), "{}", failures(&report));
}

fn failures(report: &Report) -> String {
    report
        .outcomes()
        .iter()
        .filter(|outcome| matches!(outcome.verdict, Verdict::Failed(_)))
        .map(Outcome::explanation)
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
fn the_generic_plugin_keeps_the_contract() {
    passes(registered("generic"));
}

#[test]
fn the_convection_plugin_keeps_the_contract() {
    passes(registered("convection-generic").configuration(|scratch| json!({ "directory": scratch })));
}
