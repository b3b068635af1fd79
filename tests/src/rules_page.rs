//! Writes `docs/rules.md`: all rules of the conformance kit, and the clauses from which they follow.

use std::fmt::Write as _;

use keyway_conformance::{
    Clause, Subject, Suite, certificates, credentials, issuers, metadata, secrets, storage,
};

/// The part of the page about one suite.
struct Section {
    kind: &'static str,
    title: &'static str,
    /// The id, level, sentence, clauses and capability of each rule.
    rules: Vec<[String; 5]>,
    coverage: Vec<(Clause, Vec<&'static str>)>,
}

impl Section {
    fn new<S: Subject + ?Sized>(title: &'static str, suite: &Suite<S>) -> Self {
        let rules = suite.rules.iter().map(|rule| {
            [
                rule.id.to_owned(),
                rule.level.to_string(),
                rule.sentence.to_owned(),
                rule.clauses.join(", "),
                rule.needs.map(|need| need.capability.to_owned()).unwrap_or_default(),
            ]
        });
        Self { kind: suite.kind, title, rules: rules.collect(), coverage: suite.coverage() }
    }
}

fn sections() -> [Section; 6] {
    [
        Section::new("Metadata", &metadata::suite()),
        Section::new("Secret stores", &secrets::suite()),
        Section::new("Issuers", &issuers::suite()),
        Section::new("Certificate authorities", &certificates::suite()),
        Section::new("Credential stores", &credentials::suite()),
        Section::new("Storage engines", &storage::suite()),
    ]
}

/// Writes the whole page, as Markdown.
pub fn page() -> String {
    let mut text = String::from(
        "# Conformance rules\n\n\
         Written by `cargo xtask rules`; do not edit. What a plugin or an engine has to do, one sentence a\n\
         rule. An id never changes and is never used again. A rule that needs a capability is skipped,\n\
         visibly, where it is not declared.\n",
    );
    let sections = sections();
    for section in &sections {
        let _ = write!(
            text,
            "\n## {}\n\n{} rules of kind `{}`.\n\n\
             | rule | level | what it demands | from | needs |\n| --- | --- | --- | --- | --- |\n",
            section.title,
            section.rules.len(),
            section.kind,
        );
        for rule in &section.rules {
            let cells = rule.each_ref().map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    text.push_str(
        "\n## Clauses\n\nFrom each clause of the seed documents and each decision to the rules that hold \
         plugins to it.\n\n| clause | what it says | kind | rules |\n| --- | --- | --- | --- |\n",
    );
    for Row { clause, kind, rules } in rows(&sections) {
        let what = clause.text.replace('|', "\\|");
        let _ = writeln!(text, "| {} | {what} | {kind} | {} |", clause.id, rules.join(", "));
    }
    text
}

/// The rules of one suite for one clause.
struct Row {
    clause: Clause,
    kind: &'static str,
    rules: Vec<&'static str>,
}

fn rows(sections: &[Section]) -> Vec<Row> {
    let mut rows: Vec<Row> = sections
        .iter()
        .flat_map(|section| {
            section.coverage.iter().map(|(clause, rules)| Row {
                clause: *clause,
                kind: section.kind,
                rules: rules.clone(),
            })
        })
        .collect();
    rows.sort_by_key(|row| {
        // The length is compared before the text, so that C2 comes before C10.
        let letters = row.clause.id.trim_end_matches(|digit: char| digit.is_ascii_digit());
        (letters, row.clause.id.len(), row.clause.id, row.kind)
    });
    rows
}

/// Returns a table of the clauses and their rules, for a terminal, and tells whether every clause has a rule.
pub fn coverage() -> (String, bool) {
    let rows = rows(&sections());
    let width = rows.iter().map(|row| row.clause.id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Row { clause, kind, rules } in &rows {
        let rules = if rules.is_empty() { "NO RULE".to_owned() } else { rules.join(", ") };
        let _ = writeln!(text, "{:width$}  {kind:11}  {rules}", clause.id);
    }
    (text, rows.iter().all(|row| !row.rules.is_empty()))
}
