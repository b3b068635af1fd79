//! Runs the rules of a suite.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::exclusion::Exclusion;
use crate::runtime::runtime;
use crate::trial::History;
use crate::verdict::{Ending, Failure, RuleOutcome, Verdict};
use crate::{Broken, Clause, Level, Report, Rule, Trial};

/// The rules for one kind of subject, and the clauses from which the rules come.
pub struct Suite<S: ?Sized + 'static> {
    /// The kind of subject in reports.
    pub kind: &'static str,
    /// The rules, sorted by id.
    pub rules: Vec<&'static Rule<S>>,
    /// The clauses that the rules must cover.
    pub clauses: &'static [Clause],
}

/// The options of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunOptions {
    /// The seed of all random choices. Each rule starts its own sequence of random numbers from this seed.
    pub seed: u64,
    /// The time limit of a rule, 60 s by default.
    pub deadline: Duration,
    /// A prefix: only rules whose ids begin with it are run. `None` runs all rules.
    pub only: Option<String>,
    /// The rules that the subject is known to break.
    pub exclusions: Vec<Exclusion>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { seed: 1, deadline: Duration::from_secs(60), only: None, exclusions: Vec::new() }
    }
}

impl RunOptions {
    /// Sets the seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the time limit of a rule.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs only the rules whose ids begin with `prefix`.
    #[must_use]
    pub fn only(mut self, prefix: impl Into<String>) -> Self {
        self.only = Some(prefix.into());
        self
    }

    /// Accepts that a rule is broken, until the exclusion expires.
    #[must_use]
    pub fn exclude(mut self, exclusion: Exclusion) -> Self {
        self.exclusions.push(exclusion);
        self
    }
}

/// A subject of a suite. It has a name for reports, and a version, which decides whether an exclusion has expired.
pub trait Subject: Send + Sync + 'static {
    /// Returns the name in reports. For a registered plugin, this is its id.
    fn name(&self) -> String;

    /// Returns the version of the subject.
    fn version(&self) -> keyway_core::Version;
}

impl<S: Subject + ?Sized> Suite<S> {
    /// Runs the rules in the order of their ids. Each rule has its own thread and a time limit, and a panic breaks only
    /// that rule.
    pub fn run(&self, subject: &Arc<S>, options: &RunOptions) -> Report {
        let mut outcomes = Vec::new();
        for rule in self.rules.iter().filter(|rule| is_chosen(rule.id, options)) {
            let outcome = self.run_rule(rule, subject, options);
            outcomes.push(outcome);
        }
        let faults = exclusion_faults(&outcomes, subject.as_ref(), options);
        Report::new(outcomes, faults)
    }

    /// Runs one rule.
    pub fn run_rule(&self, rule: &'static Rule<S>, subject: &Arc<S>, options: &RunOptions) -> RuleOutcome {
        let seed = options.seed;
        let begun = Instant::now();
        let history = Arc::new(History::default());
        let verdict = match catch_unwind(AssertUnwindSafe(|| skipped(rule, &**subject))) {
            Ok(Some(capability)) => Verdict::Skipped { capability },
            Ok(None) => Self::judge(rule, subject, seed, &history, options),
            Err(panic) => failed(
                "capabilities that tell whether the rule applies",
                format!("asking for them panicked: {}", panic_text(&*panic)),
                &history,
                Ending::CutShort,
            ),
        };
        RuleOutcome {
            subject: subject.name(),
            kind: self.kind,
            rule: rule.id,
            level: rule.level,
            sentence: rule.sentence,
            clauses: rule.clauses,
            verdict,
            seed,
            took: begun.elapsed(),
            call_times: history.times(),
            repeat: format!("RunOptions::default().seed({seed}).only({:?})", rule.id),
        }
    }

