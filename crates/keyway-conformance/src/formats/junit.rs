//! Writes the report as `JUnit` XML, for build servers. The kit has its own writer, because test runners omit the
//! reasons of skipped tests.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::{Report, RuleOutcome, Verdict};

pub(super) fn write(report: &Report) -> String {
    let mut suites: BTreeMap<(&str, &str), Vec<&RuleOutcome>> = BTreeMap::new();
    for outcome in report.outcomes() {
        suites.entry((outcome.kind, &outcome.subject)).or_default().push(outcome);
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for ((kind, subject), outcomes) in suites {
        let count =
            |test: fn(&Verdict) -> bool| outcomes.iter().filter(|outcome| test(&outcome.verdict)).count();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
            escape(&format!("{kind} {subject}")),
            outcomes.len(),
            count(|verdict| matches!(verdict, Verdict::Failed(_))),
            count(|verdict| matches!(verdict, Verdict::Skipped { .. } | Verdict::Excluded { .. })),
        );
        for outcome in outcomes {
            case(&mut text, outcome);
        }
        text.push_str("  </testsuite>\n");
    }
    let faults = report.faults();
    if !faults.is_empty() {
        let count = faults.len();
        let _ = writeln!(
            text,
            "  <testsuite name=\"the run\" tests=\"{count}\" failures=\"{count}\" skipped=\"0\">"
        );
        for fault in faults.iter().map(|fault| escape(fault)) {
            let _ = writeln!(
                text,
                "    <testcase classname=\"run\" name=\"{fault}\" time=\"0.000\">\n      \
                 <failure message=\"{fault}\"/>\n    </testcase>"
            );
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(text: &mut String, outcome: &RuleOutcome) {
    let _ = write!(
        text,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escape(&format!("{}.{}", outcome.kind, outcome.subject)),
        escape(&format!("{} {}", outcome.rule, outcome.sentence)),
        outcome.took.as_secs_f64(),
    );
    let body = match &outcome.verdict {
        Verdict::Passed => {
            text.push_str("/>\n");
            return;
        }
        Verdict::Failed(_) => format!(
            "<failure message=\"{}\">{}</failure>",
            escape(&outcome.reason()),
            escape(&outcome.explanation()),
        ),
        Verdict::Skipped { .. } | Verdict::Excluded { .. } => {
            format!("<skipped message=\"{}\"/>", escape(&outcome.reason()))
        }
    };
    let _ = writeln!(text, ">\n      {body}\n    </testcase>");
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 cannot represent most control characters.
            control if control.is_control() && !matches!(control, '\n' | '\t') => {
                let _ = write!(escaped, "{}", control.escape_default());
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_parser_would_stumble_over_stays() {
        assert_eq!(escape("a<b>&\"c\"\u{1}"), "a&lt;b&gt;&amp;&quot;c&quot;\\u{1}");
    }
}
