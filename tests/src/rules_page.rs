//! `docs/rules.md`: all rules of the conformance kit, and the clauses that they come from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use keyway_conformance::{Clause, Subject, Suite, metadata, secrets, storage};

/// What the page says of one suite.
struct Section {
    kind: &'static str,
    title: &'static str,
    /// Id, level, sentence, clauses and capability of each rule.
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

fn sections() -> [Section; 3] {
    [
        Section::new("Metadata", &metadata::suite()),
        Section::new("Secret stores", &secrets::suite()),
        Section::new("Storage engines", &storage::suite()),
    ]
}

/// The whole page, as Markdown.
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
         plugins to it.\n\n| clause | what it says | rules |\n| --- | --- | --- |\n",
    );
    for (id, (clause, rules)) in clauses(&sections) {
        let _ = writeln!(text, "| {id} | {} | {} |", clause.replace('|', "\\|"), rules.join(", "));
    }
    text
}

/// Clause, what it says, rules.
fn clauses(sections: &[Section]) -> BTreeMap<&'static str, (String, Vec<&'static str>)> {
    let mut clauses: BTreeMap<&'static str, (Vec<&'static str>, Vec<&'static str>)> = BTreeMap::new();
    for (clause, rules) in sections.iter().flat_map(|section| &section.coverage) {
        let (texts, all) = clauses.entry(clause.id).or_default();
        if !texts.contains(&clause.text) {
            texts.push(clause.text);
        }
        all.extend(rules);
    }
    clauses.into_iter().map(|(id, (texts, rules))| (id, (texts.join("; "), rules))).collect()
}

/// The table from clauses to rules, for a terminal.
pub fn coverage() -> String {
    let clauses = clauses(&sections());
    let width = clauses.keys().map(|id| id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (id, (_, rules)) in clauses {
        let rules = if rules.is_empty() { "NO RULE".to_owned() } else { rules.join(", ") };
        let _ = writeln!(text, "{id:width$}  {rules}");
    }
    text
}
