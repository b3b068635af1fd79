//! Front ends: a test program, a test, and what both are made of.
//!
//! A crate that can say `harness = false` for a test gets one test a rule, with the rule's id
//! in its name, by [`conformance_main!`](crate::conformance_main). Any other gets one test by
//! [`conformance_test!`](crate::conformance_test). Who wants the report itself runs a
//! [`Candidate`].
//!
//! The environment variable `KEYWAY_SEED` sets the seed of the random choices.

use std::env;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Completion, Conclusion, Failed, FormatSetting, Trial};

use crate::{Candidate, Format, Report, RuleSummary, RunOptions, Verdict};

/// The environment variable that sets the seed.
pub const SEED: &str = "KEYWAY_SEED";

/// Makes the `main` of a test program that runs every rule of the suites of its subjects, each
/// as a test of its own: `generic::SEC-014`.
///
/// It works under `cargo test` and `cargo nextest`, and takes the arguments of a test
/// program: `cargo test --test conformance -- STO-004` runs one rule. A rule that does not
/// apply is an ignored test whose kind says which capability is missing; one that finds only when
/// it runs that there is nothing to test is ignored with the reason, and so is one that is broken
/// with an exclusion. A last line names all rules that proved nothing. With no subject, or
/// with subjects for which no rule applies, a test fails. `KEYWAY_SEED` sets the seed.
///
/// `cargo nextest` knows ignored tests by the list alone, and shows the others as passed.
///
/// In Cargo.toml:
///
/// ```toml
/// [[test]]
/// name = "conformance"
/// harness = false
/// ```
///
/// In `tests/conformance.rs`:
///
/// ```no_run
/// use std::sync::Arc;
/// use keyway_conformance::storage::StorageSubject;
/// use keyway_storage::Memory;
///
/// keyway_conformance::conformance_main!(
///     StorageSubject::new("memory", |_folder| Ok(Arc::new(Memory::new()))),
/// );
/// ```
#[macro_export]
macro_rules! conformance_main {
    ($($subject:expr),* $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::front::main(::std::vec![$($crate::Candidate::from($subject)),*])
        }
    };
}

/// Makes a test that runs every rule of the suite of one subject, and fails with an
/// explanation of each that is broken. For crates that cannot set `harness = false`; all
/// others get more from [`conformance_main!`](crate::conformance_main).
///
/// ```
/// use std::sync::Arc;
/// use keyway_conformance::storage::StorageSubject;
/// use keyway_storage::Memory;
///
/// keyway_conformance::conformance_test!(
///     memory_conforms,
///     StorageSubject::new("memory", |_folder| Ok(Arc::new(Memory::new())))
/// );
/// ```
#[macro_export]
macro_rules! conformance_test {
    ($name:ident, $subject:expr) => {
        #[test]
        fn $name() {
            $crate::front::assert_conforms(&$crate::Candidate::from($subject));
        }
    };
}

/// The options that the environment asks for: the seed.
///
/// # Panics
/// When `KEYWAY_SEED` is not a number: a run with another seed would not repeat anything.
pub fn options() -> RunOptions {
    let options = RunOptions::default();
    let Ok(seed) = env::var(SEED) else { return options };
    let Ok(seed) = seed.parse() else { panic!("{SEED} is {seed:?}: set it to a number") };
    options.seed(seed)
}

/// Runs the whole suite of a candidate; what [`conformance_test!`](crate::conformance_test)
/// calls. `KEYWAY_SEED` sets the seed. Blocks.
///
/// # Panics
/// With the report, when a rule is broken or no rule applies.
pub fn assert_conforms(candidate: &Candidate) {
    let report = candidate.run(&options());
    print_line(report.unproved().trim_end());
    assert!(report.succeeded(), "{}", report.format(Format::Table));
}

/// The `main` of a test program; what [`conformance_main!`](crate::conformance_main) calls.
pub fn main(candidates: Vec<Candidate>) -> ExitCode {
    let arguments = Arguments::from_args();
    let (conclusion, line) = conclude(&arguments, candidates, &options());
    // The list and the JSON lines are for programs.
    if !arguments.list && arguments.format != Some(FormatSetting::Json) {
        print_line(&line);
    }
    conclusion.exit_code()
}

