//! `cargo xtask test`: runs all tests and the example in one command that needs only Rust.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    Failure, cargo, services, skips,
    summary::{self, Count},
};

#[derive(Debug, Default)]
struct Options {
    require_services: bool,
    install_services: bool,
}

/// Runs the task.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next().map_err(|error| error.to_string())? {
        match argument {
            lexopt::Arg::Long("require-services") => options.require_services = true,
            lexopt::Arg::Long("install-services") => options.install_services = true,
            other => return Err(other.unexpected().to_string()),
        }
    }
    services::forget_failed_environments();
    let report = new_report()?;
    let mut ended = Vec::new();
    let mut run = |(name, mut command): (&'static str, Command)| {
        println!("== {name}");
        command.env(skips::REPORT_VARIABLE, &report);
        let flag = |is_set: bool| if is_set { "1" } else { "0" };
        command.env(skips::REQUIRE_VARIABLE, flag(options.require_services));
        command.env(skips::CHANGE_VARIABLE, flag(options.install_services));
        let begun = Instant::now();
        let ran = cargo::run_and_keep(&mut command)?;
        ended.push(Ended::new(name, &ran, begun.elapsed()));
        Ok::<_, Failure>(())
    };
    // The installer of the services is built and started after this build. It waits for the network while the
    // processors have other work.
    println!("== build");
    let (build, tests) = tests();
    build_all(build)?;
    let services = options.install_services.then(services::begin);
    others().into_iter().try_for_each(&mut run)?;
    if let Some(services) = services {
        println!("== services");
        // A failed installation is only reported here: the tests that need a missing program are skipped, or fail if
        // the program is required.
        if let Err(failure) = services.and_then(services::Installation::end) {
            println!("{failure}");
        }
    }
    run(tests)?;
    let missing = skips::read(&report)?;
    remove_if_there(&report)?;
    conclude(&ended, &missing, options.require_services)
}

