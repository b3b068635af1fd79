//! Writes the report as a table for the terminal.

use std::fmt::Write;

use crate::{Report, Verdict};

pub(super) fn write(report: &Report) -> String {
    let mut text = String::new();
    let mut subject = None;
    for outcome in report.outcomes() {
        if subject != Some((outcome.kind, outcome.subject.as_str())) {
            subject = Some((outcome.kind, outcome.subject.as_str()));
            let _ = writeln!(text, "\n{} ({})", outcome.subject, outcome.kind);
        }
        let reason = match &outcome.verdict {
            Verdict::Skipped { .. } | Verdict::Excluded { .. } => format!(" ({})", outcome.reason()),
            _ => String::new(),
        };
        let (verdict, rule, level) = (outcome.verdict.as_str(), outcome.rule, outcome.level);
        let _ = writeln!(text, "  {verdict:8} {rule:8} {level:6} {}{reason}", outcome.sentence);
    }
    for outcome in report.outcomes() {
        let explanation = outcome.explanation();
        if !explanation.is_empty() {
            let _ = write!(text, "\n{}: {explanation}", outcome.subject);
        }
    }
    for fault in report.faults() {
        let _ = writeln!(text, "\n{fault}");
    }
    for (kind, subject, times) in report.call_times() {
        let slow = times.slow_calls();
        if !slow.is_empty() {
            let _ = write!(text, "\nslow calls of {subject} ({kind})\n{slow}");
        }
    }
    let unproved = report.unproved();
    if !unproved.is_empty() {
        let _ = write!(text, "\n{unproved}");
    }
    let totals = report.totals();
    let _ = writeln!(
        text,
        "\n{} passed, {} failed, {} skipped, {} excluded",
        totals.passed, totals.failed, totals.skipped, totals.excluded
    );
    text
}
