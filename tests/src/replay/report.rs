//! The replay of a whole file, and its report.

use std::collections::BTreeMap;
use std::fmt;

use super::adapter::Brief;
use super::family::{Scope, scope_of};
use super::judge::{Verdict, judge};
use super::vector::Vector;

/// The results of one kind of vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindReport {
    /// The number of vectors with upstream's outcome.
    pub passed: usize,
    /// The number of vectors whose outcome satisfies decisions, and differs from upstream's.
    pub decided: usize,
    /// The number of vectors that each decision overruled. A vector counts for each decision that overruled it.
    pub decisions: BTreeMap<&'static str, usize>,
    /// The number of vectors that are not replayed, because the project leaves out the part of upstream that they test.
    pub out_of_scope: usize,
    /// The number of vectors of a kind that this project does not know.
    pub unknown: usize,
    /// The vectors with a wrong outcome.
    pub failed: Vec<Failed>,
}

/// A failed vector, described for a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The id.
    pub id: String,
    /// The subject.
    pub what: String,
    /// The input, shortened.
    pub input: String,
    /// The expected outcome.
    pub expected: String,
    /// The observed outcome.
    pub observed: String,
}

/// The results of all vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The results by kind.
    pub kinds: BTreeMap<String, KindReport>,
}

/// Replays vectors.
pub fn replay(vectors: &[Vector]) -> Report {
    let mut report = Report::default();
    for vector in vectors {
        let kind = report.kinds.entry(vector.kind.clone()).or_default();
        match scope_of(&vector.kind) {
            Some(Scope::OutOfScope) => kind.out_of_scope += 1,
            Some(Scope::Replayed(adapter)) if adapter.is_out_of_scope(&vector.input) => {
                kind.out_of_scope += 1;
            }
            Some(Scope::Replayed(adapter)) => kind.count(vector, judge(adapter, vector)),
            None => kind.unknown += 1,
        }
    }
    report
}

impl KindReport {
    fn count(&mut self, vector: &Vector, verdict: Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Decided(decisions) => {
                self.decided += 1;
                for decision in decisions {
                    *self.decisions.entry(decision).or_default() += 1;
                }
            }
            Verdict::Failed { expected, observed } => self.failed.push(Failed {
                id: vector.id.clone(),
                what: vector.what.clone(),
                input: Brief(vector.input.value()).to_string(),
                expected,
                observed,
            }),
        }
    }
}

impl Report {
    /// Returns the number of vectors that passed, including decided ones.
    pub fn passed(&self) -> usize {
        self.kinds.values().map(|kind| kind.passed + kind.decided).sum()
    }

    /// Returns the number of vectors that failed.
    pub fn failed(&self) -> usize {
        self.kinds.values().map(|kind| kind.failed.len()).sum()
    }

    /// Tells whether at least one vector was replayed, and all of them passed.
    pub fn is_success(&self) -> bool {
        self.failed() == 0 && self.passed() > 0
    }

    /// Adds the results of another file.
    pub fn add(&mut self, other: Self) {
        for (name, theirs) in other.kinds {
            let ours = self.kinds.entry(name).or_default();
            ours.passed += theirs.passed;
            ours.decided += theirs.decided;
            ours.out_of_scope += theirs.out_of_scope;
            ours.unknown += theirs.unknown;
            ours.failed.extend(theirs.failed);
            for (decision, count) in theirs.decisions {
                *ours.decisions.entry(decision).or_default() += count;
            }
        }
    }

    fn sum(&self, number: fn(&KindReport) -> usize) -> usize {
        self.kinds.values().map(number).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.kinds.keys().map(String::len).max().unwrap_or(0);
        for (name, kind) in &self.kinds {
            write!(f, "{name:width$}  {kind}")?;
            writeln!(f)?;
        }
        for failed in self.kinds.values().flat_map(|kind| &kind.failed) {
            writeln!(f, "\nFAILED {} ({})", failed.id, failed.what)?;
            writeln!(f, "  input     {}", failed.input)?;
            writeln!(f, "  expected  {}", failed.expected)?;
            writeln!(f, "  observed  {}", failed.observed)?;
        }
        if self.passed() + self.failed() == 0 {
            writeln!(f, "\nno vector was replayed, and that is a failure")?;
        }
        writeln!(
            f,
            "\n{} as upstream, {} decided (they count as passed), {} out of scope, {} of unknown kinds",
            self.sum(|kind| kind.passed),
            self.sum(|kind| kind.decided),
            self.sum(|kind| kind.out_of_scope),
            self.sum(|kind| kind.unknown),
        )?;
        writeln!(f, "{} passed, {} failed", self.passed(), self.failed())
    }
}

impl fmt::Display for KindReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut part = |count: usize, word: &str| {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        };
        part(self.passed, "passed");
        let decisions: Vec<_> = self.decisions.iter().map(|(id, count)| format!("{id} {count}")).collect();
        part(self.decided, &format!("decided ({})", decisions.join(", ")));
        part(self.out_of_scope, "out of scope");
        part(self.unknown, "of an unknown kind");
        part(self.failed.len(), "FAILED");
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use crate::replay::read;

    use super::*;

    #[test]
    fn an_unknown_kind_is_reported_and_fails_nothing() {
        let text = r#"{"vectors": [{"id": "a", "kind": "cheese", "input": 1, "expected": 1}]}"#;
        let mut report = replay(&read(text, "x").unwrap());
        assert_eq!((report.passed(), report.failed(), report.kinds["cheese"].unknown), (0, 0, 1));
        assert!(report.to_string().contains("cheese  1 of an unknown kind"), "{report}");
        let replayed = KindReport { passed: 1, ..KindReport::default() };
        report.add(Report { kinds: BTreeMap::from([("get".to_owned(), replayed)]) });
        assert!(report.is_success(), "a kind that was replayed passed");
    }

    #[test]
    fn nothing_replayed_is_a_failure() {
        let vectors =
            read(r#"{"vectors": [{"id": "a", "kind": "acl", "input": 1, "expected": 1}]}"#, "x").unwrap();
        for vectors in [&vectors[..], &[]] {
            let report = replay(vectors);
            assert!(!report.is_success());
            assert!(report.to_string().contains("no vector was replayed"), "{report}");
        }
    }
}