/// Runs the tests that the arguments choose, and returns what became of them, and a line that names the rules that
/// proved nothing, empty without any. Blocks.
pub fn conclude(
    arguments: &Arguments,
    candidates: Vec<Candidate>,
    options: &RunOptions,
) -> (Conclusion, String) {
    let unproved = Unproved::default();
    let trials = noted_trials(candidates, options, &unproved);
    let ignored = trials.iter().filter(|trial| arguments.is_ignored(trial));
    for trial in ignored.filter(|trial| !arguments.is_filtered_out(trial)) {
        unproved.note(trial.name());
    }
    let conclusion = libtest_mimic::run(arguments, trials);
    let tests = unproved.sorted();
    let line = format!("{} proved nothing: {}", tests.len(), tests.join(", "));
    (conclusion, if tests.is_empty() { String::new() } else { line })
}

#[expect(clippy::print_stdout, reason = "it is a part of the output of a test program")]
fn print_line(line: &str) {
    if !line.is_empty() {
        println!("{line}\n");
    }
}

/// Collects the tests that proved nothing.
#[derive(Clone, Default)]
struct Unproved(Arc<Mutex<Vec<String>>>);

impl Unproved {
    fn note(&self, test: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(test.to_owned());
    }

    fn sorted(&self) -> Vec<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.sort();
        all
    }
}

/// One test for each rule of each candidate, sorted, and one that fails when nothing is
/// proved.
pub fn trials(candidates: Vec<Candidate>, options: &RunOptions) -> Vec<Trial> {
    noted_trials(candidates, options, &Unproved::default())
}

fn noted_trials(candidates: Vec<Candidate>, options: &RunOptions, unproved: &Unproved) -> Vec<Trial> {
    let mut candidates = candidates;
    candidates.sort_by_key(|candidate| (candidate.kind(), candidate.name()));
    let mut trials = Vec::new();
    let mut applying = 0;
    for candidate in candidates {
        let candidate = Arc::new(candidate);
        let rules = candidate.rules();
        for exclusion in candidate.exclusions() {
            if rules.iter().all(|rule| rule.id != exclusion.rule) {
                let (name, rule) = (candidate.name(), exclusion.rule);
                trials.push(failing(
                    format!("{name}::{rule}"),
                    format!("the exclusion of {rule} is stale: there is no such rule"),
                ));
            }
        }
        for rule in rules {
            applying += usize::from(rule.missing.is_none());
            trials.push(trial(&candidate, rule, options, unproved));
        }
    }
    if applying == 0 {
        let text = "no rule applies to anything that is linked: nothing is proved";
        trials.push(failing("nothing_is_proved".to_owned(), text.to_owned()));
    }
    trials
}

fn trial(candidate: &Arc<Candidate>, rule: RuleSummary, options: &RunOptions, unproved: &Unproved) -> Trial {
    let kind = match rule.missing {
        Some(capability) => format!("{}, {capability} not declared", candidate.kind()),
        None => candidate.kind().to_owned(),
    };
    let name = format!("{}::{}", candidate.name(), rule.id);
    let (candidate, options) = (Arc::clone(candidate), options.clone().only(rule.id));
    let (unproved, noted) = (unproved.clone(), name.clone());
    // Ignored tests may be run, too: the rule asks for the capability again.
    let test = move || {
        let completion = judge(&candidate.run(&options))?;
        if matches!(completion, Completion::Ignored { .. }) {
            unproved.note(&noted);
        }
        Ok(completion)
    };
    Trial::ignorable_test(name, test).with_kind(kind).with_ignored_flag(rule.missing.is_some())
}

/// Judges the report of one rule. A rule that is not kept, though that is no fault, is ignored with the reason.
fn judge(report: &Report) -> Result<Completion, Failed> {
    // Outside this workspace there is no `xtask` to repeat it with.
    let explained = |outcome: &crate::RuleOutcome| match outcome.explanation() {
        nothing if nothing.is_empty() => nothing,
        text => {
            let (seed, subject, rule) = (outcome.seed, &outcome.subject, outcome.rule);
            format!("{text}  or        {SEED}={seed} cargo test -- {subject}::{rule}\n")
        }
    };
    let explained: String = report.outcomes().iter().map(explained).collect();
    let fault = report.outcomes().iter().any(crate::RuleOutcome::is_fault);
    match (fault, report.exclusion_faults()) {
        (false, []) => {
            let unproved = report.outcomes().iter().find(|outcome| outcome.verdict != Verdict::Passed);
            Ok(unproved.map_or(Completion::Completed, |outcome| Completion::ignored_with(outcome.reason())))
        }
        (_, faults) => Err(format!("{explained}{}", faults.join("\n")).into()),
    }
}

fn failing(name: String, text: String) -> Trial {
    Trial::test(name, move || Err(text.into()))
}
