//! Writes the report as a Markdown table, for a web page.

use std::fmt::Write;

use crate::{Report, Verdict};

pub(super) fn write(report: &Report) -> String {
    let mut text =
        String::from("| plugin | rule | level | verdict | what |\n| --- | --- | --- | --- | --- |\n");
    for outcome in report.outcomes() {
        let mut what = outcome.sentence.to_owned();
        if outcome.verdict != Verdict::Passed {
            let _ = write!(what, " ({})", outcome.reason());
        }
        let what = what.replace('|', "\\|").replace('\n', " ");
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {what} |",
            outcome.subject,
            outcome.rule,
            outcome.level,
            outcome.verdict.as_str()
        );
    }
    for fault in report.faults() {
        let what = fault.replace('|', "\\|").replace('\n', " ");
        let _ = writeln!(text, "| the run | | | failed | {what} |");
    }
    text
}
