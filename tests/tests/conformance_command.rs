//! The program behind `cargo xtask conformance`.

use std::process::{Command, Output};

fn conformance(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conformance")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn rows_of_json_say_what_was_run() {
    let run =
        conformance(&["--kind", "storage", "--plugin", "memory", "--rule", "STO-00", "--format", "json"]);
    assert!(run.status.success(), "{}", said(&run));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(rows.len(), 9);
    for row in rows {
        let keys: Vec<_> = row.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["detail", "kind", "level", "plugin", "rule", "verdict"]);
        assert_eq!(
            (&row["plugin"], &row["kind"], &row["verdict"]),
            (&"memory".into(), &"storage".into(), &"passed".into())
        );
    }
}

#[test]
fn everything_that_is_linked_is_there() {
    let run = conformance(&["--rule", "MET-001", "--format", "json"]);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&run.stdout).unwrap();
    let plugins: Vec<_> = rows.iter().map(|row| row["plugin"].as_str().unwrap()).collect();
    assert_eq!(plugins, ["convection-generic", "convection-passdb", "generic", "passdb"]);
}

#[test]
fn zero_rules_are_a_failure() {
    for arguments in [["--plugin", "nobody"], ["--rule", "XXX-001"], ["--kind", "cheese"]] {
        let run = conformance(&arguments);
        assert_eq!(run.status.code(), Some(1), "{arguments:?}");
        assert!(said(&run).contains("no rule was run"), "{}", said(&run));
    }
}

#[test]
fn what_is_not_understood_is_said() {
    for arguments in
        [&["--format", "yaml"][..], &["--seed", "x"], &["--what"], &["--mutants", "--kind", "cheese"]]
    {
        let run = conformance(arguments);
        assert_eq!(run.status.code(), Some(1), "{arguments:?}");
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn mutants_of_metadata_are_caught() {
    let run = conformance(&["--mutants", "--kind", "metadata"]);
    let text = said(&run);
    assert!(run.status.success(), "{text}");
    assert!(text.contains("MET-001 caught IdWithCapitals") && !text.contains("MISSED"), "{text}");
}