/// A step: its name and its command.
type Step = (&'static str, Command);

/// Returns the command that builds the tests and the programs of all other steps, and the step that runs the tests.
fn tests() -> (Command, Step) {
    let nextest = cargo::answers("cargo", &["nextest", "--version"]);
    let command = || {
        if nextest {
            let mut tests = cargo::cargo(&["nextest", "run"]);
            tests.arg("--workspace");
            return tests;
        }
        let mut tests = cargo::cargo(&["test"]);
        tests.args(["--workspace", "--lib", "--bins", "--tests", "--examples"]);
        tests
    };
    let (mut build, mut tests) = (command(), command());
    build.arg("--no-run");
    tests.arg("--no-fail-fast");
    (build, (if nextest { "tests, by cargo nextest" } else { "tests, by cargo test" }, tests))
}

/// Builds everything. A failure does not count here: the step that runs the program fails and reports it again.
fn build_all(mut build: Command) -> Result<(), Failure> {
    let begun = Instant::now();
    let success = cargo::succeeds(&mut build)?;
    println!("build: {} in {:.1} s", if success { "ok" } else { "FAILED" }, begun.elapsed().as_secs_f64());
    Ok(())
}

/// Returns the steps before the tests. Later steps run even if an earlier one failed.
fn others() -> Vec<Step> {
    let mut steps = Vec::new();
    let mut documentation = cargo::cargo(&["test"]);
    documentation.args(["--workspace", "--doc", "--no-fail-fast"]);
    steps.push(("documentation tests", documentation));
    if cargo::workspace_root().join("crates/keyway/examples/host.rs").exists() {
        let mut example = cargo::cargo(&["run"]);
        // No package is named, so that the example is the one that was built with the tests. With a package, its
        // dependencies have other features, and half of the workspace is compiled again.
        example.args(["--example", "host"]);
        steps.push(("example host", example));
    }
    steps
}

/// The result of one step.
#[derive(Debug)]
struct Ended {
    name: &'static str,
    success: bool,
    took: Duration,
    count: Count,
    /// The runner's own summary line, if it prints one for the whole step.
    line: Option<String>,
}

impl Ended {
    fn new(name: &'static str, ran: &cargo::Ran, took: Duration) -> Self {
        let summaries = summary::find(&ran.lines);
        let mut count = Count::default();
        for summary in &summaries {
            count += summary.count;
        }
        if summaries.is_empty() || (count.failed == 0 && !ran.success) {
            // A program that is not a test runner counts as one test, and so does a failed build.
            count += Count { passed: u64::from(ran.success), failed: u64::from(!ran.success) };
        }
        let line = match <[_; 1]>::try_from(summaries) {
            Ok([only]) => Some(only.line),
            Err(_) => None,
        };
        Self { name, success: ran.success, took, count, line }
    }
}

fn conclude(ended: &[Ended], missing: &[skips::Missing], require_services: bool) -> Result<(), Failure> {
    println!("\n== summary");
    let mut sum = Count::default();
    for step in ended {
        sum += step.count;
        println!(
            "{}: {} in {:.1} s: {}",
            step.name,
            if step.success { "ok" } else { "FAILED" },
            step.took.as_secs_f64(),
            step.line
                .clone()
                .unwrap_or_else(|| format!("{} passed, {} failed", step.count.passed, step.count.failed)),
        );
    }
    for program in missing {
        println!("{program}");
    }
    if missing.is_empty() {
        println!("missing: nothing; skipped: nothing");
    }
    println!("{} passed, {} failed", sum.passed, sum.failed);
    if let Some(step) = ended.iter().find(|step| !step.success) {
        return Err(format!("{} failed", step.name));
    }
    if require_services && missing.iter().any(skips::Missing::is_program) {
        return Err("a required program is missing; try --install-services".to_owned());
    }
    if sum.passed == 0 {
        return Err("not one test ran".to_owned());
    }
    Ok(())
}

/// Returns the path of a new report for this run.
fn new_report() -> Result<PathBuf, Failure> {
    let directory = cargo::target_directory();
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let report = directory.join(format!("skipped-tests-{}.tsv", std::process::id()));
    remove_if_there(&report)?;
    Ok(report)
}

fn remove_if_there(file: &Path) -> Result<(), Failure> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{} cannot be removed: {error}", file.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended, conclude};
    use crate::{cargo::Ran, skips::Missing, summary::Count};
    use std::time::Duration;

    fn ended(success: bool, lines: &[&str]) -> Ended {
        let lines = lines.iter().map(ToString::to_string).collect();
        Ended::new("step", &Ran { success, lines }, Duration::ZERO)
    }

    fn missing() -> Missing {
        Missing { program: "python3".into(), reason: String::new(), skipped: vec!["all".into()] }
    }

    #[test]
    fn a_step_that_is_no_test_runner_counts_as_one() {
        assert_eq!(ended(true, &[]).count, Count { passed: 1, failed: 0 });
        assert_eq!(ended(false, &["error: it does not compile"]).count, Count { passed: 0, failed: 1 });
        let half = ended(false, &["test result: ok. 3 passed; 0 failed", "error: the rest does not compile"]);
        assert_eq!(half.count, Count { passed: 3, failed: 1 });
    }

    #[test]
    fn a_failed_step_fails_the_task() {
        assert!(conclude(&[ended(true, &[]), ended(false, &[])], &[], false).is_err());
        assert!(conclude(&[ended(true, &[])], &[], false).is_ok());
    }

    #[test]
    fn a_missing_program_fails_only_when_required() {
        assert!(conclude(&[ended(true, &[])], &[missing()], false).is_ok());
        assert!(conclude(&[ended(true, &[])], &[missing()], true).is_err());
    }

    #[test]
    fn no_test_at_all_is_a_failure() {
        let nothing = ended(true, &["test result: ok. 0 passed; 0 failed; 0 ignored"]);
        assert_eq!(nothing.count, Count::default());
        assert!(conclude(&[nothing], &[], false).is_err());
    }
}
