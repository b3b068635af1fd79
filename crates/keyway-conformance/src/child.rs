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
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lock::locked;
use crate::{Broken, Candidate, History, RunOptions, broken, ensure};

/// The environment variable that names the subject and the rule of a second run.
const WANTED: &str = "KEYWAY_CONFORMANCE_CHILD";
/// The environment variable that names the file of the note.
const NOTE: &str = "KEYWAY_CONFORMANCE_NOTE";
/// The longest time of a second run. It is shorter than the 60 seconds that the first run may take, because the first
/// run waits for the second.
const DEADLINE: Duration = Duration::from_secs(40);

/// The note that a second run leaves for the first run.
#[derive(Default, Deserialize, Serialize)]
struct Note {
    /// The texts that must not appear in the output of the second run.
    secrets: Vec<String>,
    /// The calls that the second run made.
    calls: Vec<String>,
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
        drop(candidate.run(&options.clone().only(rule).deadline(DEADLINE)));
    }
}

/// Writes the note of a second run. Returns false in a first run.
pub(crate) fn noted(secrets: Vec<String>, history: &History) -> Result<bool, Broken> {
    let Some(file) = note() else { return Ok(false) };
    let note = serde_json::to_vec(&Note { secrets, calls: history.calls().clone() });
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
pub(crate) fn command(subject: &str, rule: &str, seed: u64, note: &Path) -> Result<Command, Broken> {
    let known = locked(&ARGUMENTS);
    let arguments = known.get(&Some(key(subject, rule))).or_else(|| known.get(&None)).cloned();
    drop(known);
    let Some(arguments) = arguments.or_else(of_unit_tests) else {
        return Err(Broken::Missing { capability: "a front end of the kit" });
    };
    let mut command = Command::new(env::current_exe().map_err(|error| failed(error.to_string()))?);
    command
        .args(arguments)
        .env(WANTED, format!("{subject}\n{rule}"))
        .env(crate::front::SEED, seed.to_string())
        .env(NOTE, note)
        .stdin(Stdio::null());
    Ok(command)
}

/// Runs the rule in a second process, and demands that the output of the second process holds no secret. The calls that
/// the second process made are added to `history`. Blocks.
pub(crate) fn must_print_no_secret(
    subject: &str,
    rule: &str,
    seed: u64,
    scratch: &Path,
    history: &History,
) -> Result<(), Broken> {
    let note = scratch.join("kit-note.json");
    let output = command(subject, rule, seed, &note)?.output().map_err(|error| failed(error.to_string()))?;
    let told = std::fs::read(&note).ok().and_then(|note| serde_json::from_slice::<Note>(&note).ok());
    let Some(Note { secrets, calls }) = told else {
        return Err(failed(format!("it left no note, and ended with {}", output.status)));
    };
    for call in calls {
        history.record(call);
    }
    for (stream, bytes) in [("standard output", &output.stdout), ("standard error", &output.stderr)] {
        let text = String::from_utf8_lossy(bytes);
        let shown = secrets.iter().any(|secret| text.contains(secret.as_str()));
        ensure(!shown, format!("no secret on {stream}"), format!("these calls printed one to {stream}"))?;
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