    fn judge(
        rule: &'static Rule<S>,
        subject: &Arc<S>,
        seed: u64,
        history: &Arc<History>,
        options: &RunOptions,
    ) -> Verdict {
        let (sender, receiver) = channel();
        let worker = thread::Builder::new().name(rule.id.to_owned()).spawn({
            let (subject, history, deadline) = (Arc::clone(subject), Arc::clone(history), options.deadline);
            move || {
                // If the deadline has passed, the receiver no longer exists.
                let _ = sender.send(catch_unwind(AssertUnwindSafe(|| {
                    check(rule, &*subject, seed, deadline, &history)
                })));
            }
        });
        if let Err(error) = worker {
            let observed = format!("the system gave none: {error}");
            return failed("a thread to run on", observed, history, Ending::CutShort);
        }
        let verdict = match receiver.recv_timeout(options.deadline) {
            Ok(Ok(Ok(()))) => Verdict::Passed,
            Ok(Ok(Err(Broken::Rule { expected, observed }))) => {
                failed(expected, observed, history, Ending::Judged)
            }
            Ok(Ok(Err(Broken::Missing { capability }))) => Verdict::Skipped { capability },
            Ok(Err(_)) => failed("no panic", PANICKED, history, Ending::CutShort),
            Err(RecvTimeoutError::Timeout) => {
                let observed = history.times().of_unfinished();
                let expected = format!("an end within {:?}", options.deadline);
                failed(expected, observed, history, Ending::TimedOut)
            }
            Err(RecvTimeoutError::Disconnected) => {
                failed("an answer", "its thread ended without one", history, Ending::CutShort)
            }
        };
        let exclusion = options.exclusions.iter().find(|exclusion| exclusion.rule == rule.id);
        match (verdict, exclusion) {
            (Verdict::Failed(_), Some(exclusion)) if subject.version() < exclusion.until => {
                Verdict::Excluded { reason: exclusion.reason.to_owned() }
            }
            (verdict, _) => verdict,
        }
    }

    /// Maps every clause to its rules. A clause that no rule covers has an empty list.
    pub fn coverage(&self) -> Vec<(Clause, Vec<&'static str>)> {
        let rules_of = |clause: &Clause| {
            self.rules.iter().filter(|rule| rule.clauses.contains(&clause.id)).map(|rule| rule.id).collect()
        };
        self.clauses.iter().map(|clause| (*clause, rules_of(clause))).collect()
    }
}

impl<S: ?Sized> fmt::Debug for Suite<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Suite({}, {} rules)", self.kind, self.rules.len())
    }
}

fn is_chosen(rule: &str, options: &RunOptions) -> bool {
    options.only.as_deref().is_none_or(|prefix| rule.starts_with(prefix))
}

fn skipped<S: ?Sized>(rule: &Rule<S>, subject: &S) -> Option<&'static str> {
    rule.needs.filter(|need| !(need.declared)(subject)).map(|need| need.capability)
}

fn check<S: ?Sized>(
    rule: &'static Rule<S>,
    subject: &S,
    seed: u64,
    deadline: Duration,
    history: &History,
) -> Result<(), Broken> {
    // Checks the capability again, since a caller may run a rule that is listed as skipped.
    if let Some(capability) = skipped(rule, subject) {
        return Err(Broken::Missing { capability });
    }
    let trial = Trial::new(subject, seed, deadline, history);
    runtime()?.block_on((rule.check)(&trial))
}

fn failed(
    expected: impl Into<String>,
    observed: impl Into<String>,
    history: &History,
    ending: Ending,
) -> Verdict {
    Verdict::Failed(Failure {
        expected: expected.into(),
        observed: observed.into(),
        history: history.latest(),
        ending,
    })
}

/// Tells of a panic without its words, which may hold a secret (decision H310).
pub(crate) const PANICKED: &str = "it panicked: the words are on standard error";

/// Returns the words of a panic of the kit itself.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)").to_owned()
}

