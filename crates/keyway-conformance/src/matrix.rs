//! Tests the kit itself: shows which rules catch which deliberately broken subjects.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::lock::locked;
use crate::{Ending, Rule, RunOptions, Subject, Suite, Verdict};

/// A deliberately broken subject, and the rules that must catch it. The code of the subject itself does not refer to
/// these rules.
pub struct Mutant<S: ?Sized + 'static> {
    /// The name of the mutant.
    pub name: &'static str,
    /// The fault of the mutant, in words.
    pub what: &'static str,
    /// The ids of the rules that must catch the mutant.
    pub breaks: &'static [&'static str],
    /// The rules among them that the mutant keeps from a judgement: they panic, or do not end.
    pub unjudged: &'static [&'static str],
    /// Makes the subject.
    pub subject: fn() -> Arc<S>,
}

impl<S: ?Sized> Clone for Mutant<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized> Copy for Mutant<S> {}

impl<S: ?Sized> std::fmt::Debug for Mutant<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mutant({})", self.name)
    }
}

/// Shows which rules catch which mutants.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// The ids of all rules of the suites, sorted within each suite.
    pub rules: Vec<&'static str>,
    /// The results: one row for each mutant and each rule that the mutant breaks.
    pub rows: Vec<MatrixRow>,
}

/// The result for one mutant and one rule.
#[derive(Clone, Debug)]
pub struct MatrixRow {
    /// The name of the mutant.
    pub mutant: &'static str,
    /// The kind of subject.
    pub kind: &'static str,
    /// The rule that the mutant is declared to break.
    pub breaks: &'static str,
    /// All rules that caught the mutant.
    pub caught_by: Vec<&'static str>,
    /// The explanation of the rule in `breaks`; empty if that rule passed.
    pub explanation: String,
    /// How the rule in `breaks` ended; `None` if that rule did not fail.
    pub ending: Option<Ending>,
    /// Whether the mutant keeps the rule in `breaks` from a judgement on purpose.
    pub is_unjudged: bool,
    /// The rules that timed out on the mutant.
    pub timed_out: Vec<&'static str>,
    /// The time that all rules took on the mutant.
    pub took: Duration,
}

impl Matrix {
    /// Runs on each mutant the rules of `suite` that the mutant breaks. If `every_rule` is set, runs all rules, which
    /// takes longer and also shows other rules that catch the mutant. Makes one row for each rule that a mutant breaks.
    ///
    /// Mutants run in parallel, because many rules wait until they time out. `each` is called after each mutant, for a
    /// progress bar. Blocks until all runs have ended.
    pub fn run<S: Subject + ?Sized>(
        suite: &Suite<S>,
        mutants: &[Mutant<S>],
        every_rule: bool,
        options: &RunOptions,
        each: &(dyn Fn(&MatrixRow) + Sync),
    ) -> Self {
        let rules = suite.rules.iter().map(|rule| rule.id).collect();
        let rows = side_by_side(mutants.len(), |at| {
            let rows = Self::rows_of(suite, &mutants[at], every_rule, options);
            rows.first().into_iter().for_each(each);
            rows
        });
        let mut rows = rows.concat();
        rows.sort_by_key(|row| (row.breaks, row.mutant));
        Self { rules, rows }
    }

