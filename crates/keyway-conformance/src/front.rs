//! Provides front ends: a test program, a test, and their parts.
//!
//! In a crate that can set `harness = false` for a test, use [`conformance_main!`](crate::conformance_main): each rule
//! becomes a test with the rule's id in its name. In any other crate use
//! [`conformance_test!`](crate::conformance_test), which makes one test. To get the report itself, run a [`Candidate`].
//!
//! The environment variable `KEYWAY_SEED` sets the seed of random choices, `KEYWAY_RULE` selects the rules whose ids
//! start with it, and `KEYWAY_DEADLINE` sets the time limit of a rule in seconds, for a slow plugin. A failure prints
//! the command that repeats it, quoted for the shell.

use std::env;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Conclusion, Failed, FormatSetting, Trial};

use crate::lock::locked;
use crate::shell_words::shell_words;
use crate::{Candidate, Format, Report, RuleSummary, RunOptions, Verdict};

/// The environment variable that sets the seed.
pub const SEED: &str = "KEYWAY_SEED";

/// The environment variable that sets the time limit of a rule, in seconds.
pub const DEADLINE: &str = "KEYWAY_DEADLINE";

/// The environment variable that selects rules.
pub const RULE: &str = "KEYWAY_RULE";

/// Makes the `main` of a test program that runs every rule of its subjects' suites, each as a separate test such as
/// `generic::SEC-014`.
///
/// The program works under `cargo test` and `cargo nextest`, and takes the arguments of a test program: `cargo test
/// --test conformance -- STO-004` runs one rule. A rule that does not apply becomes an ignored test. The output shows
/// the missing capability in brackets before the name of the test. A test is also ignored, with the reason, if its rule
/// finds at run time that it has nothing to test, or if the rule is broken and has an exclusion. The last line names
/// all rules that proved nothing. If there is no subject or no rule applies, a test fails. `KEYWAY_SEED` sets the seed.
///
/// `cargo nextest` knows only the tests that are ignored from the start, and shows those that are ignored at run time
/// as passed.
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

/// Makes one test that runs every rule of a subject's suite, and fails with an explanation of each broken rule. Use it
/// only if the crate cannot set `harness = false`, because [`conformance_main!`](crate::conformance_main) shows each
/// rule as a separate test.
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

/// Reads the options from the environment: the seed, the rules and the time limit.
///
/// # Panics
/// If `KEYWAY_SEED` or `KEYWAY_DEADLINE` is not a number, since a run with another seed would not repeat the failure.
pub fn options() -> RunOptions {
    let mut options = RunOptions { only: env::var(RULE).ok(), ..RunOptions::default() };
    if let Ok(seconds) = env::var(DEADLINE) {
        let deadline = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let Some(deadline) = deadline else {
            panic!("{DEADLINE} is {seconds:?}: set it to a number of seconds")
        };
        options.deadline = deadline;
    }
    let Ok(seed) = env::var(SEED) else { return options };
    let Ok(seed) = seed.parse() else { panic!("{SEED} is {seed:?}: set it to a number") };
    options.seed(seed)
}

/// Runs one rule if this process is a second run of the program. Rules about printed output or killed processes start
/// the program again, without arguments, and name the rule in the environment. Call this function first in your own
/// `main`. If it returns an exit code, `main` must end with this code. It returns `None` in a first run, and `main`
/// then continues.
///
/// `candidates` makes all subjects that the first run may test. Blocks the thread.
#[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
pub fn second_run(candidates: impl FnOnce() -> Vec<Candidate>) -> Option<ExitCode> {
    crate::child::starts_with(None, &[]);
    crate::child::run(candidates, &options())
}

/// Runs the whole suite of a candidate for [`conformance_test!`](crate::conformance_test). `KEYWAY_SEED` sets the seed.
/// Blocks the thread.
///
/// # Panics
/// If a rule is broken or no rule applies. The message is the report.
pub fn assert_conforms(candidate: &Candidate) {
    // The test harness names the thread after the test.
    let test = thread::current().name().unwrap_or_default().to_owned();
    #[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
    {
        crate::child::starts_with(Some(candidate), &[&test, "--exact", "--nocapture", "--include-ignored"]);
        if crate::child::is_child() {
            return crate::child::run_one(candidate, &options());
        }
    }
    let report = candidate
        .run(&options())
        .repeated_by(|outcome| format!("{RULE}={} {}", outcome.rule, cargo_test(outcome.seed, None, &test)));
    print_line(report.unproved().trim_end());
    assert!(report.succeeded(), "{}", report.format(Format::Table));
}

/// Runs a test program for [`conformance_main!`](crate::conformance_main).
pub fn main(candidates: Vec<Candidate>) -> ExitCode {
    #[cfg(any(feature = "certificates", feature = "credentials", feature = "issuers", feature = "secrets"))]
    {
        crate::child::starts_with(None, &[]);
        if crate::child::is_child() {
            for candidate in &candidates {
                crate::child::run_one(candidate, &options());
            }
            return ExitCode::SUCCESS;
        }
    }
    let arguments = Arguments::from_args();
    let (conclusion, line) = conclude(&arguments, candidates, &options());
    // Programs read the list and the JSON lines, so no other line may be printed.
    if !arguments.list && arguments.format != Some(FormatSetting::Json) {
        print_line(&line);
    }
    conclusion.exit_code()
}