/// Lists the faults of the exclusions themselves: those that have no reason, are stale, or have expired.
fn exclusion_faults<S: Subject + ?Sized>(
    outcomes: &[RuleOutcome],
    subject: &S,
    options: &RunOptions,
) -> Vec<String> {
    let mut faults = Vec::new();
    for exclusion in options.exclusions.iter().filter(|exclusion| is_chosen(exclusion.rule, options)) {
        let rule = exclusion.rule;
        if exclusion.reason.trim().is_empty() {
            faults.push(format!("the exclusion of {rule} has no reason: write one"));
        }
        match outcomes.iter().find(|outcome| outcome.rule == rule).map(|outcome| &outcome.verdict) {
            None => faults.push(format!("the exclusion of {rule} is stale: there is no such rule")),
            Some(Verdict::Passed) => {
                faults.push(format!(
                    "the exclusion of {rule} is stale: the rule is kept, so remove the exclusion"
                ));
            }
            Some(Verdict::Skipped { .. }) => {
                faults.push(format!("the exclusion of {rule} is stale: the rule does not apply"));
            }
            Some(Verdict::Failed(_)) if subject.version() >= exclusion.until => {
                faults.push(format!("the exclusion of {rule} has expired with version {}", exclusion.until));
            }
            Some(_) => {}
        }
    }
    faults
}

