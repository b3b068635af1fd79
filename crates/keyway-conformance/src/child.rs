//! Runs the test program a second time for one rule, to capture its output or to kill it.
//!
//! A process cannot capture the output of code that is linked into it, and a killed process reports nothing. So the
//! program runs itself again, with the subject and the rule in the environment. The second run calls the subject, and
//! leaves a note for the first run.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::lock::locked;
use crate::trace_capture::print_traces;
use crate::{Broken, Candidate, Failure, History, RunOptions, Subject, Trial, Verdict, broken, ensure};

/// The environment variable that names the subject and the rule of a second run.
const WANTED: &str = "KEYWAY_CONFORMANCE_CHILD";
/// The environment variable that names the file of the note.
const NOTE: &str = "KEYWAY_CONFORMANCE_NOTE";
/// The note that a second run leaves for the first run.
#[derive(Default, Deserialize, Serialize)]
struct Note {
    /// The texts that must not appear in the output of the second run.
    secrets: Vec<String>,
    /// The calls that the second run made.
    calls: Vec<String>,
    /// The reason why the second run did not get to the end of its calls.
    failure: Option<String>,
}

/// The arguments with which this program tests a subject again, by the subject's [`key`]. The key `None` means every
/// subject.
static ARGUMENTS: Mutex<BTreeMap<Option<String>, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Returns the key of a subject. It includes the kind, because subjects of different kinds may have the same name.
fn key(subject: &str, rule: &str) -> String {
    let kind = rule.split_once('-').map_or(rule, |(kind, _)| kind);
    format!("{kind} {subject}")
}

/// Sets the arguments with which this program tests the subject again. `None` means every subject.
pub(crate) fn starts_with(subject: Option<&Candidate>, with: &[&str]) {
    let of = |subject: &Candidate| key(&subject.name(), subject.rules().first().map_or("", |rule| rule.id));
    locked(&ARGUMENTS).insert(subject.map(of), with.iter().map(|&argument| argument.to_owned()).collect());
}

/// Runs the rule that the environment names, if this is a second run. Returns `None` in a first run.
pub(crate) fn run(candidates: impl FnOnce() -> Vec<Candidate>, options: &RunOptions) -> Option<ExitCode> {
    is_child().then(|| {
        for candidate in candidates() {
            run_one(&candidate, options);
        }
        ExitCode::SUCCESS
    })
}

/// Runs the rule that the environment names, if the environment also names this candidate.
pub(crate) fn run_one(candidate: &Candidate, options: &RunOptions) {
    let wanted = env::var(WANTED).unwrap_or_default();
    let (subject, rule) = wanted.split_once('\n').unwrap_or_default();
    if candidate.name() == subject && candidate.rules().iter().any(|summary| summary.id == rule) {
        print_traces();
        let report = candidate.run(&options.clone().only(rule));
        let failure = report.outcomes().iter().find_map(|outcome| match &outcome.verdict {
            Verdict::Failed(Failure { expected, observed, .. }) => Some((expected, observed)),
            _ => None,
        });
        // The rule writes the note if it gets to the end of its calls.
        if let (Some((expected, observed)), Some(file)) = (failure, note().filter(|file| !file.exists())) {
            let failure = Some(format!("expected {expected}, observed {observed}"));
            let note = serde_json::to_vec(&Note { failure, ..Note::default() });
            // Without the note, the first run reports that there is none.
            let _ = note.map_err(std::io::Error::from).and_then(|note| std::fs::write(file, note));
        }
    }
}

/// Writes the note of a second run. Returns false in a first run.
pub(crate) fn noted(secrets: Vec<String>, history: &History) -> Result<bool, Broken> {
    let Some(file) = note() else { return Ok(false) };
    let note = serde_json::to_vec(&Note { secrets, calls: history.calls(), failure: None });
    let written = note.map_err(std::io::Error::from).and_then(|note| std::fs::write(file, note));
    written.map_err(|error| broken("a note of the second run", error.to_string()))?;
    Ok(true)
}