    fn rows_of<S: Subject + ?Sized>(
        suite: &Suite<S>,
        mutant: &Mutant<S>,
        every_rule: bool,
        options: &RunOptions,
    ) -> Vec<MatrixRow> {
        let subject = (mutant.subject)();
        let is_chosen = |rule: &&&'static Rule<S>| every_rule || mutant.breaks.contains(&rule.id);
        let chosen = suite.rules.iter().filter(is_chosen);
        let outcomes: Vec<_> = chosen.map(|rule| suite.run_rule(rule, &subject, options)).collect();
        let failed = || outcomes.iter().filter(|outcome| matches!(outcome.verdict, Verdict::Failed(_)));
        let timed_out = || failed().filter(|outcome| outcome.took >= options.deadline);
        let row = |breaks: &&'static str| MatrixRow {
            mutant: mutant.name,
            kind: suite.kind,
            breaks,
            caught_by: failed().map(|outcome| outcome.rule).collect(),
            explanation: failed()
                .find(|outcome| outcome.rule == *breaks)
                .map(crate::RuleOutcome::explanation)
                .unwrap_or_default(),
            ending: failed().find(|outcome| outcome.rule == *breaks).and_then(crate::RuleOutcome::ending),
            is_unjudged: mutant.unjudged.contains(breaks),
            timed_out: timed_out().map(|outcome| outcome.rule).collect(),
            took: outcomes.iter().map(|outcome| outcome.took).sum(),
        };
        mutant.breaks.iter().map(row).collect()
    }

    /// Adds the rules and rows of another matrix.
    pub fn append(&mut self, other: Self) {
        self.rules.extend(other.rules);
        // Two suites may have the same rule.
        let mut seen = BTreeSet::new();
        self.rules.retain(|rule| seen.insert(*rule));
        self.rows.extend(other.rows);
    }

    /// Lists the faults: mutants that survived the rule they break, mutants on which that rule panicked or did not end
    /// (unless the mutant [declares](Mutant::unjudged) it), rules without mutants, and an empty matrix.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.rows.is_empty() {
            faults.push("no mutant was run: nothing is proved".to_owned());
        }
        for row in self.rows.iter().filter(|row| !row.caught_by.contains(&row.breaks)) {
            faults.push(format!(
                "{} ({}) survived {}; caught by {}",
                row.mutant,
                row.kind,
                row.breaks,
                if row.caught_by.is_empty() { "no rule".to_owned() } else { row.caught_by.join(", ") }
            ));
        }
        for row in &self.rows {
            let (mutant, kind, rule) = (row.mutant, row.kind, row.breaks);
            match row.ending {
                Some(Ending::Judged) if row.is_unjudged => {
                    faults.push(format!("{mutant} ({kind}) is judged by {rule}: remove `unjudged`"));
                }
                Some(ending @ (Ending::TimedOut | Ending::CutShort)) if !row.is_unjudged => {
                    faults.push(format!("{mutant} ({kind}) is not judged by {rule}: {ending:?}"));
                }
                _ => {}
            }
        }
        for rule in &self.rules {
            if self.rows.iter().all(|row| row.breaks != *rule) {
                faults.push(format!("no mutant breaks {rule}"));
            }
        }
        faults
    }

    /// Writes the matrix as text, one line for each row: the rule that the mutant breaks, whether that rule caught the
    /// mutant, and the other rules that caught it. Ends with the faults and the totals.
    pub fn format(&self) -> String {
        let mut text = String::new();
        let width = self.rows.iter().map(|row| row.mutant.len()).max().unwrap_or_default();
        for row in &self.rows {
            let others: Vec<_> = row.caught_by.iter().copied().filter(|rule| *rule != row.breaks).collect();
            let caught = if row.caught_by.contains(&row.breaks) { "caught" } else { "MISSED" };
            let others =
                if others.is_empty() { String::new() } else { format!("  also {}", others.join(", ")) };
            let timed_out = if row.timed_out.is_empty() {
                String::new()
            } else {
                format!("  waited in vain {}", row.timed_out.join(", "))
            };
            let _ = writeln!(text, "{} {caught} {:width$}{others}{timed_out}", row.breaks, row.mutant);
        }
        let faults = self.faults();
        for fault in &faults {
            let _ = writeln!(text, "{fault}");
        }
        let caught = self.rows.iter().filter(|row| row.caught_by.contains(&row.breaks)).count();
        let _ =
            writeln!(text, "\n{caught} of {} mutants caught, {} rules", self.rows.len(), self.rules.len());
        text
    }
}

/// Runs numbered jobs on several threads. Returns the results in the order of the numbers.
pub(crate) fn side_by_side<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    // Uses twice as many threads as the machine has cores, since some threads only wait.
    let threads = 2 * thread::available_parallelism().map_or(2, usize::from);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(count));
    thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    if at >= count {
                        break;
                    }
                    let result = work(at);
                    locked(&results).push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
impl Matrix {
    /// Checks that each mutant is caught by the rules that it breaks, and that no explanation shows a secret. Runs only
    /// these rules; `xtask` runs the whole matrix.
    #[track_caller]
    pub(crate) fn assert_caught<S: Subject + ?Sized>(
        suite: &Suite<S>,
        mutants: &[Mutant<S>],
        secrets: &[&str],
    ) {
        let options = RunOptions::default().deadline(Duration::from_secs(20));
        let matrix = Self::run(suite, mutants, false, &options, &|_| {});
        assert!(matrix.faults().is_empty(), "{}", matrix.format());
        for row in &matrix.rows {
            assert!(row.explanation.contains("expected"), "{}: {}", row.mutant, row.explanation);
            let shown = secrets.iter().find(|secret| row.explanation.contains(**secret));
            assert_eq!(shown, None, "{}", row.explanation);
        }
    }

    /// Checks that the rules judge mutants with calls that hang, instead of running out of time themselves.
    #[track_caller]
    pub(crate) fn assert_hanging_judged<S: Subject + ?Sized>(suite: &Suite<S>, mutants: &[Mutant<S>]) {
        let hanging: Vec<_> =
            mutants.iter().filter(|mutant| mutant.name.starts_with("Hangs")).copied().collect();
        let options = RunOptions::default().deadline(Duration::from_secs(6));
        let matrix = Self::run(suite, &hanging, false, &options, &|_| {});
        let judged = matrix.rows.iter().filter(|row| row.ending == Some(Ending::Judged)).count();
        assert!(judged > 0 && judged == matrix.rows.len(), "{}", matrix.format());
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Matrix, MatrixRow};

    fn faults(ending: Ending, is_unjudged: bool) -> usize {
        let row = MatrixRow {
            mutant: "Hangs",
            kind: "number",
            breaks: "NUM-001",
            caught_by: vec!["NUM-001"],
            explanation: String::new(),
            ending: Some(ending),
            is_unjudged,
            timed_out: Vec::new(),
            took: std::time::Duration::ZERO,
        };
        Matrix { rules: vec!["NUM-001"], rows: vec![row] }.faults().len()
    }

    #[test]
    fn a_mutant_is_caught_by_a_judgement_unless_it_declares_that_there_is_none() {
        assert_eq!(faults(Ending::Judged, false), 0);
        assert_eq!([Ending::TimedOut, Ending::CutShort].map(|ending| faults(ending, false)), [1, 1]);
        assert_eq!([Ending::TimedOut, Ending::CutShort].map(|ending| faults(ending, true)), [0, 0]);
        assert_eq!(faults(Ending::Judged, true), 1);
    }
}
