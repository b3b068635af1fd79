//! Writes the report as JSON, for programs.

use serde_json::{Value, json};

use crate::{Report, Verdict};

pub(super) fn write(report: &Report) -> String {
    let mut rows: Vec<Value> = report
        .outcomes()
        .iter()
        .map(|outcome| {
            let detail = match &outcome.verdict {
                Verdict::Skipped { .. } | Verdict::Excluded { .. } => outcome.reason(),
                _ => outcome.explanation(),
            };
            json!({
                "plugin": outcome.subject,
                "kind": outcome.kind,
                "rule": outcome.rule,
                "level": outcome.level.as_str(),
                "verdict": outcome.verdict.as_str(),
                "detail": detail,
            })
        })
        .collect();
    rows.extend(report.faults().into_iter().map(|fault| {
        let empty = String::new;
        json!({ "plugin": empty(), "kind": "run", "rule": empty(), "level": "MUST", "verdict": "failed", "detail": fault })
    }));
    let mut text = serde_json::to_string_pretty(&rows).unwrap_or_default();
    text.push('\n');
    text
}