/// Runs the tests that the arguments select. Returns their results and a line that names the rules that proved nothing;
/// the line is empty if every rule proved something. Blocks the thread.
pub fn conclude(
    arguments: &Arguments,
    candidates: Vec<Candidate>,
    options: &RunOptions,
) -> (Conclusion, String) {
    let unproved = Unproved::default();
    let trials = noted_trials(candidates, options, &unproved);
    let ignored = trials.iter().filter(|trial| arguments.is_ignored(trial));
    for trial in ignored.filter(|trial| !arguments.is_filtered_out(trial)) {
        locked(&unproved).push(trial.name().to_owned());
    }
    let conclusion = libtest_mimic::run(arguments, trials);
    let mut tests = locked(&unproved).clone();
    tests.sort();
    let line = format!("{} proved nothing: {}", tests.len(), tests.join(", "));
    (conclusion, if tests.is_empty() { String::new() } else { line })
}

#[expect(clippy::print_stdout, reason = "it is a part of the output of a test program")]
fn print_line(line: &str) {
    if !line.is_empty() {
        println!("{line}\n");
    }
}

/// The names of the tests that proved nothing. Names are added before and while the tests run.
type Unproved = Arc<Mutex<Vec<String>>>;

/// Makes one test for each rule of each candidate, sorted. Adds a failing test for each exclusion of an unknown rule,
/// and one more if no rule applies. Other faults of an exclusion fail the test of its rule.
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
        let text = "no rule applies to any linked subject, so nothing is proved";
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
    let (unproved, noted) = (Arc::clone(unproved), name.clone());
    // A caller may run an ignored test explicitly. The rule then checks again whether the subject has the capability.
    let test = move || {
        let report = candidate.run(&options).repeated_by(|outcome| {
            let test = format!("{}::{}", outcome.subject, outcome.rule);
            cargo_test(outcome.seed, this_target().as_deref(), &test)
        });
        let completion = judge(&report)?;
        if matches!(completion, Completion::Ignored { .. }) {
            locked(&unproved).push(noted.clone());
        }
        Ok(completion)
    };
    Trial::ignorable_test(name, test).with_kind(kind).with_ignored_flag(rule.missing.is_some())
}

/// Judges the report of one rule. If the rule is not broken but proved nothing, the test is ignored with the reason.
fn judge(report: &Report) -> Result<Completion, Failed> {
    let explained: String = report.outcomes().iter().map(crate::RuleOutcome::explanation).collect();
    let fault = report.outcomes().iter().any(crate::RuleOutcome::is_fault);
    match (fault, report.exclusion_faults()) {
        (false, []) => {
            let unproved = report.outcomes().iter().find(|outcome| outcome.verdict != Verdict::Passed);
            Ok(unproved.map_or(Completion::Completed, |outcome| Completion::ignored_with(outcome.reason())))
        }
        (_, faults) => Err(format!("{explained}{}", faults.join("\n")).into()),
    }
}

/// Returns the command that runs one test of this program again. It must be run in the folder of the package or of its
/// workspace.
fn cargo_test(seed: u64, target: Option<&str>, test: &str) -> String {
    let program = env::current_exe().unwrap_or_default();
    let package = env::var("CARGO_PKG_NAME");
    let words = match (&package, target) {
        (Ok(package), Some(target)) => vec!["cargo", "test", "-p", package, "--test", target, "--"],
        (Ok(package), None) => vec!["cargo", "test", "-p", package, "--"],
        // Cargo's variables are missing, so the program was not started by cargo.
        (Err(_), _) => vec![program.to_str().unwrap_or("cargo test --")],
    };
    format!("{SEED}={seed} {}", shell_words(words.into_iter().chain([test, "--exact"])))
}

/// Returns the target name of this program, without the hash that cargo appends.
fn this_target() -> Option<String> {
    let program = env::current_exe().ok()?;
    let (target, _) = program.file_stem()?.to_str()?.rsplit_once('-')?;
    Some(target.to_owned())
}

fn failing(name: String, text: String) -> Trial {
    Trial::test(name, move || Err(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{self, DescribedPlugin};

    fn broken() -> Candidate {
        let mut plugin: DescribedPlugin = metadata::mutants::minimal();
        plugin.document = plugin.document.replace("\".\"", "\"\"");
        plugin.into()
    }

    /// Checks the whole command: it must be plain cargo, since a plugin's crate has no `cargo xtask`.
    #[test]
    fn a_failure_is_repeated_by_cargo_and_the_name_of_its_test() {
        let report = broken().run(&RunOptions::default().seed(7).only("MET-012"));
        let report =
            report.repeated_by(|outcome| cargo_test(outcome.seed, this_target().as_deref(), "a::MET-012"));
        let told = judge(&report).err().unwrap().message().unwrap().to_owned();
        let command =
            "KEYWAY_SEED=7 cargo test -p keyway-conformance --test keyway_conformance -- a::MET-012 --exact";
        assert!(told.contains(command) && !told.contains("xtask"), "{told}");
    }

    #[test]
    #[should_panic(expected = "KEYWAY_RULE=MET-012 KEYWAY_SEED=1 cargo test -p keyway-conformance -- \
                    front::tests::a_failing_test_is_repeated_by_its_name --exact")]
    fn a_failing_test_is_repeated_by_its_name() {
        assert_conforms(&broken());
    }
}