/// Tells whether this is a second run.
pub(crate) fn is_child() -> bool {
    note().is_some()
}

/// Returns the file of the note, if this is a second run.
pub(crate) fn note() -> Option<PathBuf> {
    env::var_os(NOTE).map(PathBuf::from)
}

/// Returns the failure of a second run that proved nothing.
pub(crate) fn failed(why: String) -> Broken {
    broken("a run of the rule in a process of its own", why)
}

/// Makes the command of a second run, which leaves its note in the given file.
pub(crate) fn command<S: Subject>(trial: &Trial<'_, S>, rule: &str, note: &Path) -> Result<Command, Broken> {
    let subject = trial.subject().name();
    let known = locked(&ARGUMENTS);
    let arguments = known.get(&Some(key(&subject, rule))).or_else(|| known.get(&None)).cloned();
    drop(known);
    let Some(arguments) = arguments.or_else(of_unit_tests) else {
        return Err(Broken::Missing { capability: "a front end of the kit" });
    };
    let mut command = Command::new(env::current_exe().map_err(|error| failed(error.to_string()))?);
    command
        .args(arguments)
        .env(WANTED, format!("{subject}\n{rule}"))
        .env(crate::front::SEED, trial.seed().to_string())
        // The second run has less time than the first, because the first run waits for the second.
        .env(crate::front::DEADLINE, (trial.deadline() * 2 / 3).as_secs_f64().to_string())
        .env(NOTE, note)
        .stdin(Stdio::null());
    Ok(command)
}

/// Runs the rule in a second process, and demands that the output of the second process holds no secret, nor the traces
/// of any of its threads, which are a part of its standard error. The calls that the second process made are added to
/// the history. Blocks.
pub(crate) fn must_print_no_secret<S: Subject>(
    trial: &Trial<'_, S>,
    rule: &str,
    scratch: &Path,
) -> Result<(), Broken> {
    let note = scratch.join("kit-note.json");
    let output = command(trial, rule, &note)?.output().map_err(|error| failed(error.to_string()))?;
    let told = std::fs::read(&note).ok().and_then(|note| serde_json::from_slice::<Note>(&note).ok());
    let Some(Note { secrets, calls, failure }) = told else {
        return Err(failed(format!("it left no note, and ended with {}", output.status)));
    };
    for call in calls {
        trial.history().record(call);
    }
    if let Some(failure) = failure {
        return Err(failed(failure));
    }
    let error = "standard error or in a trace";
    for (stream, bytes) in [("standard output", &output.stdout), (error, &output.stderr)] {
        let text = String::from_utf8_lossy(bytes);
        let shown = secrets.iter().any(|secret| text.contains(secret.as_str()));
        ensure(!shown, format!("no secret on {stream}"), format!("these calls showed one on {stream}"))?;
    }
    Ok(())
}

/// Returns the arguments with which the unit tests of the kit test a mutant again, or `None` outside of these tests.
fn of_unit_tests() -> Option<Vec<String>> {
    cfg!(test).then(|| ["child::tests::a_second_run", "--exact", "--nocapture"].map(str::to_owned).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the rule that the environment names, if this is a second run. Does nothing in a first run.
    #[test]
    fn a_second_run() {
        let _ = run(all, &crate::front::options());
    }

    fn all() -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = Vec::new();
        #[cfg(feature = "certificates")]
        candidates.extend(crate::certificates::mutants::candidates());
        #[cfg(feature = "credentials")]
        candidates.extend(crate::credentials::mutants::candidates());
        #[cfg(feature = "issuers")]
        candidates.extend(crate::issuers::mutants::candidates());
        #[cfg(feature = "secrets")]
        candidates.extend(crate::secrets::mutants::candidates());
        #[cfg(feature = "client")]
        candidates.extend(crate::secrets::tests::plugins());
        candidates
    }
}