/// Checks the data of the rules themselves; the tests of each suite call it.
///
/// # Errors
/// All faults: ids that are out of order or duplicate, rules without clauses, clauses that are not listed, clauses
/// without rules, and a suite without a MUST.
pub fn check_rules<S: Subject + ?Sized>(suite: &Suite<S>) -> Result<(), Vec<String>> {
    let mut faults = Vec::new();
    for pair in suite.rules.windows(2) {
        if pair[0].id >= pair[1].id {
            faults
                .push(format!("{} stands before {}: sort them, and make ids unique", pair[0].id, pair[1].id));
        }
    }
    for rule in &suite.rules {
        if rule.clauses.is_empty() {
            faults.push(format!("{} comes from no clause", rule.id));
        }
        for id in rule.clauses {
            if suite.clauses.iter().all(|clause| clause.id != *id) {
                faults.push(format!("{} comes from {id}, which is not listed", rule.id));
            }
        }
    }
    for (clause, rules) in suite.coverage() {
        if rules.is_empty() {
            faults.push(format!("no rule covers {}: {}", clause.id, clause.text));
        }
    }
    if suite.rules.iter().all(|rule| rule.level != Level::Must) {
        faults.push("no rule is a MUST".to_owned());
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Need, ensure};
    use keyway_core::Version;

    /// A subject that is a number, to test the kit itself.
    struct Number(u32);

    impl Subject for Number {
        fn name(&self) -> String {
            format!("number-{}", self.0)
        }

        fn version(&self) -> Version {
            Version::new(1, 2, 0)
        }
    }

    const EVEN: Need<Number> = Need { capability: "even", declared: |number| number.0 % 2 == 0 };

    static SMALL: Rule<Number> = Rule {
        id: "NUM-001",
        level: Level::Must,
        sentence: "A number is small.",
        clauses: &["N1"],
        needs: None,
        check: |trial| {
            Box::pin(async move {
                trial.history().record(format!("look at it with {}", trial.seed()));
                let number = trial.subject().0;
                ensure(number < 10, "less than 10", number.to_string())
            })
        },
    };
    static HALVES: Rule<Number> = Rule {
        id: "NUM-002",
        level: Level::Should,
        sentence: "An even number can be halved.",
        clauses: &["N2"],
        needs: Some(EVEN),
        check: |trial| {
            Box::pin(async move {
                assert!(trial.subject().0 != 4, "four is special");
                trial.history().took("halve", Duration::from_secs(u64::from(trial.subject().0)));
                if trial.subject().0 == 6 {
                    std::thread::sleep(Duration::from_secs(5));
                }
                Ok(())
            })
        },
    };

    fn suite() -> Suite<Number> {
        Suite {
            kind: "number",
            rules: vec![&SMALL, &HALVES],
            clauses: &[Clause { id: "N1", text: "small" }, Clause { id: "N2", text: "halves" }],
        }
    }

    fn run(number: u32, options: &RunOptions) -> Report {
        suite().run(&Arc::new(Number(number)), options)
    }

    #[test]
    fn every_kind_of_verdict_is_told_apart() {
        let options = RunOptions::default().deadline(Duration::from_millis(200));
        let words = |number| {
            let report = run(number, &options);
            report.outcomes().iter().map(|outcome| outcome.verdict.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(words(2), ["passed", "passed"]);
        assert_eq!(words(3), ["passed", "skipped"]);
        assert_eq!(words(12), ["failed", "passed"]);
        assert_eq!(words(4), ["passed", "failed"]);
        assert_eq!(words(6), ["passed", "failed"]);
    }

    #[test]
    fn the_words_of_a_panic_are_not_in_the_report() {
        let told = run(4, &RunOptions::default().only("NUM-002")).outcomes()[0].explanation();
        assert!(told.contains("it panicked") && !told.contains("four is special"), "{told}");
    }

    #[test]
    fn slow_calls_are_named_in_the_report_and_by_a_rule_that_did_not_end() {
        let options = RunOptions::default().deadline(Duration::from_millis(200));
        let mut slow = run(2, &options);
        slow.append(run(8, &options));
        let table = slow.format(crate::Format::Table);
        assert!(
            table.contains("slow calls of number-2 (number)\n  halve: 1 calls in 2.0 s, the longest 2.0 s\n"),
            "{table}"
        );
        assert!(table.contains("slow calls of number-8 (number)\n  halve: 1 calls in 8.0 s"), "{table}");
        assert!(!run(3, &options).format(crate::Format::Table).contains("slow calls"));
        let unfinished = run(6, &options).outcomes()[1].explanation();
        assert!(
            unfinished.contains("it was still running: 1 calls took 6.0 s, the longest, `halve`, 6.0 s"),
            "{unfinished}"
        );
    }

    #[test]
    fn a_failure_explains_itself() {
        let report = run(12, &RunOptions::default().seed(7));
        assert!(!report.succeeded());
        let text = report.outcomes()[0].explanation();
        for part in [
            "NUM-001 MUST A number is small.",
            "N1",
            "less than 10",
            "12",
            "1. look at it",
            "RunOptions::default().seed(7).only(\"NUM-001\")",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn nothing_run_is_a_failure() {
        assert!(!run(2, &RunOptions::default().only("XXX")).succeeded());
        assert!(run(2, &RunOptions::default().only("NUM-002")).succeeded());
    }

    #[test]
    fn exclusions_are_held_to_their_reason_and_their_end() {
        let exclusion = |reason, until| Exclusion { rule: "NUM-001", reason, until };
        let later = Version::new(2, 0, 0);
        let excluded = |number, exclusion: Exclusion| run(number, &RunOptions::default().exclude(exclusion));
        assert!(excluded(12, exclusion("known", later.clone())).succeeded());
        for (number, exclusion, fault) in [
            (12, exclusion(" ", later.clone()), "no reason"),
            (12, exclusion("known", Version::new(1, 2, 0)), "expired"),
            (2, exclusion("known", later.clone()), "stale"),
            (2, Exclusion { rule: "NUM-009", ..exclusion("known", later.clone()) }, "no such rule"),
        ] {
            let report = excluded(number, exclusion);
            assert!(!report.succeeded());
            assert!(report.faults().iter().any(|text| text.contains(fault)), "{:?}", report.faults());
        }
    }

    #[test]
    fn an_uncovered_clause_is_found() {
        check_rules(&suite()).unwrap();
        let mut suite = suite();
        suite.rules = vec![&HALVES, &SMALL];
        suite.clauses = &[Clause { id: "N1", text: "small" }, Clause { id: "N3", text: "new" }];
        let faults = check_rules(&suite).unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:?}");
    }
}
