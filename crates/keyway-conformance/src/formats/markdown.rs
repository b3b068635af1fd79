//! The report for a page.

use std::fmt::Write;

use crate::{Report, Verdict};

pub(super) fn write(report: &Report) -> String {
    let mut text =
        String::from("| plugin | rule | level | verdict | what |\n| --- | --- | --- | --- | --- |\n");
    for outcome in report.outcomes() {
        let reason = match &outcome.verdict {
            Verdict::Skipped { capability } => format!(" ({capability} is not declared)"),
            Verdict::Excluded { reason } => format!(" ({reason})"),
            Verdict::Failed(failure) => {
                format!(" (expected {}, observed {})", failure.expected, failure.observed)
            }
            Verdict::Passed => String::new(),
        };
        let what = format!("{}{reason}", outcome.sentence).replace('|', "\\|").replace('\n', " ");
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {what} |",
            outcome.subject,
            outcome.rule,
            outcome.level,
            outcome.verdict.as_str()
        );
    }
    text
}
