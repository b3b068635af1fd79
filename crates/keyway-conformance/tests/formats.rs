//! Tests the reports byte by byte, and with an independent parser.
//!
//! To accept new reports as correct, run `KEYWAY_ACCEPT=1 cargo test -p keyway-conformance --test formats`.

use std::env;
use std::fs;
use std::path::Path;

use keyway_conformance::metadata::{self, DescribedPlugin};
use keyway_conformance::storage::StorageSubject;
use keyway_conformance::{Candidate, Exclusion, Format, Report, RunOptions, certificates};
use keyway_core::Version;
use keyway_storage::Memory;

/// Makes a report with every kind of verdict, and with text that is special in XML and tables.
fn report() -> Report {
    let mut document = metadata::mutants::minimal().document;
    document = document.replace("\".\"", "\"\"").replace("A <a@b>", "A & <|b>");
    let plugin =
        DescribedPlugin { id: "a-b".to_owned(), contract: keyway_core::PluginKind::Secret, document };
    let candidate = Candidate::from(plugin).exclude(Exclusion {
        rule: "MET-012",
        reason: "nothing to say <yet>",
        until: Version::new(1, 0, 0),
    });
    let mut report = Report::default();
    for rule in ["MET-001", "MET-006", "MET-012"] {
        report.append(candidate.run(&RunOptions::default().only(rule)));
    }
    let memory = StorageSubject::new("memory", |_| Ok(std::sync::Arc::new(Memory::new())));
    report.append(Candidate::from(memory).run(&RunOptions::default().only("STO-021")));
    let authority = Candidate::from(certificates::mutants::reference());
    for rule in ["CER-002", "CER-037"] {
        report.append(authority.run(&RunOptions::default().only(rule)));
    }
    report
}

#[track_caller]
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if env::var_os("KEYWAY_ACCEPT").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{} differs; now it is\n{text}", path.display());
}

#[test]
fn the_table_is_as_it_was() {
    golden("report.txt", &report().format(Format::Table));
}

#[test]
fn json_is_as_it_was_and_is_json() {
    let text = report().format(Format::Json);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let verdicts: Vec<_> = rows.iter().map(|row| row["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["passed", "failed", "excluded", "skipped", "passed", "skipped"]);
    golden("report.json", &text);
}

#[test]
fn markdown_is_as_it_was_and_has_whole_rows() {
    let text = report().format(Format::Markdown);
    for line in text.lines() {
        assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "{line}");
    }
    golden("report.md", &text);
}

#[test]
fn junit_is_as_it_was_and_a_parser_reads_it() {
    // Removes the durations, which are the only difference between two runs.
    let text = without_times(&report().format(Format::Junit));
    golden("report.xml", &text);
    let document = roxmltree::Document::parse(&text).unwrap();
    let suites: Vec<_> = document.descendants().filter(|node| node.has_tag_name("testsuite")).collect();
    assert_eq!(suites.len(), 3);
    let named = |name| suites.iter().find(|suite| suite.attribute("name") == Some(name)).unwrap();
    assert_eq!(named("certificate reference").attribute("tests"), Some("2"));
    let plugin = named("metadata a-b");
    assert_eq!(
        ["tests", "failures", "skipped"].map(|count| plugin.attribute(count).unwrap()),
        ["3", "1", "1"]
    );
    let messages: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("failure") || node.has_tag_name("skipped"))
        .map(|node| node.attribute("message").unwrap())
        .collect();
    assert_eq!(
        messages,
        [
            "a call that may not be repeated is not declared",
            "expected `Name <user@host>`, observed \"A & <|b>\"",
            "nothing to say <yet>",
            "persistent is not declared"
        ]
    );
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert!(failure.text().unwrap().contains("only(\"MET-006\")"));
}

fn without_times(text: &str) -> String {
    let mut parts = text.split(" time=\"");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| {
        let (_, rest) = part.split_once('"').unwrap();
        format!("{text} time=\"0.000\"{rest}")
    })
}
